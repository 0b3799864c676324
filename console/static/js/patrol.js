// A patrol's page, for one thumb: my alerts, my next stop and the way there, what I have done, help. Keeps what is pressed.

import { FALSE_ALARMS } from "./alert_forms.js";
import { ApiFailure, get, listen } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { floodWords, folded } from "./floods.js";
import { spotWords } from "./hotspots.js";
import { line, sign } from "./icons.js";
import { currentLanguage, minutes, named, pick, recall, remember, setLanguage, firstLanguage, t, when, word } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { press, pressed, send, trouble, waiting } from "./pressed.js";
import { sketch } from "./sketch.js";
import { bus, kindTitle, may, openAlerts, siteNow, spots, state, trusted } from "./state.js";

const LIGHT = "patrolgrid.light";
const LEAST_MS = 2000; // between two questions for the plan
const SKIPPED = ["called", "time", "access", "unsafe", "quiet"];
const AFTER = { arrived: "arrived", done: "done", skipped: "skipped" };
const SPOTS = 5;
const UNFOLDED = 40;
const AT_ONCE = 1000; // alerts that one press may be about
const unfolded = new Map(); // flood → how many of its alerts are shown by themselves

let plan = null;
let chosen = null; // id of the stop that somebody wants to see instead of the next
let known = null; // ids of my alerts, so that a new one is felt
const drawn = new Map(); // part of the page → what it shows

const newest = (list, is) => list.filter(is).pop(); // browsers of station computers and phones may be years old
const officerId = () => state.me.person?.officer;
const mine = () => plan?.officers.find((one) => one.id === officerId() && plan.shift.end_ms > siteNow());
const said = (body) => newest(pressed(), (one) => one.path === "/api/did" && body(one.body));
const did = (what, stop = "", note = "") => press("/api/did", { what, stop, note, at_ms: Math.round(siteNow()) });
const act = (alert, action, more = {}) => press(`/api/alerts/${encodeURIComponent(alert)}/${action}`, more);
const actOnAll = (alerts, action, more = {}) => press(`/api/alerts/${action}`, { ...more, ids: alerts.slice(0, AT_ONCE).map((a) => a.id) });

/** Return my stops in the order of time, as they are once all that was pressed has arrived. */
function stops() {
  return (mine()?.stops ?? []).map((stop) => {
    const last = said((body) => body.stop === stop.id && AFTER[body.what]);
    const news = last && !["done", "skipped"].includes(stop.state) && last.body.what !== stop.state;
    return news ? { ...stop, state: AFTER[last.body.what], [`${last.body.what}_ms`]: last.at, pending: true } : stop;
  });
}

/** Return the stop to show: the chosen one, where I am, else the next that is still to be reached in time. */
function shownStop(all) {
  const left = all.filter((stop) => stop.state === "planned");
  return all.find((stop) => stop.id === chosen) ?? newest(all, (stop) => stop.state === "arrived") ?? left.find((stop) => stop.leave_ms > siteNow()) ?? left[0];
}

/** Return alerts that are mine: what I have taken up, what is raised where I have stops, and whatever is critical. */
function myAlerts() {
  const names = new Set([state.me.person?.name, mine()?.name]);
  const beats = new Set(stops().map((stop) => stop.beat));
  const near = (a) => !beats.size || beats.has(a.beat) || a.severity === "critical";
  return openAlerts().filter((a) => (a.state === "raised" ? near(a) : names.has(a.by)));
}

/** Draw a part of the page where what it shows has changed. */
function part(id, look, draw) {
  const key = JSON.stringify([look, currentLanguage()]);
  if (drawn.get(id) === key) return;
  drawn.set(id, key);
  put(byId(id), [draw()].flat(9));
}

const button = (label, onclick, kind = "") => el("button", { type: "button", class: kind, onclick }, label);

/** Ask once more, with reasons to choose from where there are any, and a note. */
function ask({ title, hint, choices = [], label, kind = "main" }, done) {
  const close = () => dialog.close();
  const submit = (event) => {
    const typed = new FormData(event.target);
    done(typed.get("choice"), typed.get("note").trim());
  };
  const options = choices.map(([value, text]) => el("label", { class: "choice" }, el("input", { type: "radio", name: "choice", value, required: true }), text));
  const form = el(
    "form",
    { method: "dialog", onsubmit: submit },
    el("h2", {}, title),
    hint && el("p", {}, hint),
    options,
    el("label", { class: "note-label" }, t("clear-note"), el("input", { name: "note", maxlength: 200, autocomplete: "off" })),
    el("div", { class: "actions" }, button(t("cancel"), close), el("button", { type: "submit", class: kind, autofocus: kind === "help" }, label)),
  );
  const dialog = el("dialog", { class: "ask", onclose: () => dialog.remove() }, form);
  document.body.append(dialog);
  dialog.showModal();
}

