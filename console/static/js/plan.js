// The patrol plan of the running shift, what was delivered of it, and the staffing sheet; prints on one A4 sheet.

import { ApiFailure, get } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { day, minutes, named, number, percent, pick, t, when, word } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { printsOnOneSheet } from "./paper.js";
import { bus, siteNow, state } from "./state.js";

const LEAST_MS = 1000; // between two questions, however often the node has something new
const HOUR_MS = 3_600_000;

let plan = null;
let error = "";
let chosen = null; // day of the staffing sheet, 0 is its first
let drawn = "";
const unfolded = new Set(); // officers of whom all stops are shown
const KEPT = 2; // stops that are over and still shown, the newest

const beatName = (id) => pick(state.beats.get(id)?.name) || id || t("plan-no_beat");
const minutesOf = (n) => number(n, n < 10 && !Number.isInteger(n) ? 1 : 0);

/** Return what became of a stop, in words. */
function stateWords(stop) {
  if (stop.state === "done") return t("plan-done", { delivered: minutesOf(stop.delivered_min), planned: minutesOf((stop.leave_ms - stop.arrive_ms) / 60_000) });
  if (stop.state === "arrived") return t("plan-arrived", { time: minutes(stop.arrived_ms) });
  if (stop.state === "planned" && stop.leave_ms < siteNow()) return t("plan-overdue");
  return word("stopstate", stop.state);
}

/** Return why a stop is in the plan: its kind, and what the map says of its cell now. */
function reasons(stop) {
  const cell = stop.kind === "risk" && state.overview?.hotspots?.cells?.find((one) => one.cell === stop.cell);
  return el("span", { class: "stop-why" }, word("stopkind", stop.kind), cell && el("span", { class: "stop-drivers" }, ` · ${pick(cell.drivers)}`));
}

const ended = (stop) => !["planned", "arrived"].includes(stop.state);

function stopRow(stop, past) {
  const now = siteNow();
  const running = stop.state === "arrived" || (stop.state === "planned" && stop.arrive_ms <= now && now < stop.leave_ms);
  return el(
    "li",
    { class: ["stop", stop.state, running && "running", past && "past", ended(stop) && "ended"].filter(Boolean).join(" "), "data-stop": stop.id },
    el("time", {}, `${minutes(stop.arrive_ms)}–${minutes(stop.leave_ms)}`),
    el("div", { class: "stop-where" }, el("strong", {}, named(pick(stop.place)) || beatName(stop.beat)), reasons(stop), stop.note && el("span", { class: "note" }, named(stop.note))),
    el("span", { class: "stop-state" }, stateWords(stop)),
  );
}

function officerBlock(officer) {
  const away = officer.away_ms ? el("span", { class: "away" }, t("plan-away", { time: minutes(officer.away_ms) })) : null;
  const figures = t("plan-minutes", { delivered: minutesOf(officer.delivered_min), planned: minutesOf(officer.planned_min) });
  const over = officer.stops.filter(ended);
  const past = new Set(over.slice(0, Math.max(0, over.length - KEPT)));
  const folded = past.size > 0 && !unfolded.has(officer.id);
  const toggle = () => {
    if (!unfolded.delete(officer.id)) unfolded.add(officer.id);
    draw();
  };
  return el(
    "article",
    { class: folded ? "officer fold" : "officer", "data-officer": officer.id },
    el("header", {}, el("h3", {}, named(officer.name)), away, el("span", { class: "muted" }, figures)),
    past.size > 0 && el("button", { type: "button", class: "earlier", "aria-expanded": String(!folded), onclick: toggle }, t("plan-earlier", { n: past.size })),
    officer.stops.length ? el("ol", { class: "stops" }, officer.stops.map((stop) => stopRow(stop, past.has(stop)))) : el("p", { class: "muted pad" }, t("plan-none_officer")),
  );
}

/** A table with a bar for what was delivered of what was planned; without a plan there is nothing to be good at. */
function doseTable(title, rows, nameOf, shares) {
  const head = [title, t("plan-planned"), t("plan-delivered"), "", ...(shares ? [t("plan-patrol_share"), t("plan-report_share")] : [])];
  const body = rows.map((row) => {
    const bar = el("span", { class: "dose", "aria-hidden": "true" }, el("i"));
    bar.firstChild.style.width = `${row.planned_min > 0 ? Math.min(100, (100 * row.delivered_min) / row.planned_min) : 0}%`;
    const share = (value) => (value === null || value === undefined ? "—" : percent(value));
    return el(
      "tr",
      { "data-row": row.id },
      el("th", { scope: "row" }, nameOf(row)),
      el("td", { class: "planned" }, minutesOf(row.planned_min)),
      el("td", { class: "delivered" }, minutesOf(row.delivered_min)),
      el("td", {}, bar),
      shares && [el("td", {}, share(row.patrol)), el("td", {}, share(row.reported))],
    );
  });
  return el("table", { class: "doses" }, el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, body));
}

/** Return the day of the staffing sheet that is shown: the chosen one, else today. */
function shownDay(sheet) {
  const today = Math.floor((siteNow() - sheet.begin_ms) / (24 * HOUR_MS));
  return chosen ?? Math.min(Math.max(today, 0), Math.floor(sheet.hours / 24) - 1);
}

