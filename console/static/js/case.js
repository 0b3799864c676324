// One alert: what it is, what made it, the observations behind it, who was told, and running it again.

import { ApiFailure, get, post } from "./api.js";
import { BandChart, points } from "./chart.js";
import { byId, el, put } from "./dom.js";
import { sign } from "./icons.js";
import { day, named, number, percent, pick, seconds, span, t, when, word } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { bus, devicesOf, kindTitle, may, siteNow, state } from "./state.js";

const ID = new URLSearchParams(location.search).get("id") ?? "";
const PATH = `/api/alerts/${encodeURIComponent(ID)}`;
const POLL_MS = 1000;
const LEAST = 1e-9; // a smaller probability says no more
const TRIED = ["alerts.per_day", "pipeline.silent_s", "alerts.group_m"]; // what is most often asked; the bench has all
let alert = null;
let found = null;
let failure = "";
let work = null; // the run that is under way, or over
let outcome = null;
const charts = new Map();

const beatName = (id) => pick(state.beats.get(id)?.name) || id;
const deviceName = (id) => pick(state.devices.get(id)?.name) || id;
const at = (ms) => when(ms, siteNow());
const block = (title, children, extra = "") => el("section", { class: `block ${extra}` }, el("h3", {}, title), children);

/** Return a probability as people say it: one in so many. */
function chance(p) {
  if (p === null || p === undefined || !(p > 0)) return "—";
  if (p < LEAST) return t("case-less", { n: number(1 / LEAST, 0) });
  return p >= 0.01 ? percent(p) : t("case-one_in", { n: number(Math.round(1 / p), 0) });
}

function headBlock() {
  const open = ["raised", "acknowledged"].includes(alert.state);
  const name = alert.state === "raised" ? alert.severity : alert.state === "acknowledged" ? "acknowledged" : "ended";
  const who = alert.by ? t("case-by", { by: named(alert.by) }) : "";
  return el(
    "section",
    { class: `block ${open ? alert.severity : ""}` },
    el("div", { class: "head" }, sign(name), el("div", {}, el("h2", {}, kindTitle(alert.kind)), el("p", { class: "muted" }, `${word("severity", alert.severity)} · ${word("case-state", alert.state)}${who}`))),
    el("p", { class: "why" }, pick(alert.text)),
    el(
      "dl",
      {},
      el("dt", {}, t("case-place")), el("dd", {}, pick(alert.place) || deviceName(alert.device)),
      el("dt", {}, t("case-beat")), el("dd", {}, beatName(alert.beat)),
      el("dt", {}, t("case-raised")), el("dd", {}, `${day(alert.raised_ms)} ${seconds(alert.raised_ms)}`),
      alert.cause_ms > 0 && [el("dt", {}, t("case-since")), el("dd", {}, seconds(alert.cause_ms))],
      !open && [el("dt", {}, t("case-ended")), el("dd", {}, `${at(alert.changed_ms)} (${span(alert.changed_ms - alert.raised_ms)})`)],
      alert.reason && [el("dt", {}, t("case-false")), el("dd", {}, word("false", alert.reason))],
    ),
    open && el("p", { class: "advice" }, pick(alert.advice)),
    el(
      "div",
      { class: "ways" },
      devicesOf(alert).slice(0, 4).map((id) => state.devices.has(id) && el("a", { class: "tool", href: `/device?id=${encodeURIComponent(id)}` }, deviceName(id))),
      el("a", { class: "tool", href: `/history?kind=${encodeURIComponent(alert.kind)}` }, t("case-alike")),
      el("a", { class: "tool", href: "/" }, t("page-board")),
    ),
  );
}

/** What found it, and its numbers. */
function madeBlock() {
  const newest = found.anomalies[found.anomalies.length - 1];
  const budget = found.budget;
  const odd = newest && newest.p > 0;
  // A rule expects nothing: what its finding counts are words of alarm, not what the sentence tells.
  const of = found.by_model ? newest ?? alert : { observed: alert.observed };
  const numbers = [[t("case-observed"), of.observed], [t("case-expected"), of.expected]];
  return block(
    t(found.by_model ? "case-model" : "case-rule"),
    el(
      "dl",
      {},
      numbers.flatMap(([name, value]) => (value == null ? [] : [el("dt", {}, name), el("dd", {}, number(value))])),
      odd && [el("dt", {}, t("case-chance")), el("dd", {}, chance(newest.p))],
      el("dt", {}, t("case-confidence")), el("dd", {}, percent(alert.confidence)),
      el("dt", {}, t("case-devices")), el("dd", {}, devicesOf(alert).map(deviceName).join(t("list-comma"))),
      budget && [el("dt", {}, t("case-budget")), el("dd", {}, budget.per_day ? t("case-budget_is", { chance: budget.threshold ? chance(10 ** -budget.threshold) : t("case-shipped"), raised: budget.raised, held: budget.held, perday: budget.per_day }) : t("case-no_budget"))],
    ),
    found.by_model ? "" : "rule",
  );
}

