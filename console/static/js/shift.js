// The shift book: what happened, what is open and must be handed on, notes, and who handed over to whom; on one A4 sheet.

import { ApiFailure, get } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { sign } from "./icons.js";
import { day, minutes, named, number, pick, span, t, when, word } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { printsOnOneSheet } from "./paper.js";
import { handOverForm, noteForm, takeForm } from "./shift_forms.js";
import { bus, kindTitle, siteNow, state } from "./state.js";

const LEAST_MS = 3000; // between two questions, however often the node has something new
const LONG_GAP_MS = 600_000;
const LATE_MS = 24 * 3_600_000; // so long after its end a shift may be handed over

let book = null;
let error = "";
let drawn = "";
let most = Infinity; // rows of a list, on paper
const unfolded = new Set(); // lists of which all rows are shown
const FOLDED = 25;

const beatName = (id) => pick(state.beats.get(id)?.name) || id || t("plan-no_beat");
const deviceName = (id) => named(pick(state.devices.get(id)?.name)) || id;
const placeOf = (alert) => named(pick(alert.place)) || deviceName(alert.device) || beatName(alert.beat);
const at = (ms) => (ms ? when(ms, book.shift.begin_ms) : "—");
const nameOf = (shift) => named(shift.name) || word("shiftname", shift.usual);
const asked = () => new URLSearchParams(location.search).get("shift") ?? "";
const onPaper = () => document.body.classList.contains("printing");
const address = (shift) => (shift ? `/shift?shift=${encodeURIComponent(shift.id)}` : null);

/** A section with its heading and how many there are; an empty one says why it is empty. */
function block(id, title, rows, empty, ...more) {
  const shown = rows.slice(0, onPaper() ? most : unfolded.has(id) ? rows.length : FOLDED);
  const rest = rows.length - shown.length;
  const all = () => {
    unfolded.add(id);
    draw();
  };
  const further = onPaper() ? el("li", { class: "muted" }, t("shift-more", { n: rest })) : el("li", { class: "all" }, el("button", { type: "button", onclick: all }, t("shift-all", { n: rows.length })));
  byId(id).classList.toggle("empty", !rows.length);
  put(
    byId(id),
    el("h3", {}, title, rows.length > 0 && el("span", { class: "count" }, rows.length)),
    rows.length ? el("ul", { class: "lines" }, shown, rest > 0 && further) : el("p", { class: "muted nothing" }, empty),
    ...more,
  );
}

/** Say who was told, who took an alert up, and how it ended. */
function whatBecame(alert) {
  const told = alert.told === null ? t("shift-told_unknown") : toldWords(alert.told);
  const steps = [told];
  if (alert.acknowledged_ms) steps.push(t("shift-taken", { by: named(alert.acknowledged_by), time: at(alert.acknowledged_ms) }));
  if (alert.ended_ms) steps.push(alert.ended_by ? t("shift-cleared", { by: named(alert.ended_by), time: at(alert.ended_ms) }) : t("shift-ended", { time: at(alert.ended_ms) }));
  else if (!alert.acknowledged_ms) steps.push(el("strong", { class: "bad" }, t("shift-unanswered")));
  if (alert.reason) steps.push(word("false", alert.reason));
  if (alert.note) steps.push(`“${alert.note}”`);
  if (alert.notes) steps.push(t("shift-has_notes", { n: alert.notes }));
  return el("span", { class: "steps" }, steps.filter(Boolean).map((step) => el("span", {}, step)));
}

/** Return whom an alert was told, by channel and name. */
function toldWords(told) {
  const taken = told.filter((one) => ["accepted", "delivered"].includes(one.state));
  const names = taken.map((one) => (one.persons.length ? t("shift-told_persons", { channel: word("channel", one.channel), persons: one.persons.map(named).join(t("list-comma")) }) : word("channel", one.channel)));
  return names.length ? t("shift-told", { whom: [...new Set(names)].join(t("list-comma")) }) : told.length ? t("shift-told_not") : t("shift-told_nobody");
}

