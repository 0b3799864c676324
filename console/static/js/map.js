// The map: beats, streets, devices and hotspot cells as vectors, from the site's own places. No tile server.

/* global L */
import { counts } from "./chart.js";
import { byId, el, put } from "./dom.js";
import { layGround } from "./ground.js";
import { deviceIcon, sign } from "./icons.js";
import { spotWords } from "./hotspots.js";
import { named, number, pick, t, when, word } from "./i18n.js";
import { INCIDENT_DAYS, incidentTitle } from "./incidents.js";
import { bus, devicesOf, endedUnseen, kindTitle, may, openAlerts, select, siteNow, spots, standing, standings, state, troubleOf } from "./state.js";

const METRES_PER_DEGREE = 111_320;
const TYPES = ["camera", "gate", "noise", "smoke", "heat", "water", "door", "manhole", "environment"];
const CROWDED = 400; // devices with a marker of their own; more are dots until one comes closer
const ORDER = { normal: 0, outdated: 0, unknown: 50, trouble: 100, acknowledged: 200, info: 300, warning: 400, critical: 500 };

let map;
let bounds;
let labels;
let cells;
const markers = new Map(); // device → {marker, drawn}
const streets = []; // {line: [LatLng], name}
let reports;
let cellsDrawn = "";
let reportsDrawn = "";
let dots = null;
let calls; // alerts that no device on the map shows
let callsDrawn = "";

function pane(name, z) {
  map.createPane(name).style.zIndex = z;
  return name;
}

const latLng = ([lon, lat]) => [lat, lon];
const label = (className, text) => L.divIcon({ className: "map-label", iconSize: [0, 0], html: el("span", { class: className }, text) });

function drawBeats() {
  for (const beat of state.site.beats) L.polygon(beat.polygon.map(latLng), { pane: "beats", className: "beat", interactive: false }).addTo(map);
  for (const beat of state.site.beats) L.polygon(beat.polygon.map(latLng), { pane: "borders", className: "border", interactive: false }).addTo(map);
  for (const { geometry, properties } of state.site.streets.features) {
    const line = geometry.coordinates.map(latLng);
    L.polyline(line, { pane: "streets", className: "street-edge", interactive: false }).addTo(map);
    L.polyline(line, { pane: "roads", className: "street", interactive: false }).addTo(map);
    streets.push({ line: line.map((p) => L.latLng(p)), name: properties.name });
  }
}

/** Return the straight stretches of a street on the screen: pieces that hardly turn are one. */
function stretches(line) {
  const points = line.map((p) => map.latLngToLayerPoint(p));
  const found = [];
  const turn = (a, b, c) => Math.abs(Math.atan2((b.x - a.x) * (c.y - b.y) - (b.y - a.y) * (c.x - b.x), (b.x - a.x) * (c.x - b.x) + (b.y - a.y) * (c.y - b.y)));
  for (let i = 1; i < points.length; i++) {
    const last = found[found.length - 1];
    if (last && turn(last[0], last[1], points[i]) < 0.17) last[1] = points[i];
    else found.push([points[i - 1], points[i]]);
  }
  return found;
}

/** Return places for a street's name, best first: on and beside its straight stretches, with the slope there. */
function streetPlaces(line) {
  const found = [];
  for (const [a, b] of stretches(line)) {
    const length = a.distanceTo(b);
    let angle = (Math.atan2(b.y - a.y, b.x - a.x) * 180) / Math.PI;
    if (angle > 90) angle -= 180;
    if (angle < -90) angle += 180;
    const side = length ? L.point(a.y - b.y, b.x - a.x).divideBy(length) : L.point(0, 0);
    for (let share = 0.1; share < 0.91; share += 0.08) {
      for (const off of [0, 13, -13]) {
        const at = L.point(a.x + (b.x - a.x) * share, a.y + (b.y - a.y) * share).add(side.multiplyBy(off));
        found.push({ at, room: 2 * length * Math.min(share, 1 - share), angle, worth: length * (1 - Math.abs(share - 0.5)) - Math.abs(off) });
      }
    }
  }
  return found.sort((a, b) => b.worth - a.worth);
}

/** Return places for a landmark's name: below, above and beside its point. */
function besidePlaces(mark) {
  const at = map.latLngToLayerPoint([mark.lat, mark.lon]);
  return [[0, 12], [0, -12], [44, 0], [-44, 0]].map(([x, y]) => ({ at: at.add([x, y]), angle: 0, room: Infinity }));
}