function chartBlock() {
  const mine = found.series.filter((s) => s.kind !== "state");
  if (!mine.length) return block(t("case-windows"), el("p", { class: "muted" }, t("case-no_windows")));
  return block(
    t("case-windows"),
    el("div", { class: "charts" }, mine.map((s) => {
      const key = `${s.device}/${s.kind}/${s.metric}`;
      if (!charts.has(key)) charts.set(key, new BandChart());
      const label = `${deviceName(s.device)} · ${word("metric", s.metric)}`;
      const unit = t(`unit-${s.metric}`) === `unit-${s.metric}` ? "" : t(`unit-${s.metric}`);
      requestAnimationFrame(() => charts.get(key).show({ points: points(s.kind, s.windows), from: found.since_ms, until: found.until_ms, zone: state.site.timezone, label, unit, kind: s.kind }));
      return el("div", {}, el("strong", {}, unit ? `${label} (${unit})` : label), charts.get(key).node);
    })),
  );
}

function said(row) {
  const { said: what } = row;
  if (row.kind === "count") return t("case-count", { into: number(what.in), out: number(what.out), s: number(what.interval_s) });
  if (row.kind === "gate") return `${word("direction", what.direction)} · ${word("vehicle", row.metric)} · ${t(what.allowed === null ? "gate-unknown" : what.allowed ? "gate-allowed" : "gate-stranger")}${what.plate ? ` · ${what.plate.slice(0, 14)}…` : ""}`;
  return row.kind === "level" ? number(what.value) : word("value", what.value);
}

function rawBlock() {
  const { raw } = found;
  const note = raw.state === "gone" ? t("case-gone", { time: raw.oldest_ms ? `${day(raw.oldest_ms)} ${seconds(raw.oldest_ms)}` : "—" }) : raw.state === "there" ? "" : t(`case-log_${raw.state}`);
  const between = t("case-between", { from: at(found.raw_since_ms), until: at(found.raw_until_ms) });
  const several = new Set(raw.rows.map((one) => one.device)).size > 1;
  const head = [t("case-received"), t("case-event"), several && t("case-device"), t("case-metric"), t("case-says"), t("case-number"), t("case-record")].filter(Boolean);
  const row = (one) =>
    el(
      "tr",
      { "data-row": "", class: one.seq === alert.cause_seq && one.device === alert.device ? "cause" : "" },
      el("td", {}, seconds(one.received_ms)), el("td", {}, seconds(one.ts)), several && el("td", {}, deviceName(one.device)), el("td", {}, word("metric", one.metric)),
      el("td", { class: "said" }, said(one), one.backfill && ` · ${t("case-backfill")}`), el("td", {}, `${one.boot || "—"} / ${one.seq}`), el("td", {}, one.position),
    );
  return block(
    t("case-raw"),
    [
      el("p", { class: "muted" }, between, " ", note, raw.more > 0 && t("case-more", { n: raw.more }), !raw.whole && t("case-part")),
      raw.rows.length > 0 && el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": t("case-raw") }, el("table", {}, el("thead", {}, el("tr", {}, head.map((name) => el("th", { scope: "col" }, name)))), el("tbody", {}, raw.rows.map(row)))),
      raw.state === "there" && !raw.rows.length && el("p", {}, t("case-none")),
    ],
    "raw",
  );
}

/** All its changes, and who was told. */
function stepsBlock() {
  // A receipt's time is the wall clock's, which is another than the site's where that is simulated: a list of its own.
  const told = (alert.receipts ?? []).map((one) => el("li", {}, el("time", {}, at(one.at_ms)), el("div", {}, `${word("channel", one.channel)}${one.to ? ` (${one.to})` : ""} · ${word("case-receipt", one.state)}`)));
  const notes = (alert.notes ?? []).map((one) => ({ changed_ms: one.ts, by: one.name, note: one.note, written: true }));
  const steps = [...alert.history, ...notes].sort((a, b) => a.changed_ms - b.changed_ms);
  const changes = steps.map((one) => el("li", {}, el("time", {}, at(one.changed_ms)), el("div", {}, el("strong", {}, one.written ? t("shift-note_here") : word("case-state", one.state)), one.by && ` ${named(one.by)}`, one.note && el("span", { class: "note" }, named(one.note)), el("span", { class: "note" }, pick(one.text)))));
  return [
    block(t("case-steps"), el("ol", { class: "steps" }, changes)),
    block(t("case-told"), alert.receipts === null ? el("p", { class: "bad" }, t("case-receipts_unknown")) : told.length ? el("ol", { class: "steps" }, told) : el("p", { class: "muted" }, t("case-nobody"))),
  ];
}

