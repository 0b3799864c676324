// A plain sketch of the streets around a place, with the way there from where somebody was last.

import { el, svg } from "./dom.js";
import { number, pick, t, word } from "./i18n.js";
import { state } from "./state.js";

const METRES_PER_DEGREE = 111_320;
const PIECE_M = 25;
const JOIN_M = 18; // points of streets that cross are no farther apart
const WIDE = 1.7; // of the sketch, by its height
const LEAST_M = 300;
const MOST_NODES = 3000; // beyond, a phone would take too long
const POINTS = ["e", "ne", "n", "nw", "w", "sw", "s", "se"];

const between = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]);

/** Return streets as points in metres from a place, to the east and to the south, with a point every 25 m. */
function flatStreets(flat) {
  return state.site.streets.features.map(({ geometry, properties }) => {
    const corners = geometry.coordinates.map(([lon, lat]) => flat({ lon, lat }));
    const line = corners.slice(0, 1);
    for (let i = 1; i < corners.length; i++) {
      const pieces = Math.max(1, Math.ceil(between(corners[i - 1], corners[i]) / PIECE_M));
      for (let k = 1; k <= pieces; k++) line.push([0, 1].map((axis) => corners[i - 1][axis] + ((corners[i][axis] - corners[i - 1][axis]) * k) / pieces));
    }
    return { line, name: pick(properties.name) };
  });
}

/** Return the shortest way along streets (Dijkstra 1959), ends included; the straight line where streets do not lead there. */
function wayAlong(streets, from, to) {
  const nodes = streets.flatMap(({ line }, street) => line.map((at, i) => ({ at, street, i, far: Infinity, before: null, done: false })));
  const nearest = (place) => nodes.reduce((best, node) => (between(node.at, place) < between(best.at, place) ? node : best), nodes[0]);
  if (!nodes.length || nodes.length > MOST_NODES) return [from, to];
  const [begin, end] = [nearest(from), nearest(to)];
  begin.far = 0;
  for (;;) {
    const here = nodes.reduce((best, node) => (!node.done && node.far < (best?.far ?? Infinity) ? node : best), null);
    if (!here || here === end) break;
    here.done = true;
    for (const node of nodes) {
      const step = between(node.at, here.at);
      const joined = step < JOIN_M || (node.street === here.street && Math.abs(node.i - here.i) === 1);
      if (joined && here.far + step < node.far) Object.assign(node, { far: here.far + step, before: here });
    }
  }
  const way = [to];
  for (let node = end.far < Infinity ? end : null; node; node = node.before) way.unshift(node.at);
  return [from, ...way];
}

const path = (line) => `M${line.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L")}`;

/** Return a sketch of the way to a place and words for it; `from` is where somebody was last, null where nobody knows. */
export function sketch(to, from) {
  const shrink = Math.cos((to.lat * Math.PI) / 180);
  const flat = ({ lon, lat }) => [(lon - to.lon) * METRES_PER_DEGREE * shrink, (to.lat - lat) * METRES_PER_DEGREE];
  const [goal, start] = [[0, 0], from && flat(from)];
  const away = start ? between(start, goal) : 0;
  const middle = start ? [start[0] / 2, start[1] / 2] : goal;
  const half = Math.max(LEAST_M / 2, start ? Math.abs(start[1]) * 0.65 : 0, start ? (Math.abs(start[0]) * 0.65) / WIDE : 0);
  const inside = ([x, y], room = 1) => Math.abs(x - middle[0]) < half * WIDE * room && Math.abs(y - middle[1]) < half * room;
  const streets = flatStreets(flat).filter(({ line }) => line.some((at) => inside(at, 2)));
  const way = start && wayAlong(streets, start, goal);
  const metres = way && way.slice(1).reduce((sum, at, i) => sum + between(at, way[i]), 0);
  const size = half / 9;
  const names = new Map(); // a street's name → where there is room for it, far from what matters
  for (const { line, name } of streets) {
    const wide = [...name].reduce((sum, c) => sum + (c > "\u2e80" ? 1 : 0.6), 0) * size;
    const seen = line.filter((at) => inside(at, 0.9) && Math.abs(at[0] - middle[0]) + wide / 2 < half * WIDE);
    if (!name || names.has(name) || seen.length < 3) continue;
    const free = (at) => Math.min(...[goal, start, ...names.values()].filter(Boolean).map((other) => between(at, other)));
    const spot = seen.reduce((best, at) => (free(at) > free(best) ? at : best), seen[0]);
    if (free(spot) > Math.max(size * 2.5, wide * 0.8)) names.set(name, spot);
  }
  const picture = svg(
    "svg",
    { class: "sketch", viewBox: `${middle[0] - half * WIDE} ${middle[1] - half} ${2 * half * WIDE} ${2 * half}`, role: "img", "aria-label": t("patrol-sketch"), "font-size": size },
    streets.map(({ line }) => svg("path", { class: "sketch-street", d: path(line), "stroke-width": size })),
    way && svg("path", { class: "sketch-way", d: path(way), "stroke-width": size / 2 }),
    [...names].map(([name, [x, y]]) => svg("text", { x, y: y + size / 3, "text-anchor": "middle", "stroke-width": size / 4 }, name)),
    start && svg("circle", { class: "sketch-from", cx: start[0], cy: start[1], r: size / 1.6, "stroke-width": size / 4 }),
    svg("circle", { class: "sketch-to", r: size, "stroke-width": size / 4 }),
  );
  const turn = start && POINTS[(Math.round((Math.atan2(start[1], -start[0]) * 4) / Math.PI) + 8) % 8];
  const words = way && away > 20 ? t("patrol-way", { metres: number(Math.round(metres / 10) * 10), direction: word("compass", turn) }) : "";
  const link = state.site.map_link.replace("{lat}", to.lat.toFixed(6)).replace("{lon}", to.lon.toFixed(6));
  return [words && el("p", { class: "way" }, words), (way || streets.length > 0) && picture, link && el("a", { class: "tool", href: link, rel: "noreferrer" }, t("patrol-map"))];
}