/** Return places for a beat's name inside its polygon, the middle first. */
function beatPlaces(polygon) {
  const corners = polygon.map((p) => map.latLngToLayerPoint(latLng(p)));
  const box = L.bounds(corners);
  const size = box.getSize();
  const found = [];
  for (let i = 1; i < 12; i++) {
    for (let j = 1; j < 12; j++) {
      const at = L.point(box.min.x + (size.x * i) / 12, box.min.y + (size.y * j) / 12);
      if (inside(at, corners)) found.push({ at, angle: 0, room: Infinity, worth: -Math.hypot((i - 6) * size.x, (j - 6) * size.y) });
    }
  }
  return found.sort((a, b) => b.worth - a.worth);
}

function inside(p, corners) {
  let odd = false;
  corners.forEach((a, i) => {
    const b = corners[(i + 1) % corners.length];
    if (a.y > p.y !== b.y > p.y && p.x < ((b.x - a.x) * (p.y - a.y)) / (b.y - a.y) + a.x) odd = !odd;
  });
  return odd;
}

const CHINESE = /[\u2e80-\u9fff]/;
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
const boxAt = (at, w, h) => [at.x - w, at.y - h, at.x + w, at.y + h];

const large = () => state.site.devices.length > CROWDED || streets.length > CROWDED;

/** Put names on the map where they cover neither a device nor another name: beats always, streets where there is room. */
function drawLabels() {
  labels.clearLayers();
  const marked = large() ? [] : state.site.devices;
  const marks = (half) => marked.map((d) => boxAt(map.latLngToLayerPoint([d.lat, d.lon]), half, half));
  const hot = state.overview?.hotspots;
  const ranks = (hot ? spots() : []).map((cell) => boxAt(map.latLngToLayerPoint(corner(cell, hot.cell_m)).add([11, 11]), 11, 10));
  let taken = [...ranks, ...marks(15)];
  const corners = state.site.streets.features.flatMap(({ geometry }) => geometry.coordinates).map((p) => boxAt(map.latLngToLayerPoint(latLng(p)), 3, 3));
  const place = (places, text, className, size, always) => {
    const wide = [...text].reduce((sum, c) => sum + (CHINESE.test(c) ? 1.02 : 0.6), 0) * size + 8;
    // A name that slopes takes a row of small boxes, not the large one around it.
    const boxesOf = ({ at, angle }) => {
      if (!angle) return [boxAt(at, wide / 2, size / 2 + 2)];
      const [cos, sin] = [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)];
      const count = Math.ceil(wide / size);
      return [...Array(count).keys()].map((i) => (i - (count - 1) / 2) * (wide / count)).map((d) => boxAt(L.point(at.x + d * cos, at.y + d * sin), size / 2, size / 2));
    };
    const near = (spot, others) => others.filter((other) => overlap(boxAt(spot.at, wide / 2 + size, wide / 2 + size), other));
    const hits = (spot) => boxesOf(spot).reduce((sum, box) => sum + near(spot, taken).filter((other) => overlap(box, other)).length, 0);
    const clear = (spot, others) => {
      const close = near(spot, others);
      return !close.length || boxesOf(spot).every((box) => !close.some((other) => overlap(box, other)));
    };
    const free = (spot) => spot.room > wide && clear(spot, taken) && !(always && !clear(spot, corners));
    const spot = places.find(free) ?? (always ? places.reduce((best, other) => (hits(other) < hits(best) ? other : best), places[0]) : null);
    if (!spot) return;
    taken.push(...boxesOf(spot));
    const icon = label(className, text);
    icon.options.html.style.transform = `translate(-50%, -50%) rotate(${spot.angle.toFixed(1)}deg)`;
    L.marker(map.layerPointToLatLng(spot.at), { pane: "labels", icon, interactive: false, keyboard: false }).addTo(labels);
  };
  for (const beat of state.site.beats) place(beatPlaces(beat.polygon), pick(beat.name), "beat-name", 15, true);
  taken = [...ranks, ...taken.slice(ranks.length + marked.length), ...marks(9)]; // a street's name may come close to a device
  for (const mark of state.site.landmarks ?? []) place(besidePlaces(mark), pick(mark.name), "landmark-name", 12, false);
  for (const street of streets.filter(({ line }) => !large() || map.getBounds().pad(0.2).intersects(L.latLngBounds(line)))) place(streetPlaces(street.line), pick(street.name), "street-name", 12, false);
}

