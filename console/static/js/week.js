// The week that a model expects: a strip for each weekday, darker where more is expected, and the chosen day as a curve.

import { BandChart } from "./chart.js";
import { el, put, svg } from "./dom.js";
import { minutes, number, t, weekday, word } from "./i18n.js";

const HOUR_MS = 3_600_000;
const LEFT = 62;
const narrow = matchMedia("(max-width: 900px)"); // there a finger presses a day
const HOURS = [0, 6, 12, 18, 24];

/** Return the days of a week as a picture; `choose(weekday)` is called for the one that is pressed. */
function strips(days, chosen, choose, low, high) {
  const steps = days[0].expected.length;
  const [WIDTH, ROW] = narrow.matches ? [360, 44] : [720, 22];
  const x = (step) => LEFT + (step / steps) * (WIDTH - LEFT - 8);
  const name = (day) => weekday(day.midnight_ms + 12 * HOUR_MS);
  const rows = days.map((day, index) => {
    const y = index * ROW;
    const cells = day.expected.map((value, step) => {
      const share = high > low ? (value - low) / (high - low) : 0;
      return svg("rect", { class: "hour", x: x(step), y: y + 2, width: x(step + 1) - x(step), height: ROW - 4, "fill-opacity": (0.05 + 0.9 * share).toFixed(2) });
    });
    const press = (event) => {
      if (event.type === "keydown" && !["Enter", " "].includes(event.key)) return;
      event.preventDefault();
      choose(day.weekday);
    };
    const pressed = day.weekday === chosen;
    return svg(
      "g",
      { class: pressed ? "day chosen" : "day", role: "button", tabindex: 0, "aria-pressed": String(pressed), "aria-label": `${name(day)}, ${word("daykind", day.kind)}`, onclick: press, onkeydown: press },
      ...cells,
      svg("rect", { class: "day-frame", x: LEFT, y: y + 1, width: WIDTH - LEFT - 8, height: ROW - 2 }),
      svg("text", { x: LEFT - 8, y: y + ROW / 2 + 4, "text-anchor": "end" }, name(day)),
    );
  });
  const hours = HOURS.map((hour) => svg("text", { x: x((hour / 24) * steps), y: days.length * ROW + 14, "text-anchor": "middle" }, String(hour)));
  return svg("svg", { class: "week", viewBox: `0 0 ${WIDTH} ${days.length * ROW + 20}`, role: "group", "aria-label": t("rhythm-week") }, ...rows, ...hours);
}

/** Return which weekdays are meant, in words: Monday to Friday, the weekend, or each. */
function daysOf(days, all) {
  const key = days.join("");
  if (key === "0123456") return t("rhythm-every_day");
  if (key === "01234") return t("rhythm-workdays");
  if (key === "56") return t("rhythm-weekend");
  return days.map((one) => weekday(all[one].midnight_ms + 12 * HOUR_MS)).join(t("list-comma"));
}

function known(one) {
  const told = one.learnt_days.map((days, kind) => t("rhythm-days", { kind: word("daykind", kind), n: number(days, 1) }));
  const unknown = one.unknown.map((kind) => word("daykind", kind)).join(t("list-comma"));
  return [el("p", { class: "muted" }, t("rhythm-learnt", { days: told.join(t("list-comma")) })), unknown && el("p", { class: "bad" }, t("rhythm-unknown", { kinds: unknown }))];
}

export class WeekView {
  constructor() {
    this.chart = new BandChart();
    this.node = el("div", { class: "rhythm-view" });
    this.day = null;
  }

  /** Show a series' rhythm; `today` is 0 for a Monday. */
  show(one, { zone, unit, label, today, windowS }) {
    const choose = (day) => {
      this.day = day;
      this.show(one, { zone, unit, label, today, windowS });
      this.node.querySelector(".day.chosen")?.focus();
    };
    const chosen = one.days.find((day) => day.weekday === (this.day ?? today)) ?? one.days[0];
    const values = one.days.flatMap((day) => day.expected);
    const count = one.kind === "count";
    const rushes = one.rushes.map((rush) => el("li", {}, el("strong", {}, `${rush.begin}–${rush.end}`), " ", daysOf(rush.weekdays, one.days), " · ", t("rhythm-up_to", { value: number(rush.expected, 0), minutes: number(windowS / 60) })));
    if (one.unknown.length === one.learnt_days.length) return put(this.node, el("p", { class: "empty" }, t("rhythm-too_little")));
    put(
      this.node,
      known(one),
      strips(one.days, chosen.weekday, choose, count ? 0 : Math.min(...values), Math.max(...values)),
      rushes.length > 0 ? el("ul", { class: "rushes" }, rushes) : count && el("p", { class: "muted" }, t("rhythm-no_rush")),
      el("h3", {}, `${weekday(chosen.midnight_ms + 12 * HOUR_MS)} · ${word("daykind", chosen.kind)}${count ? ` · ${t("rhythm-per", { minutes: number(windowS / 60) })}` : unit ? ` · ${unit}` : ""}`),
      this.chart.node,
    );
    const points = chosen.expected.map((expected, step) => ({ at: chosen.midnight_ms + step * one.step_s * 1000, y: null, low: chosen.lower[step], high: chosen.upper[step], expected, state: "normal", open: false, row: {} }));
    requestAnimationFrame(() => this.chart.show({ points, from: chosen.midnight_ms, until: chosen.midnight_ms + 24 * HOUR_MS, zone, label: `${label} ${minutes(chosen.midnight_ms)}`, unit, kind: count ? "count" : "level", plan: true }));
    return this.node;
  }
}
