// What lies on the ground of a map: a plan or photograph of the station's own, and which way cameras look.

/* global L */
import { el, svg } from "./dom.js";

const METRES = 111_320;

/** Return the plane of a map near a place: degrees to metres and back. */
export function plane([lon, lat]) {
  const narrow = METRES * Math.cos((lat * Math.PI) / 180);
  return { to: (point) => [(point[0] - lon) * narrow, (point[1] - lat) * METRES], back: ([x, y]) => [lon + x / narrow, lat + y / METRES] };
}

/** Solve a set of linear equations by elimination; null where there is no one answer. */
function solve(rows, right) {
  const n = right.length;
  const table = rows.map((row, i) => [...row, right[i]]);
  for (let column = 0; column < n; column++) {
    let best = column;
    for (let row = column + 1; row < n; row++) if (Math.abs(table[row][column]) > Math.abs(table[best][column])) best = row;
    if (Math.abs(table[best][column]) < 1e-12) return null;
    [table[column], table[best]] = [table[best], table[column]];
    for (let row = 0; row < n; row++) {
      if (row === column) continue;
      const share = table[row][column] / table[column][column];
      for (let k = column; k <= n; k++) table[row][k] -= share * table[column][k];
    }
  }
  return table.map((row, i) => row[n] / row[i]);
}

/** Return what brings two to four points to others: turned and scaled by two, sheared too by three, in perspective by four.
 * The answer has nine numbers h with x' = (h0 x + h1 y + h2) / (h6 x + h7 y + h8), and y' alike; null for none. */
export function fitted(from, to) {
  const rows = [];
  const right = [];
  from.forEach(([x, y], i) => {
    const [u, v] = to[i];
    if (from.length === 2) rows.push([x, -y, 1, 0], [y, x, 0, 1]);
    else if (from.length === 3) rows.push([x, y, 1, 0, 0, 0], [0, 0, 0, x, y, 1]);
    else rows.push([x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]);
    right.push(u, v);
  });
  const found = solve(rows, right);
  if (!found) return null;
  if (from.length === 2) return [found[0], -found[1], found[2], found[1], found[0], found[3], 0, 0, 1];
  return from.length === 3 ? [...found, 0, 0, 1] : [...found, 1];
}

export function moved(h, [x, y]) {
  const w = h[6] * x + h[7] * y + h[8];
  return [(h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w];
}

export const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]]; // of a picture: top left, top right, bottom right, bottom left

/** A picture on a map, by where its four corners lie. */
export class Picture {
  constructor(map, pane) {
    this.map = map;
    this.image = el("img", { class: "ground-picture leaflet-zoom-hide", alt: "", draggable: "false" });
    this.image.addEventListener("load", () => this.draw());
    map.getPane(pane).append(this.image);
    map.on("zoomend viewreset", () => this.draw());
    this.show(null);
  }

  /** Show what the places say; null for none. */
  show(background) {
    this.background = background;
    this.image.hidden = !background;
    this.map.getContainer().classList.toggle("with-picture", Boolean(background));
    if (!background) return;
    const address = `/api/places/images/${background.image}`;
    if (this.image.getAttribute("src") !== address) this.image.src = address;
    this.image.style.opacity = background.opacity ?? 0.6;
    this.draw();
  }

  draw() {
    const { naturalWidth: width, naturalHeight: height } = this.image;
    if (!this.background || !width) return;
    const to = this.background.corners.map(([lon, lat]) => this.map.latLngToLayerPoint([lat, lon])).map(({ x, y }) => [x, y]);
    const h = fitted(CORNERS.map(([x, y]) => [x * width, y * height]), to);
    if (!h) return;
    this.image.style.transform = `matrix3d(${[h[0], h[3], 0, h[6], h[1], h[4], 0, h[7], 0, 0, 1, 0, h[2], h[5], 0, h[8]].join(",")})`;
  }
}

/** Lay under the board's map what the site has, and show which way its cameras look. */
export function layGround(map, { background, devices }) {
  for (const [name, z] of [["pictures", 250], ["looks", 380]]) map.createPane(name).style.zIndex = z;
  map.getPane("looks").style.pointerEvents = "none";
  if (background) new Picture(map, "pictures").show(background);
  for (const device of devices) if (typeof device.heading === "number") lookMark(device, "looks").addTo(map);
}

/** Return a marker for the way a camera looks, in degrees clockwise from north. */
export function lookMark({ lon, lat, heading }, pane) {
  const wedge = svg("svg", { viewBox: "-40 -40 80 80", width: 80, height: 80, class: "look" }, svg("path", { d: "M0 0L-15 -36A39 39 0 0 1 15 -36Z", transform: `rotate(${heading})` }));
  return L.marker([lat, lon], { pane, interactive: false, keyboard: false, icon: L.divIcon({ className: "look-holder", iconSize: [80, 80], html: wedge }) });
}