function words(device) {
  const entry = state.overview?.devices?.[device.id];
  const level = standing(device.id);
  const rows = [el("strong", {}, pick(device.name)), el("span", {}, `${word("type", device.type)} · ${word("standing", level)}`)];
  const trouble = troubleOf(device.id);
  if (trouble.length) rows.push(el("span", {}, trouble.map((w) => word("trouble", w)).join(t("list-comma"))));
  for (const s of entry?.series ?? []) {
    if (s.kind === "count" && s.expected === null) rows.push(el("span", {}, `${word("metric", s.metric)} ${number(counts(s))}`));
    else if (s.kind === "count") rows.push(el("span", {}, t("map-count", { metric: word("metric", s.metric), seen: number(counts(s)), expected: number(s.expected, 1) })));
    else if (s.kind === "level") rows.push(el("span", {}, `${word("metric", s.metric)} ${number(s.mean)}`));
  }
  return el("div", { class: "tip" }, rows);
}

/** On a large site, draw every device as a dot, and tell which are to have a marker: those in sight, if they are few. */
function inSight() {
  const devices = state.site.devices;
  if (devices.length <= CROWDED) return devices;
  if (!dots) {
    const renderer = L.canvas({ pane: "dots", padding: 0.3 });
    dots = devices.map((d) => L.circleMarker([d.lat, d.lon], { renderer, radius: 3, weight: 0, className: "dot", fillOpacity: 0.9 }).on("click", () => select(d.id)).addTo(map));
  }
  const view = map.getBounds().pad(0.1);
  const seen = devices.filter((d) => view.contains([d.lat, d.lon]));
  return seen.length <= CROWDED ? seen : [];
}

function drawDevices() {
  const sight = new Set(inSight());
  const levels = standings();
  for (const device of state.site.devices) {
    const level = levels(device.id);
    if (!sight.has(device) && level === "normal" && device.id !== state.selected) {
      markers.get(device.id)?.marker.remove();
      markers.delete(device.id);
      continue;
    }
    const look = `${level}|${device.id === state.selected}|${document.documentElement.lang}`;
    let known = markers.get(device.id);
    if (known?.drawn === look) continue;
    const box = el("div", { class: `device-mark ${level}${device.id === state.selected ? " selected" : ""}`, "data-device": device.id }, deviceIcon(device.type, level));
    const icon = L.divIcon({ className: "device-holder", iconSize: [34, 34], html: box });
    if (!known) {
      const marker = L.marker([device.lat, device.lon], { pane: "devices", icon, keyboard: true, riseOnHover: true });
      marker.bindTooltip(() => words(device), { direction: "top", offset: [0, -14], className: "map-tip", opacity: 1 });
      marker.on("click", () => {
        const alert = openAlerts().find((one) => devicesOf(one).includes(device.id));
        select(device.id);
        if (alert) bus.dispatchEvent(new CustomEvent("alert", { detail: alert.id }));
      });
      marker.addTo(map);
      markers.set(device.id, (known = { marker, drawn: "" }));
    } else known.marker.setIcon(icon);
    known.marker.setZIndexOffset(ORDER[level] ?? 0);
    known.marker.getElement()?.setAttribute("aria-label", `${pick(device.name)}, ${word("standing", level)}`);
    known.drawn = look;
  }
}

/** Return the north-western corner of a hotspot cell. */
function corner(cell, metres) {
  const dy = metres / 2 / METRES_PER_DEGREE;
  return [cell.lat + dy, cell.lon - dy / Math.cos((cell.lat * Math.PI) / 180)];
}

function cellWords(spot) {
  const said = spotWords(spot);
  return el(
    "div",
    { class: "tip" },
    el("strong", {}, t("map-hotspot", { rank: spot.number, place: said.place }), said.hours && ` · ${said.hours}`),
    [said.amount, said.drivers, said.sure].filter(Boolean).map((line) => el("span", {}, line)),
  );
}

function drawCells() {
  const hot = state.overview?.hotspots;
  const look = JSON.stringify([hot?.ts, hot?.cells, document.documentElement.lang]);
  if (look === cellsDrawn) return;
  cellsDrawn = look;
  cells.clearLayers();
  const places = new Map(spots().map((spot) => [spot.cell, spot]));
  for (const cell of hot?.cells ?? []) {
    const spot = places.get(cell.lead || cell.cell);
    if (!spot) continue;
    const northWest = corner(cell, hot.cell_m);
    const box = [northWest, [2 * cell.lat - northWest[0], 2 * cell.lon - northWest[1]]];
    L.rectangle(box, { pane: "cells", className: "cell", fillOpacity: 0.1 + 0.4 * cell.risk, weight: spot.number <= 3 ? 2 : 1 })
      .bindPopup(() => cellWords(spot), { className: "map-popup", closeButton: false, autoPan: false })
      .addTo(cells);
    if (spot.cell !== cell.cell) continue;
    L.marker(northWest, { pane: "ranks", icon: label("rank-name", String(spot.number)), interactive: false, keyboard: false }).addTo(cells);
  }
  drawLabels();
}

