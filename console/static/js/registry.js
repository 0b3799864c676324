// All devices of the site: how each stands, how it gets in, what waits for approval; and new ones are put in.

import { ApiFailure, get } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { ask, choice, field, nameFields, names, place, placeFields, say as told, types } from "./forms.js";
import { pick, t, when, word } from "./i18n.js";
import { deviceIcon } from "./icons.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { askSheet } from "./sheet.js";
import { bus, may, siteNow, standings, state, troubleOf } from "./state.js";

const SHOWN = 300;
const ALL = ["all", "alert", "trouble", "unheard"];
const ASK_AGAIN_MS = 15_000;
let registry = null;
let failure = "";
let drawn = "";
const chosen = { q: "", beat: "", type: "", stands: "all" };

function readAddress() {
  const query = new URLSearchParams(location.search);
  for (const name of Object.keys(chosen)) chosen[name] = query.get(name) ?? (name === "stands" ? "all" : "");
  if (!ALL.includes(chosen.stands)) chosen.stands = "all";
}

function writeAddress() {
  const query = new URLSearchParams(Object.entries(chosen).filter(([name, value]) => value && !(name === "stands" && value === "all")));
  history.replaceState(null, "", [...query].length ? `?${query}` : location.pathname);
}

const href = (id) => `/device?id=${encodeURIComponent(id)}`;

function fits(device, level) {
  if (chosen.beat && device.beat !== chosen.beat) return false;
  if (chosen.type && device.type !== chosen.type) return false;
  if (chosen.stands === "alert" && !["critical", "warning", "info", "acknowledged"].includes(level)) return false;
  if (chosen.stands === "trouble" && !troubleOf(device.id).length) return false;
  if (chosen.stands === "unheard" && level !== "unknown") return false;
  const words = [device.id, ...Object.values(device.name), ...Object.values(state.beats.get(device.beat)?.name ?? {})].join(" ").toLowerCase();
  return chosen.q.toLowerCase().split(/\s+/).every((one) => words.includes(one));
}

function connects(row) {
  return row?.connects.length ? row.connects.map((one) => word("by", one)).join(" + ") : t("registry-no_way");
}

function rowOf(device, level, way) {
  const trouble = troubleOf(device.id).filter((one) => one !== "unheard");
  const health = state.overview?.devices?.[device.id]?.health;
  const code = way?.code_until_ms ? t("registry-code_out", { time: when(way.code_until_ms, Date.now()) }) : "";
  const days = way?.days === null || way?.days === undefined ? "" : t("registry-days", { n: way.days });
  return el(
    "tr",
    { "data-row": device.id },
    el("td", {}, el("a", { href: href(device.id) }, deviceIcon(device.type, level), el("span", {}, pick(device.name), el("small", {}, device.id)))),
    el("td", { class: "less" }, word("type", device.type)),
    el("td", { class: "less" }, pick(state.beats.get(device.beat)?.name) || device.beat),
    el("td", {}, word("standing", level), trouble.length > 0 && el("small", { class: "bad" }, trouble.map((one) => word("trouble", one)).join(t("list-comma")))),
    el("td", { class: "less" }, health ? when(health.start, siteNow()) : "—"),
    registry?.accounts && el("td", { class: "less" }, connects(way), (days || code) && el("small", {}, [days, code].filter(Boolean).join(" · "))),
  );
}

function drawDevices() {
  const standing = standings();
  const ways = new Map((registry?.devices ?? []).map((one) => [one.id, one]));
  const all = [...state.devices.values()].map((one) => [one, standing(one.id)]);
  const found = all.filter(([device, level]) => fits(device, level));
  say(byId("counted"), found.length === all.length ? t("registry-count", { n: all.length }) : t("registry-some", { n: found.length, all: all.length }));
  const shows = may("registry") && registry?.accounts;
  const heads = ["name", "type", "beat", "state", "newest", ...(shows ? ["connects"] : [])];
  const less = ["type", "beat", "newest", "connects"];
  put(
    byId("devices"),
    found.length
      ? el("table", { class: "devices-table" }, el("thead", {}, el("tr", {}, heads.map((one) => el("th", { scope: "col", class: less.includes(one) ? "less" : null }, t(`registry-col_${one}`))))), el("tbody", {}, found.slice(0, SHOWN).map(([device, level]) => rowOf(device, level, ways.get(device.id)))))
      : el("p", { class: "empty pad" }, t(all.length ? "registry-none_found" : "registry-none")),
    found.length > SHOWN && el("p", { class: "muted pad" }, t("registry-more", { n: found.length - SHOWN })),
  );
}

function drawFilters() {
  const beats = [...state.beats.values()].map((one) => [one.id, pick(one.name) || one.id]);
  const options = (first, rest, value) => [["", first], ...rest].map(([key, text]) => el("option", { value: key, selected: key === value }, text));
  put(byId("beat"), options(t("registry-all_beats"), beats, chosen.beat));
  put(byId("kind"), options(t("registry-all_types"), types(), chosen.type));
  put(
    byId("stands"),
    ALL.map((one) => el("button", { type: "button", class: "chip", "aria-pressed": String(chosen.stands === one), onclick: () => choose("stands", one) }, t(`registry-only_${one}`))),
  );
}

function choose(name, value) {
  chosen[name] = value;
  writeAddress();
  drawFilters();
  drawDevices();
}