/** Return what was pressed last about an alert, by itself or with others. */
function pressedFor(a) {
  const one = `/api/alerts/${encodeURIComponent(a.id)}/`;
  return newest(pressed(), (press) => press.path.startsWith(one) || press.body.ids?.includes(a.id))?.path.split("/").pop();
}

function askClear(title, clear) {
  const ends = ["handled", "passed"].map((one) => [one, t(`clear-${one}`)]);
  const choices = [...ends, ...FALSE_ALARMS.map((one) => [`false-${one}`, word("false", one)])];
  ask({ title: t("clear-ask"), hint: title, choices, label: t("clear-do") }, (choice, note) => {
    const reason = choice.startsWith("false-") ? choice.slice(6) : null;
    clear(reason ? { reason, note } : { note: [t(`clear-${choice}`), note].filter(Boolean).join(" · ") });
  });
}

function askSkip(stop) {
  const choices = SKIPPED.map((one) => [one, word("skip", one)]);
  ask({ title: t("patrol-skip_ask"), hint: named(pick(stop.place)), choices, label: t("patrol-skip") }, (why, note) => did("skipped", stop.id, [word("skip", why), note].filter(Boolean).join(" · ")));
}

const askHelp = () => {
  const at = newest(stops(), (stop) => stop.state === "arrived")?.id ?? "";
  ask({ title: t("patrol-help_ask"), hint: t("patrol-help_hint"), label: t("patrol-help_send"), kind: "help" }, (_, note) => did("help", at, note));
};

function alertCard(a) {
  const last = pressedFor(a);
  const over = last === "clear";
  const own = a.kind === "officer_help" && a.device === officerId(); // taking up one's own call would silence it for all
  const taken = a.state === "acknowledged" || last === "acknowledge";
  return el(
    "article",
    { class: `told ${taken ? "taken" : a.severity}`, "data-alert": a.id },
    el("div", { class: "told-head" }, sign(taken ? "acknowledged" : a.severity), el("strong", {}, kindTitle(a.kind)), el("time", {}, when(a.raised_ms, siteNow()))),
    el("h2", {}, pick(a.place) || a.device || a.beat),
    a.text && el("p", {}, pick(a.text)),
    !taken && a.advice && el("p", { class: "muted" }, pick(a.advice)),
    (over || (last && a.state === "raised")) && el("p", { class: "pending", role: "status" }, t(`alerts-pending_${last}`)),
    !over &&
      el(
        "div",
        { class: "actions" },
        may("clear") && button(t("alerts-clear"), () => askClear(kindTitle(a.kind), (says) => act(a.id, "clear", says))),
        !taken && !own && may("acknowledge") && button(t("alerts-acknowledge"), () => act(a.id, "acknowledge"), "main"),
      ),
  );
}

/** Many alerts of one cause: one card, taken up or ended together; each by itself where somebody unfolds it. */
function floodCard(flood) {
  const { alerts } = flood;
  const words = floodWords(flood);
  const open = alerts.filter((a) => a.state === "raised" && !pressedFor(a));
  const waits = alerts.some(pressedFor);
  const n = unfolded.get(flood.key) ?? 0;
  const unfold = (many) => () => {
    unfolded.set(flood.key, many);
    draw();
  };
  return [
    el(
      "article",
      { class: `told ${open.length ? words.severity : "taken"}`, "data-flood": flood.key },
      el("div", { class: "told-head" }, sign(open.length ? words.severity : "acknowledged"), el("strong", {}, words.title), el("time", {}, words.times)),
      el("h2", {}, words.beats),
      el("p", {}, words.places),
      open.length > 0 && words.advice && el("p", { class: "muted" }, words.advice),
      waits && el("p", { class: "pending", role: "status" }, t("alerts-pending_acknowledge")),
      el(
        "div",
        { class: "actions" },
        button(t(n ? "flood-fold" : "flood-unfold"), unfold(n ? 0 : UNFOLDED)),
        may("clear") && button(t("flood-clear"), () => askClear(words.title, (says) => actOnAll(alerts, "clear", says))),
        open.length > 0 && may("acknowledge") && button(t("flood-acknowledge", { n: open.length }), () => actOnAll(open, "acknowledge"), "main"),
      ),
    ),
    alerts.slice(0, n).map(alertCard),
    n > 0 && alerts.length > n && button(t("flood-further", { n: alerts.length - n }), unfold(n + UNFOLDED), "wide"),
  ];
}

