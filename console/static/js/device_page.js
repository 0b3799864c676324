// The page of one device: who it is, what it says just now, its history with states, its learnt week, how it connects.

import { ApiFailure, get } from "./api.js";
import { BandChart, points } from "./chart.js";
import { connectsView } from "./connects.js";
import { byId, el, put } from "./dom.js";
import { ask, field, nameFields, names, place, placeFields, say as told } from "./forms.js";
import { HeardView } from "./heard.js";
import { day, number, percent, pick, span, t, when, word } from "./i18n.js";
import { deviceIcon, sign } from "./icons.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { askSheet } from "./sheet.js";
import { bus, heard, kindTitle, may, siteNow, standing, state, troubleOf } from "./state.js";
import { WeekView } from "./week.js";

const RANGES = [3, 12, 24, 72, 168, 336];
const LEAST_MS = 5000;
const ODD_SHOWN = 12;
const id = new URLSearchParams(location.search).get("id") ?? "";
const api = (path) => `/api/${path.replace("ID", encodeURIComponent(id))}`;
const query = new URLSearchParams(location.search);
let hours = RANGES.includes(Number(query.get("hours"))) ? Number(query.get("hours")) : 24;
let chosen = query.get("series") ?? "";
let data = null;
let rhythm = null;
let way = null;
let wayFailed = "";
let failure = "";
let drawn = "";
const chart = new BandChart();
const weeks = new Map();
const listening = new HeardView(id);

const seriesKey = (one) => `${one.kind}/${one.metric}`;
const seriesName = (one) => word("metric", one.metric);
const unitOf = (one) => (one.kind === "level" && t(`unit-${one.metric}`) !== `unit-${one.metric}` ? t(`unit-${one.metric}`) : "");

function writeAddress() {
  const said = new URLSearchParams({ id, ...(hours !== 24 && { hours }), ...(chosen && { series: chosen }) });
  history.replaceState(null, "", `?${said}`);
}

function actions(device) {
  if (!may("registry")) return null;
  const path = (what) => api(`registry/ID/${what}`);
  const why = () => field(t("registry-why"), el("input", { name: "why", type: "text", maxlength: 200 }), t("registry-why_hint"));
  const readWhy = (form) => ({ why: String(form.get("why")).trim() });
  const button = (key, press, kind = "") => el("button", { type: "button", class: kind, onclick: press }, t(key));
  const rename = () => ask({ title: t("registry-name"), path: path("name"), fields: [nameFields(device.name)], read: names, done: (_, body, dialog) => told(body, dialog, t("registry-named")) });
  const move = () =>
    ask({
      title: t("registry-move"),
      hint: t("registry-move_hint"),
      path: path("move"),
      fields: [placeFields(device, state.beats, pick), el("a", { class: "button", href: `/places?device=${encodeURIComponent(id)}` }, t("registry-on_map"))],
      read: place,
      done: (answer, body, dialog) => told(body, dialog, t("registry-moved", { beat: pick(state.beats.get(answer.beat)?.name) || answer.beat }), answer.beat !== device.beat && t("registry-moved_topic", { topic: answer.topic })),
    });
  const replace = () =>
    ask({
      title: t("registry-replace"),
      hint: t("registry-replace_hint"),
      path: path("replace"),
      fields: [why()],
      read: readWhy,
      danger: true,
      done: (_, body, dialog) => {
        told(body, dialog, t("registry-replaced"));
        body.querySelector(".actions").prepend(el("button", { type: "button", onclick: () => askSheet(id, loadOnce) }, t("registry-sheet")));
      },
    });
  const retire = () =>
    ask({
      title: t("registry-retire"),
      hint: t("registry-retire_hint"),
      path: path("retire"),
      fields: [why()],
      read: readWhy,
      danger: true,
      done: (_, body, dialog) => {
        told(body, dialog, t("registry-retired"));
        dialog.addEventListener("close", () => location.assign("/devices"));
      },
    });
  const accounts = way?.accounts === "here";
  return el("div", { class: "actions" }, button("registry-name", rename), button("registry-move", move), accounts && button("registry-sheet", () => askSheet(id, loadOnce)), accounts && button("registry-replace", replace), button("registry-retire", retire, "danger"));
}