/** A line of an alert; `noted` says whether a note may be written at it there. */
function alertLine(alert, noted = false) {
  const row = el(
    "li",
    { class: `line ${alert.severity}`, "data-row": alert.id, tabindex: -1 },
    sign(alert.ended_ms ? "ended" : alert.acknowledged_ms ? "acknowledged" : alert.severity),
    el("time", {}, at(alert.raised_ms)),
    el("span", { class: "line-text" }, el("strong", {}, el("a", { href: `/alert?id=${encodeURIComponent(alert.id)}` }, `${kindTitle(alert.kind)} · ${placeOf(alert)}`)), el("span", { class: "what" }, pick(alert.text)), whatBecame(alert)),
  );
  if (!noted || book.shift.state !== "running") return row;
  row.append(el("button", { type: "button", class: "chip add-note", onclick: () => noteAt(alert.id) }, t("shift-note_here")));
  return row;
}

/** Write a note at an alert: the form of the book, which then says at which. */
function noteAt(id) {
  const form = byId("note-form").querySelector("form");
  if (!form) return;
  form.elements.alert.value = id;
  form.dispatchEvent(new Event("aimed"));
  form.elements.note.focus();
}

function thingLine(one) {
  const where = (Array.isArray(one.where) ? one.where : one.where.split(" ").filter(Boolean)).map((id) => (state.beats.has(id) ? beatName(id) : deviceName(id))).join(t("list-comma"));
  const kind = one.kind ?? (one.what === "mute" ? one.id : "");
  const trouble = (one.trouble ?? one.text.split(" ").filter(Boolean)).map((name) => word("trouble", name)).join(t("list-comma"));
  const text = {
    device: () => t("shift-open_device", { device: deviceName(one.id), trouble }),
    mute: () => t("shift-open_mute", { kind: kind ? kindTitle(kind) : t("shift-all_kinds"), where: where || t("shift-everywhere"), time: when(one.until_ms, siteNow()), why: one.text || "—", by: named(one.by ?? "") || "—" }),
    works: () => t("shift-open_works", { name: named(one.text), where: where || t("shift-everywhere"), begin: one.begin_ms ? when(one.begin_ms, siteNow()) : "", end: when(one.until_ms, siteNow()) }),
  }[one.what];
  return el("li", { class: "line plain", "data-what": one.what }, el("strong", {}, word("openthing", one.what)), el("span", {}, text ? text() : one.text));
}

/** What somebody has handed over: by whom, to whom, with which words, and who has taken it. */
function handOver(one, mayTake) {
  const words = one.handed.map((thing) => (thing.what === "alert" ? el("li", { class: "line plain" }, el("strong", {}, word("openthing", "alert")), el("span", {}, pick(thing.words) || thing.id)) : thingLine(thing)));
  const open = one.handed.length + one.more;
  return el(
    "article",
    { class: "hand-over", "data-hand-over": one.id, "data-taken": String(Boolean(one.taken_ms)) },
    el("p", {}, el("strong", {}, one.to ? t("shift-handed_to", { by: named(one.name), to: named(one.to), time: at(one.ts) }) : t("shift-handed", { by: named(one.name), time: at(one.ts) }))),
    el("p", { class: "said" }, one.note || t("shift-no_words")),
    open ? el("details", { class: "handed", open: onPaper() }, el("summary", {}, t("shift-was_open", { n: open })), el("ul", { class: "lines" }, words, one.more > 0 && el("li", { class: "muted" }, t("shift-further", { n: one.more })))) : el("p", { class: "muted" }, t("shift-nothing_open")),
    one.taken_ms ? el("p", { class: "taken" }, t("shift-taken_by", { by: named(one.taken_by), time: at(one.taken_ms) })) : el("p", { class: "bad" }, t("shift-not_taken")),
    !one.taken_ms && mayTake && one.by !== state.me.person?.id && takeForm(one, soon),
  );
}

function noteLine(one) {
  const alert = [...book.alerts, ...book.devices, ...book.open].find((row) => row.id === one.alert);
  const about = one.alert && el("span", { class: "about" }, alert ? `${kindTitle(alert.kind)} · ${placeOf(alert)}` : t("shift-at_alert"));
  return el("li", { class: "line plain", "data-note": one.id }, el("time", {}, at(one.ts)), el("span", { class: "line-text" }, about, el("span", { class: "said" }, one.note)), el("span", { class: "muted" }, named(one.name)));
}