function drawAlerts() {
  const shown = myAlerts();
  const others = openAlerts().filter((a) => a.state === "raised").length - shown.filter((a) => a.state === "raised").length;
  const fresh = shown.filter((a) => a.state === "raised" && known && !known.has(a.id));
  if (fresh.length) navigator.vibrate?.([300, 150, 300]);
  known = new Set(shown.map((a) => a.id));
  const last = pressed().map((one) => one.id);
  const revisions = shown.map((a) => [a.id, a.revision]);
  part("mine", [revisions, others, last, [...unfolded], trusted()], () => [
    folded(shown).map((item) => (item.alerts ? floodCard(item) : alertCard(item))),
    !shown.length && el("p", { class: "calm muted" }, t(trusted() ? "patrol-no_alerts" : "alerts-unknown")),
    others > 0 && el("a", { class: "elsewhere", href: "/" }, t("patrol-elsewhere", { n: others })),
  ]);
}

function stateWords(stop) {
  if (stop.pending) return t("patrol-sending", { state: word("stopstate", stop.state) });
  if (stop.state === "arrived") return t("plan-arrived", { time: minutes(stop.arrived_ms) });
  return stop.state === "planned" && stop.leave_ms < siteNow() ? t("plan-overdue") : word("stopstate", stop.state);
}

function stopCard(stop, all) {
  const over = (one) => one.done_ms || one.arrived_ms || 0;
  const before = all.filter((one) => one !== stop && over(one)).sort((a, b) => over(b) - over(a))[0];
  const cell = state.overview?.hotspots?.cells?.find((one) => one.cell === stop.cell);
  return el(
    "article",
    { class: `stop-card ${stop.state}`, "data-stop": stop.id },
    el("div", { class: "told-head" }, line("place"), el("strong", {}, t(stop.state === "arrived" ? "patrol-here" : "patrol-next")), el("time", {}, `${minutes(stop.arrive_ms)}–${minutes(stop.leave_ms)}`)),
    el("h2", {}, named(pick(stop.place)) || pick(state.beats.get(stop.beat)?.name) || stop.beat),
    el("p", { class: "muted" }, stateWords(stop), " · ", word("stopkind", stop.kind), stop.kind === "risk" && cell ? ` · ${pick(cell.drivers)}` : ""),
    stop.note && el("p", { class: "note" }, named(stop.note)),
    sketch(stop, stop.state === "planned" ? before : null),
  );
}

/** Where nothing is planned: the places that need somebody most. */
function spotCards() {
  const shown = spots().slice(0, SPOTS);
  const cards = shown.map((spot, i) => {
    const words = spotWords(spot);
    const head = el("div", { class: "told-head" }, el("span", { class: "rank" }, spot.number), el("strong", {}, words.place), el("time", {}, words.hours));
    return el("article", { class: "stop-card", "data-spot": spot.number }, head, el("p", {}, words.amount), el("p", { class: "muted" }, words.drivers, " ", words.sure), i === 0 && sketch(spot.spot ?? spot, null));
  });
  return [el("p", { class: "calm muted" }, t(officerId() ? "patrol-no_plan" : "error-no_officer")), shown.length ? cards : el("p", { class: "calm muted" }, t("hotspots-none"))];
}

function stopRow(stop, shown) {
  const look = () => {
    chosen = stop.id;
    draw();
    byId("next").scrollIntoView();
  };
  const row = button([el("time", {}, minutes(stop.arrive_ms)), el("span", {}, named(pick(stop.place)) || stop.beat), el("small", {}, stateWords(stop))], look, `row ${stop.state}`);
  row.setAttribute("aria-pressed", String(stop.id === shown?.id));
  return el("li", {}, row);
}