function nearBlock() {
  const rows = [
    ...found.incidents.map((one) => ({ ms: one.ts, text: `${t("case-incident", { category: pick(one.category_text), metres: one.away_m })} · ${word("provenance", one.provenance)}` })),
    ...(found.stops ?? []).map((one) => ({ ms: one.arrive_ms, text: `${t("case-stop")} · ${named(pick(one.place)) || beatName(one.beat)} · ${word("stopstate", one.state)}` })),
  ].sort((a, b) => a.ms - b.ms);
  return block(t("case-near"), rows.length ? el("ol", { class: "steps" }, rows.map((one) => el("li", {}, el("time", {}, at(one.ms)), el("div", {}, one.text)))) : el("p", { class: "muted" }, t("case-none_near")));
}

/** The run again: a setting to try beside, how far it is, and what came out. */
function againBlock() {
  if (!may("bench")) return null;
  const why = found.raw.state !== "there" ? t("case-cannot_log") : !found.may_run ? t("case-cannot") : "";
  const running = work?.state === "running";
  const start = async (event) => {
    event.preventDefault();
    const fields = new FormData(event.target);
    const key = fields.get("key");
    const set = key && fields.get("value") ? { [key]: fields.get("value") } : {};
    [outcome, failure] = [null, ""];
    try {
      work = { id: (await post(`${PATH}/again`, { set })).id, state: "running", done: null };
      watch();
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      failure = error.message || t("error-unreachable");
    }
    draw();
  };
  return block(
    t("case-again"),
    [
      el("p", { class: "muted" }, why || t("case-again_help")),
      !why &&
        el(
          "form",
          { onsubmit: start },
          el("label", {}, t("case-try"), el("select", { name: "key" }, el("option", { value: "" }, t("case-try_none")), TRIED.map((key) => el("option", { value: key }, key)))),
          el("label", {}, t("case-value"), el("input", { name: "value", maxlength: 40, autocomplete: "off" })),
          el("button", { class: "main", disabled: running }, t(running ? "case-running" : "case-run")),
        ),
      running && el("progress", { "aria-label": t("case-running"), value: work.done ?? undefined, max: 1 }),
      failure && el("p", { class: "failed", role: "alert" }, failure),
      work && !running && work.state !== "done" && el("p", { class: "failed", role: "alert" }, work.why || word("case-work", work.state)),
      outcome && el("div", { class: "outcome", role: "status" }, outcomeWords()),
    ],
    "again",
  );
}

function outcomeWords() {
  const { told, again, then, differs } = outcome.alert;
  const tried = Object.keys(outcome.settings).length > 0;
  const begun = t(`case-begun_${outcome.begun.with}`, { time: at(outcome.begun.ms) });
  const first = !again ? t("case-not_again") : differs.length ? t("case-differs", { what: differs.map((name) => word("case-field", name)).join(t("list-comma")) }) : t("case-same");
  return [
    el("p", {}, first),
    again && differs.length > 0 && el("p", { class: "note" }, `${t("case-as_told")}: ${pick(told.text)}`),
    again && differs.length > 0 && el("p", { class: "note" }, `${t("case-as_again")}: ${pick(again.text)}`),
    tried && el("p", {}, then ? `${t("case-as_tried")}: ${pick(then.text)}` : t("case-not_tried")),
    el("p", { class: "muted" }, begun),
  ];
}

async function watch() {
  while (work?.state === "running") {
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    const answer = await get(`/api/work/${work.id}`).catch(() => null); // it is asked again
    if (!answer) continue;
    work = answer.work ?? answer;
    if (work.state === "done") outcome = answer.result ?? null;
    draw();
  }
}

function draw() {
  drawPage();
  const main = byId("main");
  if (!alert || !found) return put(main, el("p", { class: "pad" }, failure || t("loading")));
  const typed = [...main.querySelectorAll("select, input")].map((node) => [node.name, node.value]);
  const focus = main.contains(document.activeElement) ? document.activeElement.name : "";
  put(main, el("div", {}, headBlock(), madeBlock(), stepsBlock(), nearBlock()), el("div", {}, chartBlock(), againBlock(), rawBlock()));
  for (const [name, value] of typed) if (main.querySelector(`[name="${name}"]`)) main.querySelector(`[name="${name}"]`).value = value;
  if (focus) main.querySelector(`[name="${focus}"]`)?.focus({ preventScroll: true });
  document.title = `${kindTitle(alert.kind)} · ${pick(state.site?.name) || "PatrolGrid"}`;
  return undefined;
}

async function load() {
  try {
    [alert, found] = await Promise.all([get(PATH), get(`${PATH}/case`)]);
    failure = "";
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    failure = error.message || t("error-unreachable");
  }
  draw();
}

async function start() {
  await startPage();
  byId("print").addEventListener("click", () => print());
  bus.addEventListener("language", draw);
  // A change of the alert itself is worth a new look; all else only moves the clock.
  bus.addEventListener("change", () => {
    drawPage();
    const newest = state.overview?.alerts.find((one) => one.id === ID);
    if (alert && newest && newest.revision !== alert.revision) load();
  });
  keepUp();
  await load();
}

start();
