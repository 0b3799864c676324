// Which alerts some days would have had with other settings, places or models: begun here, and compared on map and list.

import { choose, chosen } from "./address.js";
import { get, post } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { number, percent, pick, shortDay, minutes, t, word } from "./i18n.js";
import { plainMap } from "./plain_map.js";
import { beatName, deviceName, field } from "./scenarios.js";
import { kindTitle, state } from "./state.js";

const WAIT_MS = 1000;
const FIRST = ["alerts.per_day", "alerts.group_m", "pipeline.silent_s"];
const SHAPES = { new: "M0-15V15M-15 0H15", gone: "M-15 0H15", different: "M-15 5Q-8-9 0 0T15-5" };

let redraw = null;
let works = null; // what is under way, and what is kept
let result = null; // {work, result} of the run that is looked at
let drawn = "";
let failed = "";
let timer = 0;

const running = () => works?.find((one) => one.state === "running");
const moment = (ms) => `${shortDay(ms)} ${minutes(ms)}`;
const shown = (value) => (Array.isArray(value) ? value.join(", ") : typeof value === "number" ? number(value) : String(value ?? "")) || "—";

export function startWhatIf(drawer) {
  redraw = drawer;
  look();
}

async function look() {
  clearTimeout(timer);
  try {
    works = (await get("/api/work")).work.filter((one) => one.kind === "whatif" || one.state === "running");
    failed = "";
    const wanted = works.find((one) => one.id === chosen("run")) ?? works.find((one) => one.kind === "whatif");
    if (wanted && (wanted.id !== result?.work.id || wanted.state !== result.work.state)) result = await get(`/api/work/${wanted.id}`);
    else if (wanted) result.work = wanted;
    else result = null;
  } catch (error) {
    failed = error.message;
  }
  redraw();
  if (running()) timer = setTimeout(look, WAIT_MS);
}

/** Return what was tried in a run, in few words. */
function about(work) {
  const { set, models, places } = work.about;
  const parts = Object.entries(set ?? {}).map(([key, value]) => `${key} = ${value}`);
  if (places) parts.push(t("bench-with_places"));
  if (models && models !== "kept") parts.push(`${t("bench-models")}: ${t(`bench-models_${models}`)}`);
  return parts.join(t("list-comma")) || work.kind;
}

async function begin(event) {
  event.preventDefault();
  const set = {};
  for (const input of document.querySelectorAll("[data-setting]")) if (input.value.trim()) set[input.dataset.setting] = input.value.trim();
  const file = byId("whatif-places").files[0];
  try {
    const body = { set, models: byId("whatif-models").value, places: file ? await file.text() : "", from: byId("whatif-from").value, to: byId("whatif-to").value };
    const work = await post("/api/bench/whatif", body);
    choose({ run: work.id });
    failed = "";
  } catch (error) {
    failed = error.message || t("error-unreachable");
    redraw();
    return;
  }
  await look();
}

function settingRow({ key, now, means }) {
  const id = `try-${key}`;
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, el("label", { for: id }, key), el("p", { class: "muted" }, means)),
    el("td", {}, shown(now)),
    el("td", {}, el("input", { id, "data-setting": key, placeholder: shown(now), autocomplete: "off", spellcheck: "false" })),
  );
}

function settingsTable(settings) {
  const head = ["key", "now", "then"].map((name) => el("th", { scope: "col" }, t(`bench-${name}`)));
  return el("table", { class: "bench-settings" }, el("thead", {}, el("tr", {}, head)), el("tbody", {}, settings.map(settingRow)));
}

function form(bench) {
  const first = FIRST.map((key) => bench.settings.find((one) => one.key === key)).filter(Boolean);
  const rest = bench.settings.filter((one) => !FIRST.includes(one.key));
  const models = ["kept", "store", "none"].map((name) => el("option", { value: name }, t(`bench-models_${name}`)));
  return el(
    "form",
    { class: "bench-form", onsubmit: begin },
    el("h2", {}, t("bench-try")),
    el("p", { class: "muted" }, t("bench-try_help")),
    settingsTable(first),
    rest.length > 0 && el("details", {}, el("summary", {}, t("bench-other")), settingsTable(rest)),
    field("whatif-models", t("bench-models"), el("select", { id: "whatif-models" }, models)),
    field("whatif-places", t("bench-places"), el("input", { type: "file", id: "whatif-places", accept: ".geojson,.json" })),
    el("div", { class: "bench-span" }, field("whatif-from", t("bench-from"), el("input", { type: "datetime-local", id: "whatif-from" })), field("whatif-to", t("bench-to"), el("input", { type: "datetime-local", id: "whatif-to" }))),
    el("p", { class: "muted" }, t("bench-span_help")),
    el("button", { class: "main", type: "submit", id: "whatif-begin" }, t("bench-begin")),
    el("p", { id: "whatif-said", class: "failed", role: "alert" }),
  );
}

function progress(work) {
  const known = work.done !== null;
  const bar = el("progress", { max: "1", value: known ? work.done : null, "aria-label": about(work) });
  const cancel = async () => {
    await post(`/api/work/${work.id}/cancel`, {}).catch(() => {});
    await look();
  };
  return el("div", { class: "bench-progress" }, el("strong", {}, about(work)), bar, el("span", { role: "status" }, known ? t("bench-progress", { percent: percent(work.done) }) : t("bench-starting")), el("button", { type: "button", id: "whatif-cancel", onclick: cancel }, t("bench-cancel")));
}

