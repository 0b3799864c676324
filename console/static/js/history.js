// Alerts of any time: looked for by day, kind, place, people, state, reason and words; what is asked for stands in the address.

import { ApiFailure, get } from "./api.js";
import { KeyedList, byId, el, put, say } from "./dom.js";
import { sign } from "./icons.js";
import { day, isoDay, minutes, named, number, pick, span, t, word } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { bus, kindTitle, siteNow, state } from "./state.js";

const PAGE = 100;
const MOST = 1000; // alerts asked for again at once, when something is new
const LEAST_MS = 2000; // between two questions that nobody has asked for by hand
const TYPED_MS = 300; // after the last letter
const DAY_MS = 86_400_000;
const USUAL_DAYS = 7;
const FILTERS = ["text", "from", "to", "severity", "kind", "beat", "device", "person", "state", "reason"];
const WORDS = {
  severity: ["critical", "warning", "info"],
  state: ["raised", "acknowledged", "cleared", "expired"],
  reason: ["any", "nothing", "ordinary", "weather", "animal", "works", "device"],
};
const WIDE = matchMedia("(min-width: 901px)");
const RANGES = ["today", "yesterday", "days", "month", "year", "all"];

let asked = {}; // filter → value
let rows = [];
let next = null; // where the next page begins
let counted = null;
let error = "";
let turn = 0; // of the newest question: answers to older ones come too late
let askedAt = -Infinity;
let timer = 0;

const noon = (iso) => Date.parse(`${iso}T12:00:00Z`);
const shifted = (iso, days) => new Date(noon(iso) + days * DAY_MS).toISOString().slice(0, 10);

/** Return from and to of a range that people ask for often, as days of the site. */
function rangeOf(name) {
  const today = isoDay(siteNow());
  const firstOfMonth = `${today.slice(0, 8)}01`;
  const before = shifted(firstOfMonth, -1);
  return {
    today: [today, ""],
    yesterday: [shifted(today, -1), shifted(today, -1)],
    days: [shifted(today, 1 - USUAL_DAYS), ""],
    month: [`${before.slice(0, 8)}01`, before],
    year: [shifted(today, -364), ""],
    all: ["", ""],
  }[name];
}

/** Take what the address asks for; without days, the last week. */
function readAddress() {
  const query = new URLSearchParams(location.search);
  asked = Object.fromEntries(FILTERS.map((name) => [name, query.get(name) ?? ""]));
  if (!query.has("from") && !query.has("to")) [asked.from, asked.to] = rangeOf("days");
}

function writeAddress() {
  const query = new URLSearchParams(FILTERS.filter((name) => asked[name]).map((name) => [name, asked[name]]));
  if (!asked.from && !asked.to) query.set("from", ""); // all days, which is not the same as the usual ones
  const [from, to] = rangeOf("days");
  if (asked.from === from && asked.to === to) query.delete("from");
  history.replaceState(null, "", `${location.pathname}${String(query) && `?${query}`}`);
}

function query(more = {}) {
  return String(new URLSearchParams([...FILTERS.filter((name) => asked[name]).map((name) => [name, asked[name]]), ...Object.entries(more)]));
}

async function ask(make) {
  const mine = ++turn;
  askedAt = performance.now();
  byId("main").setAttribute("aria-busy", "true");
  try {
    const found = await make();
    if (mine !== turn) return;
    [rows, next, counted] = [found.rows, found.next, found.counted];
    error = "";
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    if (mine !== turn) return;
    error = failure.message || t("error-unreachable");
  }
  byId("main").removeAttribute("aria-busy");
  draw();
}

/** Ask for the first page, or for as much again as is shown. */
const load = (limit = PAGE) =>
  ask(async () => {
    const [page, days] = await Promise.all([get(`/api/alerts?${query({ limit })}`), get(`/api/alerts/days?${query()}`)]);
    return { rows: page.alerts, next: page.next, counted: days };
  });

const loadMore = () =>
  ask(async () => {
    const page = await get(`/api/alerts?${query({ limit: PAGE, after: next })}`);
    const known = new Set(rows.map((row) => row.id));
    return { rows: [...rows, ...page.alerts.filter((row) => !known.has(row.id))], next: page.next, counted };
  });

/** Ask anew where something may have happened on the days that are shown. */
function loadNews() {
  if (asked.to && asked.to < isoDay(siteNow())) return;
  clearTimeout(timer);
  timer = setTimeout(() => load(Math.min(MOST, Math.max(PAGE, rows.length))), Math.max(0, LEAST_MS - (performance.now() - askedAt)));
}

