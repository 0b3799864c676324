// One device: who it is, how it does, its counts against the expected band, what happened there.

import { ApiFailure, get } from "./api.js";
import { BandChart, points } from "./chart.js";
import { byId, el, put } from "./dom.js";
import { deviceIcon, sign } from "./icons.js";
import { number, percent, pick, seconds, t, when, word } from "./i18n.js";
import { bus, heard, kindTitle, siteNow, standing, state, troubleOf } from "./state.js";

const RANGES = [3, 12, 24, 168];
const REFRESH_MS = 5000;
const FRESH_MS = 1_800_000; // what has said nothing for longer is not shown in green: a door may be shut, or its sensor gone
let hours = 12;
let shown = null; // id of the device whose data is on the screen
let data = null;
let failure = "";
let turn = 0;
const charts = new Map();
let chosen = null; // series shown, "kind/metric"

const seriesKey = (s) => `${s.kind}/${s.metric}`;

async function load() {
  const id = state.selected;
  if (!id) return;
  const mine = ++turn;
  try {
    const answer = await get(`/api/device/${encodeURIComponent(id)}?hours=${hours}`);
    if (mine !== turn || id !== state.selected) return;
    [data, failure, shown] = [answer, "", id];
  } catch (error) {
    if (mine !== turn || !(error instanceof ApiFailure)) return;
    failure = error.message || t("error-unreachable");
  }
  draw();
}

function facts(place) {
  const health = data?.health;
  const trouble = troubleOf(place.id);
  const row = (name, value, extra = "") => [el("dt", {}, t(name)), el("dd", { class: extra }, value)];
  const level = standing(place.id);
  const newest = Math.max(0, ...(data?.series ?? []).flatMap((s) => s.windows.slice(-1).map((w) => w.start)), ...(data?.states ?? []).slice(0, 1).map((s) => s.ts));
  const fresh = level !== "normal" || siteNow() - newest < FRESH_MS;
  return el(
    "div",
    { class: "facts" },
    el(
      "div",
      { class: "facts-head" },
      deviceIcon(place.type, level),
      el("div", {}, el("h3", {}, pick(place.name)), el("span", { class: "muted" }, `${word("type", place.type)} · ${pick(state.beats.get(place.beat)?.name) || place.beat}`)),
    ),
    el(
      "dl",
      {},
      row("device-id", el("a", { href: `/device?id=${encodeURIComponent(place.id)}`, title: t("registry-to_device") }, place.id)),
      row("device-standing", word("standing", level), fresh ? `standing-${level}` : ""),
      data && row("device-newest", newest ? when(newest, siteNow()) : "—"),
      health && row("device-quality", heard() ? percent(health.quality) : "—", trouble.length ? "bad" : ""),
      trouble.length > 0 && row("device-trouble", trouble.map((w) => word("trouble", w)).join(t("list-comma")), "bad"),
      health && Math.abs(health.skew_s) > 5 && row("device-skew", t("span-s", { n: number(health.skew_s, 0) })),
      data?.agent && row("device-agent", t("device-agent_said", { version: data.agent.version, time: when(data.agent.at_ms, siteNow()), queue: number(data.agent.queue, 0) })),
    ),
  );
}

function seriesOf(list) {
  const withValues = list.filter((s) => s.kind !== "state");
  return withValues.length ? withValues : list;
}

function chartArea(place) {
  const list = seriesOf(data.series);
  const odd = data.states.length && place.type !== "camera" && !list.some((s) => s.kind === "count" || s.kind === "level");
  if (odd || !list.length) return data.states.length ? stateLine(data.states) : el("p", { class: "muted pad" }, t("device-no_windows"));
  const current = list.find((s) => seriesKey(s) === chosen) ?? list[0];
  const key = seriesKey(current);
  let chart = charts.get(key);
  if (!chart) charts.set(key, (chart = new BandChart()));
  const label = word("metric", current.metric);
  const unit = t(`unit-${current.metric}`) === `unit-${current.metric}` ? "" : t(`unit-${current.metric}`);
  requestAnimationFrame(() =>
    chart.show({ points: points(current.kind, current.windows), from: data.since_ms, until: data.until_ms, zone: state.site.timezone, label, unit, kind: current.kind }),
  );
  const switcher =
    list.length > 1 &&
    el(
      "div",
      { class: "chips", role: "group" },
      list.map((s) => {
        const pickSeries = () => {
          chosen = seriesKey(s);
          draw();
        };
        return el("button", { type: "button", class: "chip", "aria-pressed": String(seriesKey(s) === key), onclick: pickSeries }, word("metric", s.metric));
      }),
    );
  return el(
    "div",
    { class: "chart-area" },
    el("div", { class: "chart-head" }, el("strong", {}, unit ? `${label} (${unit})` : label), ranges(), switcher, chartKey(current.kind)),
    chart.node,
  );
}