function runs() {
  const mine = (works ?? []).filter((one) => one.kind === "whatif");
  if (!mine.length) return el("p", { class: "muted" }, t("bench-no_runs"));
  const options = mine.map((one) => el("option", { value: one.id, selected: one.id === result?.work.id }, `${moment(one.begun_ms)} · ${about(one)} · ${t(`bench-state_${one.state}`)}`));
  const change = (event) => {
    choose({ run: event.target.value });
    look();
  };
  return field("whatif-run", t("bench-runs"), el("select", { id: "whatif-run", onchange: change }, options));
}

/** Return where an alert is on the map; null where none of its devices is. */
function placeOf(alert) {
  return (alert.devices?.length ? alert.devices : [alert.device]).map((id) => state.devices.get(id)).find(Boolean) ?? null;
}

/** Return what differs as rows of one list, in order of time. */
function differences(found) {
  const rows = [
    ...found.new.map((alert) => ({ what: "new", alert, because: alert.because })),
    ...found.gone.map((alert) => ({ what: "gone", alert, because: alert.because })),
    ...found.different.map((one) => ({ what: "different", alert: one.now, then: one.then, fields: one.fields })),
  ];
  return rows.sort((a, b) => a.alert.raised_ms - b.alert.raised_ms).map((one, index) => ({ ...one, key: String(index) }));
}

function show(key) {
  for (const node of document.querySelectorAll("[data-difference], [data-mark]")) node.classList.toggle("chosen", (node.dataset.difference ?? node.dataset.mark) === key);
  document.querySelector(`[data-difference="${key}"]`)?.scrollIntoView({ block: "nearest" });
}

function line(alert) {
  const ended = alert.ended_ms ? `–${shortDay(alert.ended_ms) === shortDay(alert.raised_ms) ? minutes(alert.ended_ms) : moment(alert.ended_ms)}` : "–";
  return el("span", { class: "bench-line" }, el("span", { class: "muted" }, `${moment(alert.raised_ms)}${ended} · ${word("severity", alert.severity)} · ${placeOf(alert) ? deviceName(alert.device) : beatName(alert.beat)}`), el("span", {}, pick(alert.text)));
}

function differenceRow(one) {
  const because = one.because && t(`bench-because_${one.because}`);
  return el(
    "li",
    { class: `difference ${one.what}`, "data-difference": one.key, "data-row": one.key },
    el(
      "button",
      { type: "button", class: "difference-button", onclick: () => show(one.key) },
      mark(one.what),
      el("span", { class: "difference-body" }, el("strong", {}, `${t(`bench-${one.what}`)} · ${kindTitle(one.alert.kind)}`), because && el("span", { class: "tag" }, because), line(one.alert), one.then && el("span", { class: "difference-then" }, el("em", {}, t("bench-would")), line(one.then))),
    ),
  );
}

function mark(what) {
  const box = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  box.setAttribute("viewBox", "-20 -20 40 40");
  box.setAttribute("class", `difference-mark ${what}`);
  box.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", SHAPES[what]);
  box.append(path);
  return box;
}

function outcome({ work, result: found }) {
  if (work.state !== "done" || !found) return work.state === "running" ? [] : [el("p", { class: work.state === "failed" ? "failed" : "muted", role: "status" }, `${t(`bench-state_${work.state}`)}${work.why ? `: ${work.why}` : ""}`)];
  const rows = differences(found);
  const passed = Object.keys(found.passed_by).length;
  const values = { from: moment(found.from_ms), to: moment(found.to_ms), now: found.alerts.now, then: found.alerts.then, new: found.new.length, gone: found.gone.length, different: found.different.length };
  const marks = rows.flatMap((one) => {
    const place = placeOf(one.alert);
    const label = `${t(`bench-${one.what}`)}: ${kindTitle(one.alert.kind)}, ${moment(one.alert.raised_ms)}`;
    return place ? [{ key: one.key, lon: place.lon, lat: place.lat, className: one.what, shape: SHAPES[one.what], label, press: () => show(one.key) }] : [];
  });
  const legend = ["new", "gone", "different"].map((what) => el("li", {}, mark(what), t(`bench-legend_${what}`)));
  return [
    el("p", { id: "whatif-counts" }, t("bench-counts", values)),
    el("p", { class: "muted" }, t(`bench-begun_${found.begun.with}`, { time: moment(found.begun.ms) }), " ", passed > 0 && t("bench-passed", { n: passed })),
    rows.length ? el("ul", { class: "bench-legend" }, legend) : el("p", {}, t("bench-same")),
    rows.length > 0 && el("div", { class: "bench-two even" }, plainMap(marks, t("bench-map")), el("ol", { class: "differences" }, rows.map(differenceRow))),
  ];
}

export function drawWhatIf(bench) {
  const language = document.documentElement.lang;
  if (drawn !== language || !byId("whatif-begin")) {
    drawn = language;
    put(byId("panel-whatif"), el("div", { class: "bench-two wide-right" }, form(bench), el("div", { class: "bench-list" }, el("div", { id: "whatif-progress" }), el("div", { id: "whatif-runs" }), el("div", { id: "whatif-outcome" }))));
  }
  const now = running();
  byId("whatif-begin").disabled = Boolean(now);
  say(byId("whatif-said"), failed);
  const parts = { progress: [now && now.kind === "whatif" && progress(now)], runs: [runs()], outcome: result ? outcome(result) : [] };
  const looks = { progress: JSON.stringify([now, language]), runs: JSON.stringify([(works ?? []).map((one) => [one.id, one.state]), result?.work.id, language]), outcome: JSON.stringify([result?.work.id, result?.work.state, language]) };
  for (const [name, content] of Object.entries(parts)) {
    const box = byId(`whatif-${name}`);
    if (box.dataset.look === looks[name]) continue;
    const focused = box.contains(document.activeElement) && document.activeElement.id;
    box.dataset.look = looks[name];
    put(box, content);
    if (focused) byId(focused)?.focus();
  }
}