function drawTally() {
  const done = book.patrols.reduce((sum, one) => sum + one.done, 0);
  const stops = book.patrols.reduce((sum, one) => sum + one.stops, 0);
  const alerts = book.alerts.length + book.devices.length + book.left_out;
  const critical = book.alerts.filter((one) => one.severity === "critical").length;
  const unanswered = book.open.filter((one) => !one.acknowledged_ms).length;
  const gap = (book.gaps ?? []).reduce((sum, [begin, end]) => sum + end - begin, 0);
  const figures = [
    ["alerts", number(alerts)],
    ["critical", number(critical)],
    ["unanswered", number(unanswered), unanswered > 0],
    ["reports", number(book.incidents.length)],
    ["stops", stops ? `${number(done)}/${number(stops)}` : "—"],
    ["gap", book.gaps === null ? "—" : gap ? span(gap) : "0", book.gaps?.length > 0],
  ];
  put(byId("tally"), figures.map(([name, value, bad]) => el("li", { class: bad ? "bad" : "", "data-figure": name }, el("strong", {}, value), el("span", {}, t(`shift-n_${name}`)))));
}

function drawHappened() {
  const { shift } = book;
  // Where paper has not room for all, what was nothing in the end is counted and not listed.
  const alone = (one) => most < Infinity && one.ended_ms && !one.ended_by && !one.acknowledged_ms && one.severity !== "critical";
  const listed = book.alerts.filter((one) => !alone(one));
  const quiet = book.alerts.length - listed.length;
  block("alerts", t("shift-alerts"), listed.map((one) => alertLine(one)), t(shift.state === "coming" ? "shift-coming" : "shift-no_alerts"), book.left_out > 0 && el("p", { class: "bad" }, t("shift-left_out", { n: book.left_out })), quiet > 0 && el("p", { class: "muted nothing" }, t("shift-ended_alone", { n: quiet })));
  block("reports", t("shift-reports"), book.incidents.map((one) => el("li", { class: "line plain", "data-row": one.id, tabindex: -1 }, el("time", {}, at(one.ts)), el("span", { class: "line-text" }, el("strong", {}, pick(one.words)), el("span", {}, named(one.text))), el("span", { class: "muted" }, one.beat && beatName(one.beat)))), t("shift-no_reports"));
  const officers = book.patrols.map((one) => el("li", { class: "line plain" }, el("strong", {}, named(one.name)), el("span", {}, t("shift-patrol", { done: one.done, stops: one.stops, missed: one.missed, skipped: one.skipped, delivered: number(one.delivered_min, 0), planned: number(one.planned_min, 0) }))));
  const undone = book.undone.map((one) => el("li", { class: "line plain" }, el("time", {}, at(one.arrive_ms)), el("span", { class: "line-text" }, el("strong", {}, named(pick(one.place)) || beatName(one.beat)), one.note && el("span", {}, `“${one.note}”`)), el("span", { class: "bad" }, `${word("stopstate", one.state)} · ${named(one.name)}`)));
  block("patrols", t("shift-patrols"), [...officers, ...undone], t("shift-no_patrols"));
  block("devices", t("shift-devices"), book.devices.map((one) => alertLine(one)), t("shift-no_devices"));
  const gaps = (book.gaps ?? []).map(([begin, end]) => el("li", { class: "line plain" }, el("time", {}, `${at(begin)}–${at(end)}`), el("span", { class: end - begin >= LONG_GAP_MS ? "bad" : "" }, t("shift-gap", { span: span(end - begin) }))));
  const silent = (book.silent ?? []).map((one) => el("li", { class: "line plain" }, el("strong", {}, deviceName(one.device)), el("span", {}, t("shift-silent", { span: span(one.minutes * 60_000) }))));
  block("data", t("shift-data"), [...gaps, ...silent], book.gaps === null ? t("shift-data_unknown") : book.silent === null ? t("shift-silent_unknown") : t("shift-no_gaps"));
}

/** Keep a form while it is written: another one only for another shift or language, with what was typed. */
function keepForm(id, key, make) {
  const holder = byId(id);
  if (holder.dataset.key === key) return;
  const before = holder.querySelector("form");
  const same = before && key && holder.dataset.key.split("|")[0] === key.split("|")[0];
  holder.dataset.key = key;
  put(holder, key && make());
  for (const field of same ? before.elements : []) if (field.name) holder.querySelector("form").elements[field.name].value = field.value;
}

let received = "";