function drawWho() {
  const device = state.devices.get(id);
  if (!device) {
    put(byId("who"), el("h2", {}, id || t("registry-title")), el("p", { class: "empty" }, way ? t("registry-soon") : t("registry-unknown", { id })), el("a", { class: "button", href: "/devices" }, t("registry-back")));
    return;
  }
  const health = data?.health;
  const trouble = troubleOf(id);
  const level = standing(id);
  const row = (name, value, kind = "") => [el("dt", {}, t(name)), el("dd", { class: kind }, value)];
  const agent = data?.agent;
  put(
    byId("who"),
    el("div", { class: "who-head" }, deviceIcon(device.type, level), el("div", {}, el("h2", {}, pick(device.name) || id), el("span", { class: "muted" }, `${word("type", device.type)} · ${pick(state.beats.get(device.beat)?.name) || device.beat}`))),
    el(
      "dl",
      { class: "facts-list" },
      row("device-id", el("span", { class: "mono" }, id)),
      row("device-standing", word("standing", level), `standing-${level}`),
      row("device-quality", health && heard() ? percent(health.quality) : "—", trouble.length && health ? "bad" : ""),
      trouble.length > 0 && row("device-trouble", trouble.map((one) => word("trouble", one)).join(t("list-comma")), "bad"),
      health && row("device-counts", t("device-counted", { received: number(health.received), missing: number(health.missing), late: number(health.late), duplicate: number(health.duplicate) })),
      health && row("device-clock", Math.abs(health.skew_s) > 5 ? t("span-s", { n: number(health.skew_s, 0) }) : t("device-clock_right")),
      agent && row("device-agent", t("device-agent_said", { version: agent.version, time: when(agent.at_ms, siteNow()), queue: number(agent.queue, 0) })),
      row("registry-where", el("span", { class: "mono" }, `${device.lon.toFixed(6)}, ${device.lat.toFixed(6)}`)),
    ),
    el("div", { class: "actions" }, el("a", { class: "button", href: `/?device=${encodeURIComponent(id)}` }, t("registry-on_board")), el("a", { class: "button", href: "/devices" }, t("registry-back"))),
    actions(device),
  );
}

/** Return the runs of windows that were not as usual, newest first; of what is still learnt nothing is known. */
function oddTimes(one, step) {
  const runs = [];
  for (const w of one.windows) {
    if (w.state === "normal" || w.state === "young") continue;
    const last = runs[runs.length - 1];
    if (last && last.state === w.state && w.start - last.end < step * 1.5) {
      last.end = w.start + step;
      last.windows.push(w);
    } else runs.push({ state: w.state, begin: w.start, end: w.start + step, windows: [w] });
  }
  return runs.reverse();
}

function oddLine(run, one) {
  const value = (w) => (one.kind === "level" ? w.mean : w.n === 0 ? 0 : (w.in ?? 0) + (w.out ?? 0));
  const far = run.windows.reduce((most, w) => (Math.abs(value(w) - (w.expected ?? 0)) > Math.abs(value(most) - (most.expected ?? 0)) ? w : most));
  const unit = unitOf(one);
  return el(
    "li",
    {},
    el("time", {}, `${when(run.begin, siteNow())}–${when(run.end, run.begin)}`),
    el("strong", {}, word("state", run.state)),
    el("span", {}, t("history-odd_most", { value: `${number(value(far))}${unit && ` ${unit}`}`, expected: far.expected === null ? "—" : number(far.expected, 1) })),
    el("span", { class: "muted" }, span(run.end - run.begin)),
  );
}