function drawStops() {
  const all = stops();
  const stop = all.length ? shownStop(all) : null;
  const away = said((body) => ["away", "back"].includes(body.what))?.body.what ?? (mine()?.away_ms ? "away" : "back");
  const late = all.filter((one) => one.state === "planned" && one.leave_ms < siteNow()).length;
  const hot = state.overview?.hotspots;
  part("next", [stop, all, late, hot?.ts, hot?.cells, plan === null], () => (plan === null ? el("p", { class: "calm muted" }, t("loading")) : !all.length ? spotCards() : stop ? stopCard(stop, all) : el("p", { class: "calm good" }, t("patrol-all_done"))));
  part("later", [all, stop?.id, away, late], () => [
    all.length > 0 && el("h2", {}, t("patrol-my_stops")),
    el("ol", {}, all.map((one) => stopRow(one, stop))),
    mine() && button(t(away === "away" ? "patrol-back" : "patrol-away"), () => did(away === "away" ? "back" : "away"), "wide"),
  ]);
  part("thumb", [stop?.id, stop?.state, officerId()], () => [
    officerId() && button(t("patrol-help"), askHelp, "help"),
    stop && ["planned", "arrived"].includes(stop.state) && button(t("patrol-skip"), () => askSkip(stop)),
    stop?.state === "arrived" && button(t("patrol-note"), () => ask({ title: t("patrol-done"), hint: named(pick(stop.place)), label: t("patrol-done") }, (_, note) => finish(stop, note))),
    stop?.state === "planned" && button(t("patrol-arrived"), () => did("arrived", stop.id), "main"),
    stop?.state === "arrived" && button(t("patrol-done"), () => finish(stop, ""), "main"),
  ]);
}

function finish(stop, note) {
  chosen = null;
  did("done", stop.id, note);
}

/** Say what is not sent yet, and what was refused. */
function drawWaiting() {
  const help = waiting().some((one) => one.body.what === "help");
  const called = said((body) => body.what === "help");
  const late = help || trouble.failed || state.link === "lost" ? waiting() : [];
  byId("waiting").hidden = !late.length && !called;
  byId("waiting").dataset.kind = help ? "help" : late.length ? "waiting" : "sent";
  if (late.length) say(byId("waiting"), help ? t("patrol-help_waits") : t("patrol-waits", { n: late.length }));
  else if (called) say(byId("waiting"), t("patrol-help_sent", { time: minutes(called.at) }));
  byId("refused").hidden = !trouble.refused;
  if (trouble.refused) say(byId("refused"), t("patrol-refused", { why: trouble.refused }));
}

function draw() {
  drawPage();
  drawAlerts();
  drawStops();
  drawWaiting();
  document.title = `${myAlerts().some((a) => a.state === "raised") ? "(!) " : ""}${t("patrol-title")} · ${pick(state.site.name)}`;
}

let asked = -Infinity;
let timer = 0;

async function load() {
  clearTimeout(timer);
  timer = setTimeout(load, Math.max(LEAST_MS - (performance.now() - asked), 10 * LEAST_MS));
  asked = performance.now();
  try {
    plan = await get("/api/plan");
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure; // the page says by itself that it is not connected
  }
  draw();
}

function soon() {
  clearTimeout(timer);
  timer = setTimeout(load, Math.max(0, LEAST_MS - (performance.now() - asked)));
}

/** Bright by day and dark by night, unless somebody has chosen. */
function light() {
  const hour = Number(minutes(siteNow()).slice(0, 2));
  const sun = (recall(LIGHT) ?? (hour >= 7 && hour < 18 ? "sun" : "night")) === "sun";
  window.patrolgridTheme.show(sun ? "light" : "dark");
  say(byId("light"), t(sun ? "patrol-night" : "patrol-sun"));
  byId("light").onclick = () => {
    remember(LIGHT, sun ? "night" : "sun");
    light();
  };
}

async function start() {
  await startPage();
  if (!state.me.person) return location.replace("/"); // a site without accounts has no officers' pages
  await setLanguage(firstLanguage({ ...state.site, language: state.me.person?.language ?? state.site.language }));
  light();
  for (const name of ["change", "pressed", "language", "link"]) bus.addEventListener(name, draw);
  bus.addEventListener("change", soon);
  bus.addEventListener("pressed", soon);
  bus.addEventListener("language", light);
  bus.addEventListener("link", () => state.link === "open" && send());
  addEventListener("offline", listen); // which fails then, and says so
  setInterval(drawWaiting, 1000);
  setInterval(light, 60_000);
  keepUp();
  await load();
  await send();
}

start();