function drawBook() {
  const { shift } = book;
  const running = shift.state === "running";
  const look = JSON.stringify([book.received, running, document.documentElement.lang, onPaper()]);
  if (look !== received) put(byId("received"), book.received.map((one) => handOver(one, running)));
  received = look;
  const noted = (one) => alertLine(one, true);
  const taken = book.open.filter((one) => one.state === "acknowledged");
  const open = [...book.open.filter((one) => !taken.includes(one)).map(noted), ...book.things.map(thingLine), ...taken.map(noted)];
  block("open", t(shift.state === "over" ? "shift-was_open_title" : "shift-open"), open, t(shift.state === "coming" ? "shift-coming" : "shift-nothing_open"));
  block("notes", t("shift-notes"), book.notes.map(noteLine), t("shift-no_notes"));
  const key = `${shift.id}|${document.documentElement.lang}`;
  keepForm("note-form", running ? key : "", () => noteForm(soon, (id) => [...book.open, ...book.alerts, ...book.devices].find((one) => one.id === id)));
  const mayHand = running || (shift.state === "over" && siteNow() - shift.end_ms < LATE_MS);
  put(byId("handed"), book.hand_overs.map((one) => handOver(one, false)));
  keepForm("hand-over-form", mayHand ? key : "", () => handOverForm(shift, soon));
  byId("hand-over").hidden = !mayHand && !book.hand_overs.length;
}

function draw() {
  drawPage();
  const look = JSON.stringify([book && { ...book, now_ms: 0 }, error, most, onPaper(), [...unfolded], document.documentElement.lang, book && Math.floor(siteNow() / 60_000), state.me.person?.id]);
  if (look === drawn) return;
  drawn = look;
  document.title = `${t("page-shift")} · ${pick(state.site?.name) || "PatrolGrid"}`;
  byId("failed").hidden = !error;
  say(byId("failed"), error);
  if (!book) return;
  const { shift } = book;
  say(byId("shift"), t("shift-title", { name: nameOf(shift), day: day(shift.begin_ms), begin: minutes(shift.begin_ms), end: minutes(shift.end_ms) }));
  const officers = shift.officers.length ? t("shift-officers", { names: shift.officers.map(named).join(t("list-comma")) }) : "";
  say(byId("as-of"), [t(`shift-state_${shift.state}`, { time: minutes(book.now_ms) }), officers].filter(Boolean).join(" · "));
  for (const [name, other] of [["before", book.before], ["after", book.after]]) {
    const link = byId(name);
    link.hidden = !other || other.state === "coming";
    if (other) link.href = address(other);
    link.title = other ? `${nameOf(other)} · ${day(other.begin_ms)}` : "";
  }
  byId("running").hidden = shift.state === "running";
  const local = new Date(shift.begin_ms).toLocaleDateString("sv", { timeZone: state.site.timezone });
  if (document.activeElement !== byId("day")) byId("day").value = local;
  drawBook();
  drawTally();
  drawHappened();
}

let askedAt = -Infinity;
let waiting = 0;

/** Ask for the book, now or when it is time again. */
async function load() {
  clearTimeout(waiting);
  const wait = askedAt + LEAST_MS - performance.now();
  if (wait > 0) {
    waiting = setTimeout(load, wait);
    return;
  }
  askedAt = performance.now();
  try {
    book = await get(`/api/shift${asked() ? `?shift=${encodeURIComponent(asked())}` : ""}`);
    error = "";
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    error = failure.message || t("error-unreachable");
  }
  draw();
}

/** Something was sent: what comes of it is shown as soon as the node has it. */
function soon() {
  askedAt = -Infinity;
  waiting = setTimeout(load, 700);
}

/** Show the shifts of the day that was chosen; one of them is gone to at once. */
async function chooseDay() {
  const chosen = byId("day").value;
  if (!chosen) return;
  try {
    const shifts = (await get(`/api/shifts?from=${chosen}&to=${chosen}`)).filter((one) => one.state !== "coming" && new Date(one.begin_ms).toLocaleDateString("sv", { timeZone: state.site.timezone }) === chosen);
    put(byId("of-day"), shifts.length ? shifts.map((one) => el("a", { class: "tool", href: address(one) }, `${nameOf(one)} ${minutes(one.begin_ms)}`)) : el("span", { class: "muted" }, t("shift-none_that_day")));
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    put(byId("of-day"), el("span", { class: "failed" }, failure.message || t("error-unreachable")));
  }
}

async function start() {
  await startPage();
  printsOnOneSheet({
    least: 0.72,
    fewer: (rows = Infinity) => {
      most = rows;
      draw();
    },
  });
  byId("day").max = new Date(siteNow() || Date.now()).toLocaleDateString("sv", { timeZone: state.site.timezone });
  byId("day").addEventListener("change", chooseDay);
  for (const name of ["change", "language", "link"]) bus.addEventListener(name, draw);
  bus.addEventListener("change", load);
  await load();
  keepUp();
}

start();