function drawHistory() {
  const box = byId("history");
  const list = data?.series ?? [];
  const head = el(
    "header",
    { class: "section-line" },
    el("h2", {}, t("history-title")),
    el("div", { class: "chips ranges", role: "group", "aria-label": t("device-range") }, RANGES.map((n) => el("button", { type: "button", class: "chip", "aria-pressed": String(n === hours), onclick: () => use(() => (hours = n)) }, n < 48 ? t("span-h", { n }) : t("span-d", { n: n / 24 })))),
  );
  if (!data) return put(box, head, el("p", { class: "empty" }, failure || t("loading")));
  const changes = data.states.length > 0 && el("div", {}, el("h3", {}, t("history-changes")), el("ol", { class: "odd-times" }, data.states.slice(0, ODD_SHOWN).map((s) => el("li", {}, el("time", {}, when(s.ts, siteNow())), el("span", {}, word("metric", s.metric)), el("strong", {}, word("value", s.value))))));
  if (!list.length) return put(box, head, changes || el("p", { class: "empty" }, t("device-no_windows")));
  const one = list.find((s) => seriesKey(s) === chosen) ?? list[0];
  const [label, unit] = [seriesName(one), unitOf(one)];
  const steps = one.windows.slice(1).map((w, i) => w.start - one.windows[i].start).filter((d) => d > 0);
  const step = steps.length ? Math.min(...steps) : 300_000;
  const odd = oddTimes(one, step);
  const young = one.windows.filter((w) => w.state === "young").length;
  const modelled = one.kind === "count" || one.kind === "level";
  const key = (name, text) => el("span", { class: `key key-${name}` }, el("i", { "aria-hidden": "true" }), text);
  const seen = one.kind === "count" ? t("chart-key_seen") : one.kind === "level" ? t("chart-key_mean") : t("chart-key_passes");
  put(
    box,
    head,
    el(
      "div",
      { class: "section-line" },
      el("strong", {}, unit ? `${label} (${unit})` : label),
      list.length > 1 && el("div", { class: "chips", role: "group" }, list.map((s) => el("button", { type: "button", class: "chip", "aria-pressed": String(s === one), onclick: () => use(() => (chosen = seriesKey(s))) }, seriesName(s)))),
      el("div", { class: "keys" }, key(modelled ? "seen" : "bar", seen), modelled && key("expected", t("chart-key_expected")), modelled && key("band", t("chart-key_band"))),
    ),
    chart.node,
    modelled && young < one.windows.length && (odd.length ? el("div", {}, el("h3", {}, t("history-odd", { n: odd.length })), el("ol", { class: "odd-times" }, odd.slice(0, ODD_SHOWN).map((run) => oddLine(run, one))), odd.length > ODD_SHOWN && el("p", { class: "muted" }, t("history-odd_more", { n: odd.length - ODD_SHOWN }))) : el("p", { class: "muted" }, t(young ? "history-no_odd_judged" : "history-no_odd"))),
    modelled && young > 0 && el("p", { class: "muted" }, young < one.windows.length ? t("history-young", { n: young, all: one.windows.length }) : t("history-all_young")),
    changes,
  );
  requestAnimationFrame(() => chart.show({ points: points(one.kind, one.windows, { usual: true }), from: data.since_ms, until: data.until_ms, zone: state.site.timezone, label, unit, kind: one.kind }));
}

function use(change) {
  change();
  writeAddress();
  load();
}

function drawRhythm() {
  const box = byId("rhythm");
  const head = el("header", { class: "section-line" }, el("h2", {}, t("rhythm-title")), rhythm?.state_ms > 0 && el("p", { class: "muted" }, t("rhythm-as_of", { time: `${day(rhythm.state_ms)} ${when(rhythm.state_ms, rhythm.state_ms)}` })));
  if (!rhythm) return put(box, head, el("p", { class: "empty" }, t("loading")));
  if (rhythm.failed || rhythm.problem) return put(box, head, el("p", { class: "empty" }, rhythm.failed || rhythm.problem));
  if (!rhythm.rhythms.length) return put(box, head, el("p", { class: "empty" }, t(rhythm.state_ms ? "rhythm-none" : "rhythm-no_state")));
  const wanted = rhythm.rhythms.find((one) => seriesKey(one) === chosen) ?? rhythm.rhythms[0];
  if (!weeks.has(seriesKey(wanted))) weeks.set(seriesKey(wanted), new WeekView());
  const view = weeks.get(seriesKey(wanted));
  const today = (new Date(new Date(siteNow()).toLocaleString("en-US", { timeZone: state.site.timezone })).getDay() + 6) % 7;
  put(
    box,
    head,
    rhythm.rhythms.length > 1 && el("div", { class: "chips", role: "group" }, rhythm.rhythms.map((one) => el("button", { type: "button", class: "chip", "aria-pressed": String(one === wanted), onclick: () => use(() => (chosen = seriesKey(one))) }, seriesName(one)))),
    view.node,
  );
  view.show(wanted, { zone: state.site.timezone, unit: unitOf(wanted), label: seriesName(wanted), today, windowS: rhythm.window_s });
  return undefined;
}