function change(values) {
  asked = { ...asked, ...values };
  writeAddress();
  drawFilters();
  clearTimeout(timer);
  timer = setTimeout(load, "text" in values ? TYPED_MS : 0);
}

const beatName = (id) => pick(state.beats.get(id)?.name) || id;
const deviceName = (id) => pick(state.devices.get(id)?.name) || id;
const byName = (a, b) => a[1].localeCompare(b[1]);

/** Return what a filter can be set to: value and text. */
function choices(name) {
  if (name === "beat") return [...state.beats.keys()].map((id) => [id, beatName(id)]).sort(byName);
  if (name === "device") return [...state.devices.values()].filter((one) => !asked.beat || one.beat === asked.beat).map((one) => [one.id, deviceName(one.id)]).sort(byName);
  if (name === "kind") return (counted?.kinds ?? []).map((kind) => [kind, kindTitle(kind)]).sort(byName);
  if (name === "person") return (counted?.people ?? []).map((one) => [one, named(one)]);
  if (name === "reason") return WORDS.reason.map((one) => [one, word("reason", one)]);
  return WORDS[name].map((one) => [one, name === "state" ? word("lookstate", one) : word(name, one)]);
}

const shownWord = { beat: beatName, device: deviceName, kind: kindTitle, person: named };

function choose(name) {
  const known = choices(name);
  const value = asked[name];
  const all = value && !known.some(([one]) => one === value) ? [[value, (shownWord[name] ?? String)(value)], ...known] : known;
  const select = el("select", { name, "data-focus": name, onchange: (event) => change(name === "beat" ? { beat: event.target.value, device: "" } : { [name]: event.target.value }) }, el("option", { value: "" }, t(`history-all_${name}`)), all.map(([one, text]) => el("option", { value: one, selected: one === value }, text)));
  return el("label", { class: value ? "field set" : "field" }, el("span", {}, t(`history-column_${name === "person" ? "by" : name}`)), select);
}

const date = (name) => el("label", { class: "field" }, el("span", {}, t(`history-${name}`)), el("input", { type: "date", name, value: asked[name], "data-focus": name, onchange: (event) => change({ [name]: event.target.value }) }));

let filtersDrawn = "";

/** Draw what can be chosen, but for the words: somebody may be typing. */
function drawFilters() {
  const look = JSON.stringify([{ ...asked, text: "" }, counted?.kinds, counted?.people, document.documentElement.lang, isoDay(siteNow())]);
  if (look === filtersDrawn) return;
  filtersDrawn = look;
  const form = byId("filters");
  const focus = form.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const set = FILTERS.filter((name) => !["text", "from", "to"].includes(name) && asked[name]);
  const ranges = RANGES.map((name) => {
    const [from, to] = rangeOf(name);
    return el("button", { type: "button", class: "chip", "data-focus": `range-${name}`, "aria-pressed": String(asked.from === from && asked.to === to), onclick: () => change({ from, to }) }, t(`history-range_${name}`, { n: USUAL_DAYS }));
  });
  const clear = el("button", { type: "button", "data-focus": "clear", onclick: () => change(Object.fromEntries(set.map((name) => [name, ""]))) }, t("history-clear"));
  put(byId("ranges"), ranges);
  put(byId("fields"), date("from"), date("to"), ["severity", "kind", "beat", "device", "state", "person", "reason"].map(choose), set.length > 0 && clear);
  byId("text").placeholder = t("history-text");
  byId("set").hidden = !set.length;
  say(byId("set"), String(set.length));
  if (focus) form.querySelector(`[data-focus="${focus}"]`)?.focus();
}

/** A bar for each day, as high as it had alerts; a press shows that day. */
function drawStrip() {
  const days = [...(counted?.days ?? [])].reverse();
  const box = byId("strip");
  box.hidden = days.length < 2;
  if (box.hidden) return put(box);
  const first = noon(days[0].day);
  const last = noon(days[days.length - 1].day);
  const n = Math.round((last - first) / DAY_MS) + 1;
  const most = Math.max(...days.map((one) => one.alerts));
  const bars = new Map(days.map((one) => [one.day, one.alerts]));
  const all = [...Array(n).keys()].map((i) => new Date(first + i * DAY_MS).toISOString().slice(0, 10));
  return put(box, all.map((iso) => {
    const alerts = bars.get(iso) ?? 0;
    const bar = el("i", { title: `${iso} · ${t("history-day_alerts", { n: alerts })}`, onclick: () => change({ from: iso, to: iso }) }, el("b"));
    bar.firstChild.style.height = `${(100 * alerts) / most}%`;
    return bar;
  }));
}

