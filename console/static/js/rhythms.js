// The rhythm of a simulated device: what is usual by construction, beside what its model has learnt.

import { choose, chosen } from "./address.js";
import { get } from "./api.js";
import { byId, el, put, svg } from "./dom.js";
import { number, percent, pick, t, word } from "./i18n.js";
import { deviceName, field } from "./scenarios.js";
import { niceTicks } from "./chart.js";

const DAY_S = 86_400;
const SIZE = { width: 1160, height: 240, left: 46, bottom: 24, top: 8 };
const MONDAY = Date.UTC(2024, 0, 1);

let redraw = null;
let found = null; // {device, truth, learnt}
let asking = "";
let failed = "";
let drawn = "";

export function startRhythms(drawer) {
  redraw = drawer;
}

async function look(device) {
  asking = device;
  failed = "";
  try {
    const [truth, learnt] = await Promise.all([get(`/api/bench/rhythms/${encodeURIComponent(device)}`), get(`/api/device/${encodeURIComponent(device)}/rhythm`)]);
    found = { device, truth, learnt };
  } catch (error) {
    failed = error.message || t("error-unreachable");
  }
  redraw();
}

const weekday = (n) => new Intl.DateTimeFormat(document.documentElement.lang, { weekday: "short", timeZone: "UTC" }).format(MONDAY + n * DAY_S * 1000);

/** Return the mean of a truth's values over one step of what was learnt. */
function truthAt(days, kind, second, step) {
  const values = days.find((one) => one.day_class === kind)?.expected ?? [];
  const each = DAY_S / Math.max(values.length, 1);
  const first = Math.floor(second / each);
  const some = values.slice(first, Math.max(first + 1, Math.round((second + step) / each)));
  return some.reduce((sum, value) => sum + value, 0) / Math.max(some.length, 1);
}

/** Return the week of one series as points: {at, truth, learnt, low, high}, `at` in seconds since Monday. */
function week(days, learnt) {
  const step = learnt?.step_s ?? 600;
  return [...Array(7).keys()].flatMap((n) => {
    const known = learnt?.days.find((one) => one.weekday === n);
    const kind = known?.kind ?? [0, 0, 0, 0, 0, 1, 2][n];
    return [...Array(Math.floor(DAY_S / step)).keys()].map((i) => ({ at: n * DAY_S + i * step, kind, truth: truthAt(days, kind, i * step, step), learnt: known?.expected[i] ?? null, low: known?.lower[i] ?? null, high: known?.upper[i] ?? null }));
  });
}

function chart(points, label, isLevel) {
  const values = points.flatMap((p) => [p.truth, p.learnt, p.high]).filter((v) => v !== null);
  const lows = points.flatMap((p) => [p.truth, p.low]).filter((v) => v !== null);
  const [low, high] = [isLevel ? Math.min(...lows) : 0, Math.max(1, ...values) * (isLevel ? 1 : 1.05)];
  const { width, height, left, bottom, top } = SIZE;
  const x = (at) => left + (at / (7 * DAY_S)) * (width - left - 6);
  const y = (v) => height - bottom - ((v - low) / Math.max(high - low, 1e-6)) * (height - bottom - top);
  const line = (name) => {
    const some = points.filter((p) => p[name] !== null);
    return some.map((p, i) => `${i ? "L" : "M"}${x(p.at).toFixed(1)} ${y(p[name]).toFixed(1)}`).join("");
  };
  const known = points.filter((p) => p.low !== null);
  const band = known.length && `${known.map((p, i) => `${i ? "L" : "M"}${x(p.at).toFixed(1)} ${y(p.high).toFixed(1)}`).join("")}${[...known].reverse().map((p) => `L${x(p.at).toFixed(1)} ${y(p.low).toFixed(1)}`).join("")}Z`;
  return svg(
    "svg",
    { class: "rhythm-chart", viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label },
    niceTicks(low, high).map((v) => [svg("line", { class: "grid", x1: left, x2: width - 6, y1: y(v), y2: y(v) }), svg("text", { x: left - 8, y: y(v) + 4, "text-anchor": "end" }, number(v))]).flat(),
    [...Array(7).keys()].map((n) => [svg("line", { class: "grid", x1: x(n * DAY_S), x2: x(n * DAY_S), y1: top, y2: height - bottom }), svg("text", { x: x((n + 0.5) * DAY_S), y: height - 6, "text-anchor": "middle" }, weekday(n))]).flat(),
    band && svg("path", { class: "rhythm-band", d: band }),
    svg("path", { class: "rhythm-learnt", d: line("learnt") }),
    svg("path", { class: "rhythm-truth", d: line("truth") }),
  );
}

