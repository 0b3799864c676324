// Scenarios that the simulator can let happen: chosen, ordered, and what came of them.

import { choose, chosen } from "./address.js";
import { post } from "./api.js";
import { byId, el, put } from "./dom.js";
import { sign } from "./icons.js";
import { named, number, pick, seconds, span, t, when } from "./i18n.js";
import { kindTitle, siteNow, state } from "./state.js";

let look = null; // asks the board anew
let said = { text: "", bad: false };
let waits = ""; // id of the order that the simulator has not answered
let drawn = "";

const SIGNS = { found: "acknowledged", missed: "warning", running: "info", planned: "unknown" };
export const deviceName = (id) => named(pick(state.devices.get(id)?.name)) || id;
export const beatName = (id) => pick(state.beats.get(id)?.name) || id;
const places = (truth) => (truth.devices.length ? truth.devices.map(deviceName).join(t("list-comma")) : beatName(truth.beat));

export function startScenarios(asker) {
  look = asker;
}

function choice(bench) {
  return bench.scenarios.find((one) => one.name === chosen("scenario")) ?? bench.scenarios[0];
}

/** Return where a scenario can happen: anywhere, in a beat, or to a device of its type. */
function whereSelect(kind) {
  const wanted = chosen("where");
  const option = (value, text) => el("option", { value, selected: value === wanted }, text);
  const beats = state.site.beats.map((beat) => ({ beat, devices: state.site.devices.filter((one) => one.beat === beat.id && one.type === kind.device) }));
  const able = beats.filter(({ devices }) => !kind.device || devices.length);
  return el(
    "select",
    { id: "scenario-where", onchange: (event) => choose({ where: event.target.value }) },
    option("", t("bench-anywhere")),
    able.map(({ beat, devices }) =>
      kind.device
        ? el("optgroup", { label: beatName(beat.id) }, option(`beat:${beat.id}`, t("bench-in_beat", { beat: beatName(beat.id) })), devices.map((one) => option(`device:${one.id}`, `${deviceName(one.id)} · ${one.id}`)))
        : option(`beat:${beat.id}`, beatName(beat.id)),
    ),
  );
}

export function field(id, label, control, ...help) {
  return el("div", { class: "field" }, el("label", { for: id }, label), control, help.some(Boolean) && el("p", { class: "muted", id: `${id}-help` }, help));
}

function numberInput(id, [least, most], value = "") {
  return el("input", { type: "number", id, min: least, max: most, step: "any", value, inputmode: "decimal", "aria-describedby": `${id}-help` });
}

async function order(event, kind) {
  event.preventDefault();
  const [place, id] = byId("scenario-where").value.split(":");
  const value = (name) => (byId(name)?.value ? Number(byId(name).value) : null);
  said = { text: t("bench-sent"), bad: false };
  try {
    const answer = await post("/api/bench/scenarios", { scenario: kind.name, after_min: value("scenario-after") ?? 0, strength: value("scenario-strength"), minutes: value("scenario-minutes"), ...(id ? { [place]: id } : {}) });
    waits = answer.order;
  } catch (error) {
    said = { text: error.message || t("error-unreachable"), bad: true };
  }
  await look();
}

function form(bench) {
  const kind = choice(bench);
  const names = bench.scenarios.map((one) => el("option", { value: one.name, selected: one === kind }, pick(one.title)));
  const range = ([low, high]) => t("bench-usual", { low: number(low), high: number(high) });
  const pickKind = (event) => {
    choose({ scenario: event.target.value, where: "" });
    drawn = "";
    drawScenarios(bench);
    byId("scenario-name").focus();
  };
  return el(
    "form",
    { class: "bench-form", onsubmit: (event) => order(event, kind) },
    el("h2", {}, t("bench-happen")),
    field("scenario-name", t("bench-what"), el("select", { id: "scenario-name", onchange: pickKind, "aria-describedby": "scenario-name-help" }, names), pick(kind.does), " ", kind.by_night && t("bench-by_night")),
    el("p", { class: "muted" }, t("bench-found_as", { kinds: kind.found_as.map(kindTitle).join(t("list-comma")) })),
    field("scenario-where", t("bench-where"), whereSelect(kind)),
    el(
      "div",
      { class: "bench-three" },
      kind.strengths && field("scenario-strength", t("bench-strength"), numberInput("scenario-strength", kind.strengths), `${pick(kind.unit)}${t("list-comma")}${range(kind.usual)}`),
      kind.minutes && field("scenario-minutes", t("bench-minutes"), numberInput("scenario-minutes", kind.minutes), range(kind.lasts)),
      field("scenario-after", t("bench-after"), numberInput("scenario-after", [0, 1440], "0"), t("bench-at_once")),
    ),
    el("button", { class: "main", type: "submit", disabled: bench.simulator !== "runs" }, t("bench-go")),
    el("p", { id: "scenario-said", role: "status" }),
  );
}