/** Ask how something that waits is to be taken in. */
function askApprove(one) {
  const there = [...state.devices.values()].map((device) => [device.id, `${pick(device.name)} (${device.id})`]);
  const own = one.codec === "native" ? one.match.split("/")[4] ?? "" : "";
  ask({
    title: t("registry-approve"),
    hint: t("registry-approve_hint", { who: [one.codec, one.match, one.part].filter(Boolean).join(" ") }),
    path: "/api/registry/waiting",
    fields: [
      field(t("registry-as"), choice("there", [["", t("registry-new")], ...there], "")),
      field(t("registry-id"), el("input", { name: "id", type: "text", maxlength: 48, value: own, readonly: own !== "" }), t("registry-id_hint")),
      field(t("registry-type"), choice("type", [["", t("registry-type_unknown")], ...types()], one.guess)),
      nameFields({ en: one.name, "zh-CN": one.name }),
      placeFields({ beat: one.beat }, state.beats, pick),
    ],
    read: (form) => ({ codec: one.codec, match: one.match, part: one.part, id: form.get("there") || String(form.get("id")).trim(), there: form.get("there") !== "", ...(form.get("type") && { type: form.get("type") }), ...names(form), ...place(form) }),
    done: added,
  });
}

/** Ask for a new device. */
function askNew(at = {}) {
  ask({
    title: t("registry-put_in"),
    hint: t("registry-put_in_hint"),
    path: "/api/registry",
    fields: [
      field(t("registry-id"), el("input", { name: "id", type: "text", required: true, maxlength: 48, pattern: "[A-Za-z0-9][A-Za-z0-9_-]*" }), t("registry-id_hint")),
      field(t("registry-type"), choice("type", types(), "camera")),
      nameFields(),
      placeFields(at, state.beats, pick),
    ],
    read: (form) => ({ id: String(form.get("id")).trim(), type: form.get("type"), ...names(form), ...place(form) }),
    done: added,
  });
}

function added(answer, body, dialog) {
  told(body, dialog, t("registry-added", { device: answer.id, topic: answer.topic }));
  const more = registry?.accounts ? el("button", { type: "button", onclick: () => askSheet(answer.id, load) }, t("registry-sheet")) : null;
  body.querySelector(".actions").prepend(...[more, el("a", { class: "button", href: href(answer.id) }, t("registry-to_device"))].filter(Boolean));
  load();
}

function drawWaiting() {
  const waiting = registry?.waiting ?? [];
  byId("waiting").hidden = !may("registry") || !waiting.length;
  put(
    byId("waiting"),
    el("header", { class: "section-line" }, el("h2", {}, t("registry-waiting")), el("span", { class: "count", "data-level": "warning" }, String(waiting.length)), el("p", { class: "muted" }, t("registry-waiting_hint"))),
    el(
      "ul",
      { class: "waits" },
      waiting.map((one) =>
        el(
          "li",
          { "data-row": one.match },
          el("span", {}, el("strong", {}, one.name || one.match), " ", el("span", { class: "mono" }, [one.codec, one.match, one.part].filter(Boolean).join(" ")), el("small", {}, t("registry-waits", { guess: one.guess ? word("type", one.guess) : t("registry-guess_none"), via: one.device || "—", time: one.last_ms ? when(one.last_ms, siteNow()) : "—" }))),
          el("button", { type: "button", class: "main", onclick: () => askApprove(one) }, t("registry-approve")),
        ),
      ),
    ),
  );
}

function draw() {
  drawPage();
  document.title = `${t("registry-title")} · ${pick(state.site?.name) || "PatrolGrid"}`;
  const look = JSON.stringify([registry, failure, state.overview?.generation, document.documentElement.lang]);
  if (look === drawn || document.activeElement?.tagName === "SELECT") return;
  drawn = look;
  const why = failure || (registry?.unwritable ? t("registry-unwritable", { why: registry.unwritable }) : "");
  byId("unwritable").hidden = !why;
  say(byId("unwritable"), why);
  byId("put-in").hidden = !may("registry") || !registry || Boolean(registry.unwritable);
  drawFilters();
  drawWaiting();
  const focus = document.activeElement?.closest?.("tr")?.dataset.row;
  drawDevices();
  if (focus) document.querySelector(`tr[data-row="${CSS.escape(focus)}"] a`)?.focus({ preventScroll: true });
}

async function load() {
  if (!may("registry")) return;
  try {
    registry = await get("/api/registry");
    failure = "";
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    failure = error.message || t("error-unreachable");
  }
  draw();
}

async function start() {
  readAddress();
  await startPage();
  byId("search").value = chosen.q;
  byId("search").addEventListener("input", (event) => choose("q", event.target.value));
  byId("beat").addEventListener("change", (event) => choose("beat", event.target.value));
  byId("kind").addEventListener("change", (event) => choose("type", event.target.value));
  byId("put-in").addEventListener("click", () => askNew());
  for (const name of ["change", "language", "link"]) bus.addEventListener(name, draw);
  keepUp();
  await load();
  draw();
  const asked = new URLSearchParams(location.search);
  if (may("registry") && asked.has("at")) {
    const [lon, lat] = asked.get("at").split(",");
    askNew({ lon, lat, beat: asked.get("beat") ?? "" });
  }
  setInterval(() => !document.hidden && !state.busy && load(), ASK_AGAIN_MS);
}

start();