/** Say how far learnt and truth are apart, for each kind of day that was learnt. */
function apart(points, learnt) {
  return [0, 1, 2].filter((kind) => !learnt.unknown.includes(kind)).map((kind) => {
    const some = points.filter((p) => p.kind === kind && p.learnt !== null);
    const sum = (of) => some.reduce((total, p) => total + of(p), 0);
    const share = sum((p) => Math.abs(p.learnt - p.truth)) / Math.max(sum((p) => Math.abs(p.truth)), 1e-9);
    return some.length ? el("li", { "data-apart": kind }, t("bench-apart", { days: t(`bench-day_${kind}`), percent: percent(share) })) : null;
  });
}

function series({ truth, learnt }) {
  const names = [...new Set(truth.days.map((one) => `${one.kind}/${one.metric}`))];
  return names.map((name) => {
    const [kind, metric] = name.split("/");
    const mine = learnt.rhythms.find((one) => one.kind === kind && one.metric === metric);
    const points = week(truth.days.filter((one) => one.kind === kind && one.metric === metric), mine);
    const title = word("metric", metric);
    const [working, saturday, rest] = (mine?.learnt_days ?? [0, 0, 0]).map((n) => number(n, 1));
    return el(
      "article",
      { class: "rhythm", "data-row": name },
      el("h3", { tabindex: "0" }, title),
      el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": title }, chart(points, `${title}: ${t("bench-truth")}, ${t("bench-learnt")}`, kind === "level")),
      el("p", { class: "muted" }, mine ? t("bench-learnt_days", { working, saturday, rest }) : t("bench-not_learnt")),
      mine && el("ul", {}, apart(points, mine)),
    );
  });
}

const key = (name) => el("li", {}, svg("svg", { viewBox: "0 0 36 12", class: "rhythm-key", "aria-hidden": "true" }, svg("path", { class: `rhythm-${name}`, d: name === "band" ? "M0 1H36V11H0Z" : "M0 6H36" })), t(`bench-${name}`));

export function drawRhythms(bench) {
  const device = bench.rhythms.find((one) => one.device === chosen("device"))?.device ?? bench.rhythms[0]?.device;
  if (device && asking !== device) look(device);
  const shown = found?.device === device ? found : null;
  const state = JSON.stringify([document.documentElement.lang, device, shown?.learnt.state_ms, shown?.device, failed, bench.rhythms.length]);
  if (state === drawn && byId("rhythm-device")) return;
  const focused = document.activeElement?.id === "rhythm-device";
  drawn = state;
  const profiles = [...new Set(bench.rhythms.map((one) => one.profile))];
  const option = (one) => el("option", { value: one.device, selected: one.device === device }, `${deviceName(one.device)} · ${one.device}`);
  const groups = profiles.map((profile) => {
    const some = bench.rhythms.filter((one) => one.profile === profile);
    return el("optgroup", { label: pick(some[0].title) }, some.map(option));
  });
  const change = (event) => {
    choose({ device: event.target.value });
    redraw();
  };
  put(
    byId("panel-rhythms"),
    el("p", { class: "muted" }, t("bench-rhythm_help")),
    device ? field("rhythm-device", t("bench-device"), el("select", { id: "rhythm-device", onchange: change }, groups)) : el("p", {}, t("bench-no_rhythms")),
    failed && el("p", { class: "failed", role: "alert" }, failed),
    device && !shown && !failed && el("p", { class: "muted", role: "status" }, t("bench-reading")),
    shown && el("ul", { class: "bench-legend" }, ["truth", "learnt", "band"].map(key)),
    shown && series(shown),
  );
  if (focused) byId("rhythm-device")?.focus();
}
