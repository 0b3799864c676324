// A band chart: what was counted against what was expected, readable by eye, by keyboard and by a screen reader.

import { el, put, say, svg } from "./dom.js";
import { minutes, number, shortDay, t, word } from "./i18n.js";

const PAD = { left: 46, right: 12, top: 12, bottom: 26 };
const STEPS_MIN = [5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880];
const GAP = 2.5; // windows apart by more than this many steps are not joined by a line

/** Return the round numbers of an axis from 0 or `low` to `high`. */
export function niceTicks(low, high, wanted = 4) {
  const raw = Math.max((high - low) / wanted, 1e-9);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
  const ticks = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) ticks.push(Number(v.toPrecision(10)));
  return ticks;
}

/** Return tick times on whole steps of the site's local time. */
function timeTicks(from, until, width, offsetMs) {
  const wanted = Math.max(2, Math.floor(width / 90));
  const step = (STEPS_MIN.find((m) => (until - from) / (m * 60_000) <= wanted) ?? 2880) * 60_000;
  const ticks = [];
  for (let at = Math.ceil((from + offsetMs) / step) * step - offsetMs; at <= until; at += step) ticks.push(at);
  return ticks;
}

/** Return the zone's offset at a time, in ms: a time written in the zone, read as if it were UTC, less the time. */
function offsetAt(ms, zone) {
  const parts = new Intl.DateTimeFormat("en", {
    timeZone: zone, hourCycle: "h23", year: "numeric", month: "numeric", day: "numeric", hour: "numeric", minute: "numeric", second: "numeric",
  }).formatToParts(ms);
  const p = Object.fromEntries(parts.map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(p.year, p.month - 1, p.day, p.hour, p.minute, p.second) - Math.floor(ms / 1000) * 1000;
}

/** Return how many a window has counted; null where nobody counted, and only the model has something to say. */
export const counts = (w) => (w.n === 0 ? null : (w.in ?? 0) + (w.out ?? 0));

/** Turn a store's windows into points: what was seen, and what was expected; of readings the `usual` range, if asked. */
export function points(kind, windows, { usual = false } = {}) {
  return windows.map((w) => {
    if (usual && w.state === "young") w = { ...w, expected: null, lower: null, upper: null }; // it does not know yet
    const counted = kind === "count" || kind === "gate";
    return {
      at: w.start,
      y: counted ? counts(w) : w.mean ?? (kind === "state" ? w.n : null),
      low: kind === "level" && !usual ? w.low : w.lower,
      high: kind === "level" && !usual ? w.high : w.upper,
      expected: w.expected,
      state: kind === "count" || (kind === "level" && usual) ? w.state : "normal",
      open: w.status === "open",
      row: w,
    };
  });
}

export class BandChart {
  constructor() {
    this.svg = svg("svg", { class: "chart", role: "img", tabindex: "0" });
    this.tip = el("div", { class: "chart-tip", hidden: true });
    this.reading = el("div", { class: "unseen", "aria-live": "polite" });
    this.node = el("div", { class: "chart-box" }, this.svg, this.tip, this.reading);
    this.focused = -1;
    this.svg.addEventListener("pointermove", (event) => this.hover(event));
    this.svg.addEventListener("pointerdown", (event) => this.hover(event));
    this.svg.addEventListener("pointerleave", () => this.focus(-1));
    this.svg.addEventListener("blur", () => this.focus(-1));
    this.svg.addEventListener("keydown", (event) => this.key(event));
    new ResizeObserver(() => this.draw()).observe(this.node);
  }

  show(data) {
    this.data = data; // {points, from, until, zone, label, unit, kind}
    this.draw();
  }

  draw() {
    const box = this.node.getBoundingClientRect();
    if (!this.data || box.width < 50) return;
    const [width, height] = [Math.round(box.width), Math.max(120, Math.round(box.height))];
    const { points: all, from, until, zone } = this.data;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    const values = all.flatMap((p) => [p.y, p.high, p.expected]).filter((v) => v !== null && v !== undefined);
    const lows = all.flatMap((p) => [p.y, p.low]).filter((v) => v !== null && v !== undefined);
    const isLevel = this.data.kind === "level";
    let [low, high] = [isLevel ? Math.min(...lows) : 0, values.length ? Math.max(...values) : 1];
    if (isLevel && lows.length) [low, high] = [low - (high - low) * 0.15 - 0.1, high + (high - low) * 0.15 + 0.1];
    if (!Number.isFinite(low)) low = 0;
    if (high <= low) high = low + 1;
    const ticks = niceTicks(low, isLevel ? high : high * 1.08);
    const top = isLevel ? high : Math.max(high * 1.08, 1);
    const x = (at) => PAD.left + ((at - from) / (until - from)) * (width - PAD.left - PAD.right);
    const y = (v) => height - PAD.bottom - ((v - low) / (top - low)) * (height - PAD.top - PAD.bottom);
    this.x = x;
    const step = all.length > 1 ? Math.min(...all.slice(1).map((p, i) => p.at - all[i].at).filter((d) => d > 0)) : 300_000;
    this.step = step;
    const middle = (p) => x(p.at + step / 2);
    const runs = split(all, step * GAP);
    const offset = offsetAt(until, zone);
    const times = timeTicks(from, until, width, offset);
    const bars = this.data.kind === "gate" || this.data.kind === "state"; // events: a line between them would say nothing
    const isMidnight = (at) => (at + offset) % 86_400_000 === 0;
    put(
      this.svg,
      ticks.map((v) => [
        svg("line", { class: "grid", x1: PAD.left, x2: width - PAD.right, y1: y(v), y2: y(v) }),
        svg("text", { class: "tick", x: PAD.left - 8, y: y(v) + 4, "text-anchor": "end" }, number(v)),
      ]).flat(),
      times.map((at) => [
        svg("line", { class: "grid", x1: x(at), x2: x(at), y1: height - PAD.bottom, y2: height - PAD.bottom + 4 }),
        svg("text", { class: "tick", x: Math.min(x(at), width - 22), y: height - 7, "text-anchor": "middle" }, isMidnight(at) && !this.data.plan ? shortDay(at) : minutes(at)),
      ]).flat(),
      runs.map((run) => band(run, middle, y)),
      runs.map((run) => path("expected", run.filter((p) => p.expected !== null && p.expected !== undefined), middle, y, "expected")),
      bars
        ? all.filter((p) => p.y).map((p) => svg("rect", { class: `bar${p.open ? " bar-open" : ""}`, x: x(p.at) + 0.5, width: Math.max(1, x(p.at + step) - x(p.at) - 1), y: y(p.y), height: y(0) - y(p.y) }))
        : split(all.filter((p) => !p.open && p.y !== null), step * GAP).map((run) => path("seen", run, middle, y, "y")),
      all.filter((p) => !bars && p.y !== null && (p.open || p.state !== "normal")).map((p) => mark(p, middle(p), y(p.y))),
      (this.cursor = svg("g", { class: "cursor", visibility: "hidden" }, svg("line", { y1: PAD.top, y2: height - PAD.bottom }), svg("circle", { r: 5 }))),
    );
    this.y = y;
    this.svg.setAttribute("aria-label", this.summary());
    this.focus(Math.min(this.focused, all.length - 1), false);
  }

  summary() {
    const { points: all, label } = this.data;
    const odd = all.filter((p) => p.state !== "normal" && p.state !== "young").length;
    return all.length ? t("chart-summary", { label, n: all.length, odd }) : t("chart-empty", { label });
  }

  hover(event) {
    if (!this.data?.points.length || !this.x) return;
    const box = this.svg.getBoundingClientRect();
    const at = event.clientX - box.left;
    let best = 0;
    this.data.points.forEach((p, i) => {
      if (Math.abs(this.x(p.at + this.step / 2) - at) < Math.abs(this.x(this.data.points[best].at + this.step / 2) - at)) best = i;
    });
    this.focus(best, false);
  }

  key(event) {
    const last = (this.data?.points.length ?? 0) - 1;
    const moves = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -1e9, End: 1e9 };
    if (last < 0 || !(event.key in moves)) return;
    event.preventDefault();
    const from = this.focused < 0 ? last + 1 : this.focused;
    this.focus(Math.max(0, Math.min(last, from + moves[event.key])), true);
  }

  focus(index, aloud) {
    this.focused = index;
    const p = this.data?.points[index];
    this.tip.hidden = !p;
    this.cursor?.setAttribute("visibility", p ? "visible" : "hidden");
    if (!p) return;
    const x = this.x(p.at + this.step / 2);
    const [bar, dot] = this.cursor.children;
    bar.setAttribute("x1", x);
    bar.setAttribute("x2", x);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", this.y(p.y ?? 0));
    dot.setAttribute("visibility", p.y === null ? "hidden" : "inherit");
    const text = this.words(p);
    put(this.tip, el("strong", {}, text[0]), text.slice(1).map((row) => el("span", {}, row)));
    const width = this.node.clientWidth;
    this.tip.style.left = `${Math.min(Math.max(x, 90), width - 90)}px`;
    if (aloud) say(this.reading, text.join(", "));
  }

  words(p) {
    const unit = this.data.unit ? ` ${this.data.unit}` : "";
    const rows = [`${minutes(p.at)}–${minutes(p.at + this.step)}`];
    if (p.y === null) rows.push(...(this.data.plan ? [] : ["—"]));
    else if (this.data.kind === "count" || this.data.kind === "gate") {
      rows.push(t("chart-inout", { total: number(p.y), into: number(p.row.in), out: number(p.row.out) }));
    } else rows.push(`${number(p.y)}${unit}`);
    if (p.expected !== null && p.expected !== undefined) rows.push(t("chart-expected", { value: number(p.expected, 1), lower: number(p.low, 0), upper: number(p.high, 0) }));
    else if (p.low !== null && p.low !== undefined) rows.push(t("chart-range", { low: number(p.low), high: number(p.high) }));
    if (p.state !== "normal") rows.push(word("state", p.state));
    if (p.open) rows.push(t("chart-open"));
    return rows;
  }
}

