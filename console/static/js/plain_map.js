// A small map of the site, with marks that belong to rows of a list: beats, streets and marks as one drawing, no tiles.

import { svg } from "./dom.js";
import { pick } from "./i18n.js";
import { state } from "./state.js";

const WIDTH = 620;
const ROOM = 30;
const APART = 54; // of marks that stand at one place

/** Return a drawing of the site; `marks` are {key, lon, lat, className, shape, label, press}. */
export function plainMap(marks, label) {
  const [west, south, east, north] = state.site.bounds ?? [0, 0, 1, 1];
  const shrink = Math.cos(((south + north) * Math.PI) / 360);
  const scale = WIDTH / Math.max((east - west) * shrink, 1e-6);
  const height = Math.max((north - south) * scale, 100);
  const at = ([lon, lat]) => [(lon - west) * shrink * scale, (north - lat) * scale];
  const path = (points) => `M${points.map((point) => at(point).map((n) => n.toFixed(1)).join(" ")).join("L")}`;
  const middle = (polygon) => at([0, 1].map((axis) => polygon.slice(0, -1).reduce((sum, point) => sum + point[axis], 0) / (polygon.length - 1)));
  const spread = new Map(); // place → how many marks are there already
  const placed = marks.map((mark) => {
    const key = `${mark.lon},${mark.lat}`;
    const before = spread.get(key) ?? 0;
    spread.set(key, before + 1);
    const [x, y] = at([mark.lon, mark.lat]);
    return { ...mark, x: x + APART * (before % 4), y: y - APART * Math.floor(before / 4) };
  });
  return svg(
    "svg",
    { class: "plain-map", viewBox: `${-ROOM} ${-ROOM} ${WIDTH + 2 * ROOM} ${height + 2 * ROOM}`, role: "group", "aria-label": label },
    state.site.beats.map((beat) => svg("path", { class: "plain-beat", d: `${path(beat.polygon)}Z` })),
    state.site.streets.features.map(({ geometry }) => svg("path", { class: "plain-street", d: path(geometry.coordinates) })),
    state.site.beats.map((beat) => {
      const [x, y] = middle(beat.polygon);
      return svg("text", { class: "plain-name", x, y, "text-anchor": "middle" }, pick(beat.name) || beat.id);
    }),
    placed.map((mark) =>
      svg(
        "g",
        { class: `plain-mark ${mark.className}`, transform: `translate(${mark.x.toFixed(1)} ${mark.y.toFixed(1)})`, tabindex: "0", role: "button", "aria-label": mark.label, "data-mark": mark.key, onclick: mark.press, onkeydown: (event) => ["Enter", " "].includes(event.key) && (event.preventDefault(), mark.press()) },
        svg("circle", { class: "plain-target", r: 26 }),
        svg("path", { d: mark.shape }),
        svg("title", {}, mark.label),
      ),
    ),
  );
}