function drawAlerts() {
  const alerts = data?.alerts ?? [];
  const line = (one) =>
    el(
      "li",
      { "data-row": one.id },
      sign(one.state === "raised" ? one.severity : one.by ? "acknowledged" : "ended"),
      el("time", {}, when(one.raised_ms, siteNow())),
      el("a", { href: `/alert?id=${encodeURIComponent(one.id)}` }, kindTitle(one.kind)),
      el("span", {}, pick(one.text)),
    );
  put(
    byId("alerts"),
    el("header", { class: "section-line" }, el("h2", {}, t("device-alerts")), el("a", { href: `/history?device=${encodeURIComponent(id)}` }, t("history-all_alerts"))),
    alerts.length ? el("ul", { class: "odd-times" }, alerts.slice(0, ODD_SHOWN).map(line)) : el("p", { class: "empty" }, data ? t("history-no_alerts") : t("loading")),
  );
}

function drawConnects() {
  if (!may("registry")) return;
  byId("connects").hidden = false;
  put(byId("connects"), el("h2", {}, t("connects-title")), way ? connectsView(way) : el("p", { class: "empty" }, wayFailed || t("loading")));
}

function draw() {
  drawPage();
  const place = state.devices.get(id);
  document.title = `${pick(place?.name) || id} · ${pick(state.site?.name) || "PatrolGrid"}`;
  const look = JSON.stringify([data?.until_ms, data?.series.length, failure, hours, chosen, rhythm?.state_ms, rhythm?.failed, way, wayFailed, state.overview?.devices?.[id], standing(id), document.documentElement.lang]);
  if (look === drawn || chart.node.querySelector(".chart:focus, .chart:hover")) return;
  drawn = look;
  const focus = document.activeElement?.closest("main")?.contains(document.activeElement) ? document.activeElement.textContent : "";
  drawWho();
  drawHistory();
  drawRhythm();
  drawAlerts();
  drawConnects();
  listening.draw();
  if (focus) [...document.querySelectorAll("main button")].find((one) => one.textContent === focus)?.focus({ preventScroll: true });
}

let askedAt = -Infinity;
let waiting = 0;
let turn = 0;

/** Load the history; what changes often is asked for every few seconds. */
async function load(soon = true) {
  clearTimeout(waiting);
  const wait = soon ? 0 : askedAt + LEAST_MS - performance.now();
  if (wait > 0) {
    waiting = setTimeout(load, wait);
    return;
  }
  askedAt = performance.now();
  const mine = ++turn;
  try {
    const answer = await get(`${api("device/ID")}?hours=${hours}`);
    if (mine !== turn) return;
    [data, failure] = [answer, ""];
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    failure = error.message || t("error-unreachable");
  }
  draw();
}

async function loadOnce() {
  const words = (error) => error.message || t("error-unreachable");
  rhythm = await get(api("device/ID/rhythm")).catch((error) => ({ failed: words(error), rhythms: [] }));
  if (may("registry")) await get(api("registry/ID")).then((found) => (way = found), (error) => (wayFailed = words(error)));
  draw();
}

async function start() {
  await startPage();
  put(byId("heard"), listening.node);
  for (const name of ["change", "language", "link"]) bus.addEventListener(name, draw);
  bus.addEventListener("change", () => load(false));
  bus.addEventListener("language", loadOnce);
  draw();
  keepUp();
  listening.start();
  await Promise.all([load(), loadOnce()]);
}

if (id) start();
else location.replace("/devices");

