// What the API does, as its document says, and a try of what only reads. Nothing here is written by hand but the layout.

import { get } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { currentLanguage, number, t } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { bus } from "./state.js";

const MOST = 20_000; // characters of an answer that are shown
const DEEPEST = 6;
const SECRET = "$PATROLGRID_TOKEN";

let document_ = null;
let error = "";

/** Return a schema with what it refers to, and the name of that. */
function resolved(schema) {
  const name = schema.$ref?.split("/").pop();
  return name ? { ...document_.components.schemas[name], ...schema, name } : schema;
}

/** Return the values that a schema allows, where it names them. */
function valuesOf(given) {
  const schema = resolved(given);
  const found = schema.enum ?? schema.anyOf?.map(valuesOf).flat();
  return found?.includes(null) ? null : found ?? (schema.type === "boolean" ? ["true", "false"] : null);
}

/** Return the words for a type: its name, what else it may be, or its values. */
function typeOf(given) {
  const schema = resolved(given);
  if (schema.enum) return schema.enum.map((one) => (one === "" ? '""' : String(one))).join(" | ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" | ");
  if (schema.type === "array") return `[${schema.items ? typeOf(schema.items) : ""}]`;
  if (schema.name) return schema.name;
  if (schema.type === "object" && schema.additionalProperties) return `{… → ${typeOf(schema.additionalProperties)}}`;
  const limits = [schema.minimum ?? schema.exclusiveMinimum, schema.maximum].map((one) => one ?? "");
  const between = limits.some((one) => one !== "") ? ` ${limits.join("…")}` : "";
  return `${schema.format ?? schema.type ?? "…"}${between}`;
}

/** Return the schema inside of lists, of values by key, and of what may be null, as far as it has fields. */
function withFields(given) {
  const schema = resolved(given);
  if (schema.properties) return schema;
  const inner = schema.items ?? (schema.additionalProperties === true ? null : schema.additionalProperties);
  const found = [inner, ...(schema.anyOf ?? [])].filter((one) => one && typeof one === "object").map(withFields);
  return found.find(Boolean) ?? null;
}

function fieldsOf(schema, depth = 0) {
  return el(
    "ul",
    { class: "schema" },
    Object.entries(schema.properties).map(([name, field]) => {
      const told = [el("code", {}, name), " ", el("span", { class: "type" }, typeOf(field)), field.description && el("span", { class: "told" }, ` ${field.description}`)];
      const inner = depth < DEEPEST ? withFields(field) : null;
      if (!inner) return el("li", {}, told);
      const box = el("details", {}, el("summary", {}, told));
      box.addEventListener("toggle", () => box.open && box.children.length === 1 && box.append(fieldsOf(inner, depth + 1)), { once: true });
      return el("li", {}, box);
    }),
  );
}

/** Return a field to fill in for a parameter. */
function inputFor(parameter, id) {
  const schema = resolved(parameter.schema);
  const several = schema.type === "array";
  const values = valuesOf(several ? schema.items : schema);
  const name = { id, "data-name": parameter.name, "data-in": parameter.in, "data-several": several };
  if (values) return el("select", name, el("option", { value: "" }, "—"), values.map((one) => el("option", { value: one }, String(one))));
  const usual = schema.default === undefined ? "" : String(schema.default);
  return el("input", { ...name, type: "text", autocomplete: "off", placeholder: usual, required: parameter.required });
}

/** Return the address that the fields of an operation make. */
function addressOf(path, fields) {
  const query = new URLSearchParams();
  let address = path;
  for (const field of fields) {
    const value = field.value.trim();
    if (field.dataset.in === "path") address = address.replace(`{${field.dataset.name}}`, encodeURIComponent(value));
    else if (value) for (const one of "several" in field.dataset ? value.split(/[,\s，]+/) : [value]) query.append(field.dataset.name, one);
  }
  return [...query].length ? `${address}?${query}` : address;
}

async function tryOut(address, outcome) {
  const began = performance.now();
  put(outcome, el("p", { class: "muted" }, t("docs-asking")));
  try {
    const answer = await fetch(address, { headers: { "Accept-Language": currentLanguage() } });
    const text = await answer.text();
    const took = t("docs-took", { status: answer.status, ms: number(performance.now() - began, 0), size: number(text.length / 1000, 1) });
    const json = (answer.headers.get("Content-Type") ?? "").includes("json");
    const shown = json ? JSON.stringify(JSON.parse(text), null, 1) : text;
    const rest = shown.length - MOST;
    put(outcome, el("p", { class: answer.ok ? "" : "failed", role: "status" }, took), el("pre", { tabindex: "0" }, shown.slice(0, MOST) + (rest > 0 ? `\n${t("docs-cut", { count: number(rest, 0) })}` : "")));
  } catch {
    put(outcome, el("p", { class: "failed", role: "status" }, t("error-unreachable")));
  }
}

const curl = (method, path, body) =>
  [
    method === "GET" ? "curl -s" : `curl -s -X ${method} -H 'X-PatrolGrid: 1'`,
    `-H "Authorization: Bearer ${SECRET}"`,
    body && "-H 'Content-Type: application/json' -d '{…}'",
    `'${location.origin}${path}'`,
  ].filter(Boolean).join(" ");

function insideOf(method, path, operation) {
  const reads = method === "GET";
  const parameters = operation.parameters.filter((one) => one.in !== "header");
  const fields = [];
  const form = el(
    "form",
    {},
    el("div", { class: "asked" }, parameters.map((one) => {
      const field = inputFor(one, `${operation.operationId}-${one.name}`);
      fields.push(field);
      return el("label", { for: field.id }, el("span", {}, el("b", {}, one.name), " ", el("span", { class: "type" }, typeOf(one.schema))), one.description && el("span", {}, one.description), field);
    })),
  );
  const answer = Object.entries(operation.responses).find(([status]) => status.startsWith("2"));
  const [media, { schema }] = Object.entries(answer[1].content)[0];
  const line = el("pre", { tabindex: "0" });
  const outcome = el("div", { class: "outcome" });
  const body = operation.requestBody?.content["application/json"]?.schema;
  const draw = () => say(line, curl(method, addressOf(path, fields), body));
  form.addEventListener("input", draw);
  draw();
  const endless = media === "text/event-stream";
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    tryOut(addressOf(path, fields), outcome);
  });
  if (reads && !endless) form.append(el("p", {}, el("button", { type: "submit", class: "main" }, t("docs-try"))));
  const refused = Object.entries(operation.responses).filter(([status]) => !status.startsWith("2"));
  return el(
    "div",
    { class: "inside" },
    el("p", {}, operation["x-right"] ? t("docs-right", { right: operation["x-right"] }) : t("docs-everybody")),
    form,
    !reads && el("p", { class: "muted" }, t("docs-changes")),
    line,
    outcome,
    body && el("h3", {}, t("docs-body")),
    body && fieldsOf(withFields(body) ?? { properties: {} }),
    el("h3", {}, `${t("docs-answer")} ${answer[0]} ${media}`),
    schema && withFields(schema) ? fieldsOf(withFields(schema)) : null,
    el("h3", {}, t("docs-refused")),
    el("ul", { class: "refusals" }, refused.map(([status, one]) => el("li", {}, el("code", {}, status), ` ${one.description}`))),
  );
}