/** Return what the simulator has answered to the last order. */
function answer(bench) {
  if (!waits) return said;
  const taken = bench.happened.find(({ truth }) => truth.order === waits);
  const refused = bench.refused.find((one) => one.order === waits);
  if (taken) return { text: t(taken.truth.start > siteNow() ? "bench-taken" : "bench-began", { time: seconds(taken.truth.start) }), bad: false };
  return refused ? { text: pick(refused.text), bad: true } : said;
}

function row(one) {
  const { truth } = one;
  const by = truth.order ? (truth.strength === null ? t("bench-ordered") : t("bench-ordered_strength", { strength: number(truth.strength) })) : t("bench-chance");
  const words = one.state === "found" ? t("bench-found", { span: span(one.after_s * 1000) }) : t(`bench-${one.state}`);
  const found = one.alert ? el("a", { href: `/alert?id=${encodeURIComponent(one.alert)}` }, words) : words;
  return el(
    "tr",
    { class: one.state, "data-row": truth.id, "data-state": one.state },
    el("td", { class: "bench-state" }, sign(SIGNS[one.state]), el("span", {}, found)),
    el("th", { scope: "row", tabindex: "0" }, pick(one.title)),
    el("td", {}, places(truth)),
    el("td", { class: "bench-time", "data-label": t("bench-col_began") }, when(truth.start, siteNow())),
    el("td", { class: "bench-time", "data-label": t("bench-col_ends") }, truth.end <= siteNow() ? when(truth.end, siteNow()) : "—"),
    el("td", {}, by),
  );
}

function table(bench) {
  const over = bench.happened.filter((one) => ["found", "missed"].includes(one.state));
  const found = over.filter((one) => one.state === "found");
  const head = ["state", "what", "where", "began", "ends", "by"].map((name) => el("th", { scope: "col" }, t(`bench-col_${name}`)));
  return [
    el("header", { class: "section-line" }, el("h2", {}, t("bench-happened")), over.length > 0 && el("span", { class: "muted" }, t("bench-tally", { found: found.length, over: over.length }))),
    bench.happened.length ? el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("bench-happened") }, el("table", { class: "bench-table" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, bench.happened.map(row)))) : el("p", { class: "muted" }, t("bench-nothing")),
  ];
}

export function drawScenarios(bench) {
  const panel = byId("panel-scenarios");
  const kept = JSON.stringify([document.documentElement.lang, chosen("scenario"), bench.simulator, state.site.places]);
  if (kept !== drawn || !byId("scenario-said")) {
    // What somebody is typing stays: the form is made anew only where it has to be another one.
    drawn = kept;
    put(
      panel,
      bench.simulator === "none" && el("p", { class: "bench-note", role: "note" }, t("bench-no_simulator")),
      bench.simulator === "silent" && el("p", { class: "bench-note bad", role: "note" }, t("bench-silent")),
      el("div", { class: "bench-two" }, form(bench), el("div", { id: "bench-happened", class: "bench-list" })),
    );
  }
  const list = byId("bench-happened");
  const look = JSON.stringify([bench.happened, document.documentElement.lang, Math.floor(siteNow() / 60_000)]);
  if (list.dataset.look !== look && !list.contains(document.activeElement)) {
    list.dataset.look = look;
    put(list, bench.simulator !== "none" && table(bench));
  }
  const { text, bad } = answer(bench);
  byId("scenario-said").className = bad ? "failed" : "muted";
  byId("scenario-said").textContent = text;
}