/** Put what was reported lately on the map, the older the fainter. */
function drawReports() {
  const { rows, categories } = state.incidents;
  const look = JSON.stringify([rows, document.documentElement.lang]);
  if (look === reportsDrawn) return;
  reportsDrawn = look;
  reports.clearLayers();
  for (const row of rows) {
    const age = Math.min(1, Math.max(0, (siteNow() - row.ts) / (INCIDENT_DAYS * 86_400_000)));
    const icon = L.divIcon({ className: "incident-holder", iconSize: [14, 14], html: el("div", { class: `incident-mark ${row.provenance}` }) });
    icon.options.html.style.opacity = (1 - 0.6 * age).toFixed(2);
    L.marker([row.lat, row.lon], { pane: "reports", icon, keyboard: false })
      .bindTooltip(
        () => el("div", { class: "tip" }, el("strong", {}, t("map-incident", { what: incidentTitle(row, categories), time: when(row.ts, siteNow()) })), el("span", {}, word("provenance", row.provenance)), row.text && el("span", {}, named(row.text))),
        { direction: "top", className: "map-tip", opacity: 1 },
      )
      .addTo(reports);
  }
}

/** Return the incidents of an alert of a series: as the node counts them, those near the newest one. */
function seriesOf(alert) {
  let why = alert.why;
  while (why?.args?.why) why = why.args.why;
  const { category, metres, hours } = why?.args ?? {};
  const like = state.incidents.rows.filter((row) => row.category === category && row.ts <= alert.cause_ms && row.ts > alert.cause_ms - hours * 3_600_000);
  const newest = like.find((row) => row.ts === alert.cause_ms);
  return newest ? like.filter((row) => map.distance([row.lat, row.lon], [newest.lat, newest.lon]) <= metres) : [];
}

/** Mark alerts that are about no device on the map where they are, and the incidents of a series. */
function drawCalls() {
  const shown = [...openAlerts(), ...endedUnseen()].filter((a) => (a.lon || a.lat) && !devicesOf(a).some((id) => state.devices.has(id)));
  const look = JSON.stringify([shown.map((a) => [a.id, a.revision]), state.incidents.rows.length, document.documentElement.lang]);
  if (look === callsDrawn) return;
  callsDrawn = look;
  calls.clearLayers();
  for (const alert of shown) {
    const taken = alert.state !== "raised";
    const rows = seriesOf(alert);
    const at = rows.length ? L.latLngBounds(rows.map((row) => [row.lat, row.lon])).getCenter() : L.latLng(alert.lat, alert.lon);
    const far = Math.max(0, ...rows.map((row) => at.distanceTo([row.lat, row.lon])));
    if (rows.length) L.circle(at, { radius: far + 35, pane: "cells", className: "series-area", interactive: false }).addTo(calls);
    for (const row of rows) L.circleMarker([row.lat, row.lon], { radius: 12, pane: "reports", className: "series-ring", interactive: false }).addTo(calls);
    const box = el("div", { class: `alert-mark ${alert.severity}`, "data-alert-mark": alert.id }, sign(taken ? "acknowledged" : alert.severity));
    const marker = L.marker(at, { pane: "devices", icon: L.divIcon({ className: "device-holder", iconSize: [36, 36], html: box }), zIndexOffset: ORDER[taken ? "acknowledged" : alert.severity] ?? 300 });
    marker.bindTooltip(() => el("div", { class: "tip" }, el("strong", {}, kindTitle(alert.kind)), el("span", {}, pick(alert.text))), { direction: "top", className: "map-tip", opacity: 1 });
    marker.on("click", () => bus.dispatchEvent(new CustomEvent("alert", { detail: alert.id })));
    marker.addTo(calls);
    marker.getElement()?.setAttribute("aria-label", `${word("severity", alert.severity)}: ${kindTitle(alert.kind)}`);
  }
}