function whatBecame(a) {
  const open = a.state === "raised" || a.state === "acknowledged";
  const alone = !open && !a.by;
  const unseen = alone && a.severity === "critical";
  const stands = el("strong", { class: unseen ? "bad" : "" }, t(unseen ? "recent-unseen" : `alertstate-${alone ? "expired" : a.state}`));
  return [stands, a.by && el("span", {}, named(a.by)), !open && el("span", {}, t("recent-took", { span: span(a.changed_ms - a.raised_ms) }))];
}

class AlertRow {
  constructor() {
    this.node = el("li", { class: "alert-row", "data-row": true });
    this.look = "";
  }

  update(a) {
    const look = JSON.stringify([a.revision, document.documentElement.lang]);
    if (look === this.look) return;
    this.look = look;
    this.node.dataset.alert = a.id;
    const open = a.state === "raised" || a.state === "acknowledged";
    put(
      this.node,
      el("time", {}, minutes(a.raised_ms)),
      sign(open ? a.severity : a.by ? "acknowledged" : "ended"),
      el(
        "a",
        { class: "what", href: `/alert?id=${encodeURIComponent(a.id)}` },
        el("strong", {}, kindTitle(a.kind)),
        el("span", { class: "muted" }, `${word("severity", a.severity)} · `, pick(a.place) || deviceName(a.device)),
      ),
      el("span", { class: "said" }, pick(a.text), (a.reason || a.note) && el("span", { class: "note" }, a.reason && el("em", {}, word("false", a.reason)), a.reason && a.note && " · ", named(a.note))),
      el("span", { class: `became state-${a.state}` }, whatBecame(a)),
    );
  }
}

class DayBlock {
  constructor() {
    this.head = el("h2");
    this.list = el("ol");
    this.rows = new KeyedList(this.list, () => new AlertRow());
    this.node = el("section", {}, this.head, this.list);
  }

  update({ iso, alerts }) {
    const n = counted?.days.find((one) => one.day === iso)?.alerts ?? alerts.length;
    const look = JSON.stringify([iso, n, document.documentElement.lang]);
    if (this.look !== look) put(this.head, day(alerts[0].raised_ms), el("span", { class: "muted" }, t("history-day_alerts", { n })));
    this.look = look;
    this.node.dataset.day = iso;
    this.rows.show(alerts, (a) => a.id);
  }
}

let blocks = null;

/** Say what is found in one line; an empty list says why it is empty. */
function drawFound() {
  const line = byId("found");
  line.classList.toggle("failed", Boolean(error));
  if (error || !counted) return say(line, error || t("loading"));
  if (!counted.total) return say(line, t(FILTERS.some((name) => !["from", "to"].includes(name) && asked[name]) ? "history-none_filtered" : "history-none"));
  const sorts = WORDS.severity.filter((one) => counted.severities[one]).map((one) => `${word("severity", one)} ${number(counted.severities[one])}`);
  const wrong = Object.values(counted.reasons).reduce((sum, n) => sum + n, 0);
  const parts = [t("history-found", { n: counted.total }), ...sorts, wrong > 0 && t("history-false", { n: wrong })];
  return say(line, parts.filter(Boolean).join(" · "));
}

function draw() {
  drawPage();
  document.title = `${t("page-history")} · ${pick(state.site?.name) || "PatrolGrid"}`;
  drawFilters();
  drawFound();
  drawStrip();
  const days = new Map();
  for (const a of rows) {
    const iso = isoDay(a.raised_ms);
    if (!days.has(iso)) days.set(iso, { iso, alerts: [] });
    days.get(iso).alerts.push(a);
  }
  blocks.show([...days.values()], (one) => one.iso);
  byId("more").hidden = !next;
  byId("table").href = `/api/alerts.csv?${query({ lang: document.documentElement.lang })}`;
  byId("table").hidden = !counted?.total;
}

async function start() {
  await startPage();
  blocks = new KeyedList(byId("days"), () => new DayBlock());
  readAddress();
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("more").addEventListener("click", loadMore);
  const unfold = () => (byId("details").open = WIDE.matches);
  WIDE.addEventListener("change", unfold);
  unfold();
  byId("text").value = asked.text;
  byId("text").addEventListener("input", (event) => change({ text: event.target.value.trim() }));
  addEventListener("popstate", () => {
    readAddress();
    byId("text").value = asked.text;
    load();
  });
  bus.addEventListener("language", draw);
  bus.addEventListener("link", drawPage);
  bus.addEventListener("change", () => {
    drawPage();
    loadNews();
  });
  draw();
  await load();
  keepUp();
}

start();