function split(all, gap) {
  const runs = [];
  all.forEach((p, i) => {
    if (i === 0 || p.at - all[i - 1].at > gap) runs.push([]);
    runs[runs.length - 1].push(p);
  });
  return runs;
}

function path(name, run, x, y, field) {
  if (!run.length) return null;
  if (run.length === 1) return svg("circle", { class: `${name}-dot`, cx: x(run[0]), cy: y(run[0][field]), r: 2 });
  return svg("path", { class: name, d: run.map((p, i) => `${i ? "L" : "M"}${x(p).toFixed(1)} ${y(p[field]).toFixed(1)}`).join("") });
}

function band(run, x, y) {
  const known = run.filter((p) => p.low !== null && p.low !== undefined && p.high !== null && p.high !== undefined);
  if (known.length < 2) return null;
  const there = known.map((p, i) => `${i ? "L" : "M"}${x(p).toFixed(1)} ${y(p.high).toFixed(1)}`);
  const back = known.reverse().map((p) => `L${x(p).toFixed(1)} ${y(p.low).toFixed(1)}`);
  return svg("path", { class: "band", d: `${there.join("")}${back.join("")}Z` });
}

/** An odd window's mark: a triangle up for a surge, down for a deficit, a cross for dead; a ring while it is open. */
function mark(p, x, y) {
  const shapes = { surge: `M${x - 5} ${y + 4}h10l-5-9z`, deficit: `M${x - 5} ${y - 4}h10l-5 9z`, dead: `M${x - 4} ${y - 4}l8 8m0-8l-8 8` };
  const like = { high: "surge", step: "surge", drift: "surge", low: "deficit", stuck: "dead" }[p.state] ?? p.state;
  if (shapes[like]) return svg("path", { class: `mark mark-${like}${p.open ? " mark-open" : ""}`, d: shapes[like] });
  return p.open ? svg("circle", { class: "mark-ring", cx: x, cy: y, r: 4 }) : null;
}