function staffingTable(sheet) {
  const first = 24 * shownDay(sheet);
  const hours = [...Array(24).keys()];
  const label = (hour) => minutes(sheet.begin_ms + (first + hour) * HOUR_MS).slice(0, 2);
  const total = hours.map((h) => ["asked", "there"].map((name) => sheet.beats.reduce((sum, beat) => sum + (beat[name][first + h] ?? 0), 0)));
  const most = Math.max(0.01, ...sheet.beats.flatMap((beat) => beat.asked.slice(first, first + 24)));
  const cell = (asked, there, scale) => {
    const short = asked > there + 0.05;
    const node = el("td", { class: short ? "short" : "", title: t("plan-asked_there", { asked: number(asked, 1), there: number(there, 1) }) }, number(asked, 1));
    node.style.setProperty("--share", (0.55 * asked / scale).toFixed(2));
    return node;
  };
  const line = (name, cells, className = "") => el("tr", { class: className }, el("th", { scope: "row" }, name), cells);
  return el(
    "table",
    { class: "hours-table" },
    el("thead", {}, line(t("plan-hour"), hours.map((h) => el("th", { scope: "col" }, label(h))))),
    el(
      "tbody",
      {},
      sheet.beats.map((beat) => line(beatName(beat.id), hours.map((h) => cell(beat.asked[first + h] ?? 0, beat.there[first + h] ?? 0, most)))),
      line(t("plan-asked_all"), hours.map((h) => el("td", { class: total[h][0] > total[h][1] + 0.05 ? "short" : "" }, number(total[h][0], 1))), "all"),
      line(t("plan-there_all"), hours.map((h) => el("td", {}, number(total[h][1], 1))), "all"),
    ),
  );
}

function staffing(sheet) {
  const days = [...Array(Math.floor(sheet.hours / 24)).keys()];
  const shown = shownDay(sheet);
  const choose = days.map((n) =>
    el("button", { type: "button", class: "chip", "aria-pressed": String(n === shown), onclick: () => ((chosen = n), draw()) }, day(sheet.begin_ms + n * 24 * HOUR_MS + HOUR_MS * 12)),
  );
  const begin = sheet.begin_ms + shown * 24 * HOUR_MS;
  const shifts = sheet.shifts.filter((shift) => shift.begin_ms < begin + 24 * HOUR_MS && shift.end_ms > begin);
  return [
    el("header", { class: "section-line" }, el("h3", {}, t("plan-staffing"), el("span", { class: "print-only" }, ` · ${day(begin + HOUR_MS * 12)}`)), el("p", { class: "muted" }, t("plan-staffing_help", { served: percent(sheet.served), hours: number(sheet.officer_hours, 0) }), " ", sheet.equal_hours ? t("plan-staffing_equal", { equal: number(sheet.equal_hours, 0) }) : "")),
    el("div", { class: "chips" }, choose),
    el("div", { class: "scroll" }, staffingTable(sheet)),
    el("ul", { class: "shifts" }, shifts.map((shift) => el("li", {}, t("plan-shift_line", { begin: minutes(shift.begin_ms), end: minutes(shift.end_ms), n: shift.officers })))),
  ];
}

function draw() {
  drawPage();
  // What has the keyboard's focus stays, unless there is something new to show.
  const look = JSON.stringify([plan, error, chosen, [...unfolded], Math.floor(siteNow() / 60_000), state.overview?.hotspots?.ts, document.documentElement.lang]);
  if (look === drawn) return;
  drawn = look;
  document.title = `${t("plan-title")} · ${pick(state.site?.name) || "PatrolGrid"}`;
  const shift = plan?.shift;
  say(byId("shift"), shift ? t("plan-shift", { name: named(shift.name), day: day(shift.begin_ms), begin: minutes(shift.begin_ms), end: minutes(shift.end_ms) }) : t("plan-title"));
  const failed = error || (plan?.failed ? t("plan-failed", { why: plan.failed }) : "");
  const made = shift ? t("plan-made", { time: when(shift.made_ms, siteNow()), solver: word("solver", shift.solver) }) : t("plan-none");
  say(byId("shift-made"), [failed || made, plan?.audit && t("plan-audit", { head: plan.audit })].filter(Boolean).join(" · "));
  byId("shift-made").classList.toggle("failed", Boolean(failed));
  put(byId("officers"), (plan?.officers ?? []).map(officerBlock));
  byId("minutes").hidden = !shift;
  if (shift) {
    put(
      byId("minutes"),
      doseTable(t("plan-by_officer"), plan.officers, (row) => named(row.name), false),
      doseTable(t("plan-by_beat"), plan.beats, (row) => beatName(row.id), true),
    );
  }
  put(byId("staffing"), plan?.staffing ? staffing(plan.staffing) : el("p", { class: "muted" }, plan ? t("plan-no_staffing") : ""));
}

let askedAt = -Infinity;
let waiting = 0;
async function load() {
  clearTimeout(waiting);
  const wait = askedAt + LEAST_MS - performance.now();
  if (wait > 0) {
    waiting = setTimeout(load, wait);
    return;
  }
  askedAt = performance.now();
  try {
    plan = await get("/api/plan");
    error = "";
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    error = failure.message || t("error-unreachable");
  }
  draw();
}

async function start() {
  await startPage();
  printsOnOneSheet();
  for (const name of ["change", "language", "link"]) bus.addEventListener(name, draw);
  bus.addEventListener("change", load);
  await load();
  keepUp();
}

start();