function drawLegend() {
  const present = new Set(state.site.devices.map((d) => d.type));
  const row = (icon, text) => el("div", { class: "legend-row" }, icon, el("span", {}, text));
  put(
    byId("legend-body"),
    TYPES.filter((type) => present.has(type)).map((type) => row(deviceIcon(type), word("type", type))),
    may("alerts") && ["critical", "warning", "acknowledged", "trouble", "unknown"].map((level) => row(deviceIcon("camera", level), word("standing", level))),
    row(el("span", { class: "legend-cell" }, "1"), t("hotspots-title")),
    may("alerts") && row(el("span", { class: "legend-incident" }, el("span", { class: "incident-mark" })), t("incidents-map", { days: INCIDENT_DAYS })),
  );
}

function home() {
  const legend = byId("legend");
  const right = legend.open && map.getSize().x > 700 ? legend.offsetWidth + 20 : 14;
  if (bounds) map.fitBounds(bounds, { paddingTopLeft: [14, 14], paddingBottomRight: [right, 14], animate: false });
}

function control() {
  const Home = L.Control.extend({
    onAdd() {
      const button = el("button", { type: "button", class: "map-home" }, "⌂");
      L.DomEvent.disableClickPropagation(button);
      button.addEventListener("click", home);
      return el("div", { class: "leaflet-bar" }, button);
    },
  });
  new Home({ position: "topleft" }).addTo(map);
}

function drawTitles() {
  const titles = { ".leaflet-control-zoom-in": "map-in", ".leaflet-control-zoom-out": "map-out", ".map-home": "map-home" };
  for (const [selector, key] of Object.entries(titles)) {
    const button = byId("map").querySelector(selector);
    button.title = t(key);
    button.setAttribute("aria-label", t(key));
  }
}

export function startMap() {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  map = L.map("map", { attributionControl: false, zoomSnap: 0.25, zoomAnimation: !calm, fadeAnimation: false, markerZoomAnimation: !calm, inertia: !calm, minZoom: 10, maxZoom: 20 });
  control();
  for (const [name, z] of [["beats", 300], ["streets", 310], ["roads", 320], ["borders", 330], ["cells", 350], ["dots", 390], ["labels", 400], ["reports", 500], ["devices", 600], ["ranks", 640]]) pane(name, z);
  map.getPane("labels").style.pointerEvents = "none";
  map.getPane("ranks").style.pointerEvents = "none";
  [labels, cells, reports, calls] = [1, 2, 3, 4].map(() => L.layerGroup().addTo(map));
  if (state.site.bounds) {
    const [west, south, east, north] = state.site.bounds;
    bounds = L.latLngBounds([south, west], [north, east]);
    map.setMaxBounds(bounds.pad(0.6));
    home();
  } else map.setView([31, 120], 12);
  drawBeats();
  layGround(map, state.site);
  const drawAll = () => {
    drawDevices();
    drawCells();
    drawReports();
    drawCalls();
  };
  const relabel = () => {
    drawLabels();
    drawTitles();
    drawLegend();
    drawAll();
  };
  map.on("zoomend viewreset", drawLabels);
  map.on("moveend", () => {
    drawDevices();
    if (large()) drawLabels(); // there only streets in sight have names
  });
  for (const name of ["change", "link", "incidents", "seen"]) bus.addEventListener(name, drawAll);
  bus.addEventListener("select", drawDevices);
  bus.addEventListener("language", relabel);
  let moved = false; // until somebody has moved the map it shows the whole area
  bus.addEventListener("look", ({ detail }) => {
    if (!detail.lon && !detail.lat) return; // it has no place
    moved = true;
    const zoom = Math.max(map.getZoom(), map.getBoundsZoom(bounds ?? map.getBounds()) + 1);
    map.setView([detail.lat, detail.lon], zoom, { animate: !calm });
  });
  for (const kind of ["pointerdown", "wheel", "keydown"]) byId("map").addEventListener(kind, () => (moved = true), { passive: true });
  // What was chosen stays in sight, also beside the dock that opens for it.
  const keepInSight = () => {
    const place = state.devices.get(state.selected);
    if (place && !map.getBounds().pad(-0.08).contains([place.lat, place.lon])) map.panTo([place.lat, place.lon], { animate: false });
  };
  bus.addEventListener("select", () => requestAnimationFrame(keepInSight));
  new ResizeObserver(() => {
    map.invalidateSize({ animate: false });
    if (moved) keepInSight();
    else home();
  }).observe(byId("map"));
  byId("legend").open = matchMedia("(min-width: 1500px)").matches;
  relabel();
  home();
}