/** The chart's key. */
function chartKey(kind) {
  const item = (name, text) => el("span", { class: `key key-${name}` }, el("i", { "aria-hidden": "true" }), text);
  if (kind === "count") return el("div", { class: "keys" }, item("seen", t("chart-key_seen")), item("expected", t("chart-key_expected")), item("band", t("chart-key_band")));
  if (kind === "level") return el("div", { class: "keys" }, item("seen", t("chart-key_mean")), item("band", t("chart-key_range")));
  return el("div", { class: "keys" }, item("bar", t("chart-key_passes")));
}

function stateLine(states) {
  return el(
    "ol",
    { class: "happened" },
    states.slice(0, 12).map((s) => el("li", {}, el("time", {}, when(s.ts, siteNow())), el("span", {}, word("metric", s.metric)), el("strong", {}, word("value", s.value)))),
  );
}

function happened() {
  const alerts = data.alerts.slice(0, 5).map((a) =>
    el(
      "li",
      {},
      sign(a.state === "raised" ? a.severity : a.by ? "acknowledged" : "ended"),
      el("time", {}, when(a.raised_ms, siteNow())),
      el("span", {}, el("strong", {}, kindTitle(a.kind)), " ", pick(a.text)),
    ),
  );
  const passes = data.gates.slice(0, 5).map((g) =>
    el(
      "li",
      {},
      el("time", {}, seconds(g.ts)),
      el("span", {}, `${word("direction", g.direction)} · ${word("vehicle", g.vehicle)} · ${t(g.allowed === null ? "gate-unknown" : g.allowed ? "gate-allowed" : "gate-stranger")}`),
    ),
  );
  if (!alerts.length && !passes.length) return null;
  return el("div", { class: "aside-list" }, alerts.length > 0 && [el("h4", {}, t("device-alerts")), el("ul", {}, alerts)], passes.length > 0 && [el("h4", {}, t("device-gates")), el("ul", {}, passes)]);
}

function ranges() {
  return el(
    "div",
    { class: "chips ranges", role: "group", "aria-label": t("device-range") },
    RANGES.map((n) => {
      const use = () => {
        hours = n;
        load();
        draw();
      };
      return el("button", { type: "button", class: "chip", "aria-pressed": String(n === hours), onclick: use }, n < 48 ? t("span-h", { n }) : t("span-d", { n: n / 24 }));
    }),
  );
}

function draw() {
  const panel = byId("panel-device");
  const place = state.devices.get(state.selected);
  if (!place) {
    put(panel, el("p", { class: "empty" }, t("device-none")));
    return;
  }
  const focus = panel.contains(document.activeElement) ? document.activeElement.textContent : null;
  const ready = data && shown === place.id;
  put(
    panel,
    el(
      "div",
      { class: "device" },
      el("div", { class: "device-left" }, facts(place), ready && happened()),
      ready ? chartArea(place) : el("p", { class: "muted pad" }, failure || t("loading")),
    ),
  );
  if (focus) [...panel.querySelectorAll("button")].find((b) => b.textContent === focus)?.focus({ preventScroll: true });
}

export function startDevice() {
  draw();
  bus.addEventListener("select", () => {
    [data, chosen] = [null, null];
    charts.clear();
    draw();
    load();
  });
  bus.addEventListener("language", draw);
  setInterval(() => {
    if (!document.hidden && !byId("panel-device").hidden && !byId("panel-device").querySelector(".chart:focus, .chart:hover")) load();
  }, REFRESH_MS);
}