function rowOf(method, path, operation) {
  const key = `${method} ${path}`;
  const box = el(
    "details",
    { class: "operation", "data-row": true, "data-key": key },
    el("summary", {}, el("span", { class: "method", "data-changes": method !== "GET" }, method), el("code", {}, path), el("span", { class: "muted" }, operation.summary)),
  );
  box.addEventListener("toggle", () => {
    if (box.open && box.children.length === 1) box.append(insideOf(method, path, operation));
    remember();
  });
  return box;
}

/** Keep in the address what is looked for and what is open, so that it can be sent to somebody. */
function remember() {
  const query = new URLSearchParams();
  if (byId("search").value) query.set("q", byId("search").value);
  for (const one of document.querySelectorAll(".operation[open]")) query.append("open", one.dataset.key);
  history.replaceState(null, "", [...query].length ? `?${query}` : location.pathname);
}

function filter() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const section of byId("operations").children) {
    let here = 0;
    for (const row of section.querySelectorAll(".operation")) {
      const text = row.firstElementChild.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      here += row.hidden ? 0 : 1;
    }
    section.hidden = here === 0;
    shown += here;
  }
  say(byId("found"), error || (shown ? t("docs-found", { n: shown }) : t("docs-nothing")));
  remember();
}

function draw() {
  const open = new Set([...document.querySelectorAll(".operation[open]")].map((one) => one.dataset.key).concat(new URLSearchParams(location.search).getAll("open")));
  const groups = new Map();
  for (const [path, ways] of Object.entries(document_?.paths ?? {})) {
    for (const [method, operation] of Object.entries(ways)) {
      const [tag] = operation.tags;
      groups.set(tag, [...(groups.get(tag) ?? []), rowOf(method.toUpperCase(), path, operation)]);
    }
  }
  say(byId("about"), document_?.info.description ?? "");
  put(byId("operations"), [...groups].map(([tag, rows]) => el("section", {}, el("h2", {}, tag), rows)));
  for (const row of document.querySelectorAll(".operation")) row.open = open.has(row.dataset.key);
  byId("search").placeholder = t("docs-search");
  filter();
}

async function load() {
  try {
    document_ = await get(`/api/openapi.json?lang=${currentLanguage()}`);
    error = "";
  } catch (failure) {
    error = failure.message || t("error-unreachable");
  }
  draw();
}

async function start() {
  await startPage();
  byId("search").value = new URLSearchParams(location.search).get("q") ?? "";
  byId("search").addEventListener("input", filter);
  bus.addEventListener("language", () => {
    drawPage();
    load();
  });
  for (const name of ["change", "link"]) bus.addEventListener(name, drawPage);
  drawPage();
  await load();
  keepUp();
}

start();
