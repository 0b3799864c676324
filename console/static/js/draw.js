// The editor's map: what the draft holds, the handles of what is selected, and new outlines as they are drawn.

/* global L */
import * as draft from "./draft.js";
import { byId, el, say } from "./dom.js";
import { CORNERS, Picture, lookMark, plane } from "./ground.js";
import { deviceIcon } from "./icons.js";
import { pick, t } from "./i18n.js";

const CROWDED = 400; // devices with a marker of their own; more are dots
const SNAP_PX = 12;
const NEW_M = 100; // half the side of an outline that was begun with the keyboard

export const drawing = new EventTarget();
export const choice = { uid: null, corner: null, kind: null, snap: true, together: true, picture: false };

let map;
let picture;
const layers = new Map(); // uid → {feature, layer, look}
let handles;
let sketch = null; // {kind, points, layer}
let marks; // findings on the map
let crowded = false;
let shown = ""; // so that handles stay while somebody drags one

const latLng = ([lon, lat]) => [lat, lon];
const rounded = ({ lng, lat }) => [Math.round(lng * 1e6) / 1e6, Math.round(lat * 1e6) / 1e6];
const tell = (name, detail) => drawing.dispatchEvent(new CustomEvent(name, { detail }));
const clone = (value) => JSON.parse(JSON.stringify(value));
const kindOf = (one) => one.properties.kind;

/** Return a feature with another geometry or other properties; it is no example any more. */
export function changed(one, { coordinates, properties } = {}) {
  const copy = clone(one);
  if (coordinates) copy.geometry.coordinates = coordinates;
  Object.assign(copy.properties, properties);
  for (const [name, value] of Object.entries(copy.properties)) if (value === null) delete copy.properties[name];
  delete copy.properties.explained;
  return copy;
}

/** Return the corners of an outline without the last, which is the first again; of a street all of its points. */
export function cornersOf(one) {
  const { type, coordinates } = one.geometry;
  if (type !== "Polygon") return type === "Point" ? [coordinates] : coordinates;
  const ring = coordinates[0] ?? [];
  const [first, last] = [ring[0], ring[ring.length - 1]];
  return ring.length > 1 && first[0] === last[0] && first[1] === last[1] ? ring.slice(0, -1) : ring;
}

/** Return a feature with other corners. */
export function withCorners(one, corners) {
  const { type, coordinates } = one.geometry;
  if (type === "Polygon") return changed(one, { coordinates: [[...corners, corners[0]], ...coordinates.slice(1)] });
  return changed(one, { coordinates: type === "Point" ? corners[0] : corners });
}

function inside([x, y], ring) {
  let odd = false;
  ring.forEach(([ax, ay], i) => {
    const [bx, by] = ring[(i + 1) % ring.length];
    if (ay > y !== by > y && x < ((bx - ax) * (y - ay)) / (by - ay) + ax) odd = !odd;
  });
  return odd;
}

/** Return the id of the beat that a place lies in; null for none. */
export const beatAt = (point) => draft.all("beat").find(([, one]) => inside(point, cornersOf(one)))?.[1].properties.id ?? null;

/** Return the area of an outline in square metres. */
export function areaOf(one) {
  const corners = cornersOf(one);
  const { to } = plane(corners[0] ?? [0, 0]);
  const points = corners.map(to);
  return Math.abs(points.reduce((sum, [ax, ay], i) => sum + ax * points[(i + 1) % points.length][1] - points[(i + 1) % points.length][0] * ay, 0)) / 2;
}

/** Return a place, or the corner or side of another outline or street that is near on the screen. */
function snapped(latlng, but) {
  if (!choice.snap) return rounded(latlng);
  const here = map.latLngToLayerPoint(latlng);
  let best = { far: SNAP_PX, at: null };
  let side = { far: SNAP_PX, at: null };
  for (const [uid, one] of draft.all()) {
    if (uid === but || !["beat", "street"].includes(kindOf(one))) continue;
    const corners = cornersOf(one);
    const points = corners.map((corner) => map.latLngToLayerPoint(latLng(corner)));
    points.forEach((point, i) => {
      if (point.distanceTo(here) < best.far) best = { far: point.distanceTo(here), at: corners[i] };
      const other = points[i + 1] ?? (kindOf(one) === "beat" ? points[0] : null);
      if (!other) return;
      const near = L.LineUtil.closestPointOnSegment(here, point, other);
      if (near.distanceTo(here) < side.far) side = { far: near.distanceTo(here), at: rounded(map.layerPointToLatLng(near)) };
    });
  }
  return best.at ?? side.at ?? rounded(latlng);
}

const box = (uid, one) => el("div", { class: `device-mark normal${choice.uid === uid ? " selected" : ""}`, "data-uid": uid }, deviceIcon(one.properties.type));

function layerOf(uid, one) {
  const kind = kindOf(one);
  const name = pick(one.properties.name) || one.properties.id;
  const chosen = choice.uid === uid;
  const corners = cornersOf(one).map(latLng);
  if (kind === "beat") return L.polygon(corners, { pane: "beats", className: `beat-area${chosen ? " chosen" : ""}`, bubblingMouseEvents: false });
  if (kind === "street") return L.polyline(corners, { pane: "roads", className: `street-line${chosen ? " chosen" : ""}`, bubblingMouseEvents: false });
  if (kind === "landmark") {
    const icon = L.divIcon({ className: "map-label", iconSize: [0, 0], html: el("span", { class: `landmark-name mark${chosen ? " chosen" : ""}` }, `◆ ${name}`) });
    return L.marker(corners[0], { pane: "devices", icon, draggable: true, title: name });
  }
  if (crowded && !chosen) return L.circleMarker(corners[0], { pane: "dots", renderer: map.dots, radius: 5, weight: 1, bubblingMouseEvents: false });
  const icon = L.divIcon({ className: "device-holder", iconSize: [34, 34], html: box(uid, one) });
  return L.marker(corners[0], { pane: "devices", icon, draggable: true, riseOnHover: true, title: name, alt: name });
}

function drawFeatures() {
  const now = new Map(draft.all());
  crowded = draft.all("device").length > CROWDED;
  for (const [uid, known] of layers) {
    if (now.has(uid)) continue;
    for (const part of [known.layer, known.look, known.name]) part?.remove();
    layers.delete(uid);
  }
  for (const [uid, one] of now) {
    const known = layers.get(uid);
    const drawn = `${choice.uid === uid}|${document.documentElement.lang}`;
    if (known && known.feature === one && known.drawn === drawn) continue;
    for (const part of [known?.layer, known?.look, known?.name]) part?.remove();
    const layer = layerOf(uid, one);
    layer.on("click", () => !sketch && select(uid));
    layer.on("dragstart", () => select(uid, { quiet: true }));
    layer.on("dragend", () => move(uid, rounded(layer.getLatLng())));
    layer.addTo(map);
    const [lon, lat] = cornersOf(one)[0] ?? [0, 0];
    const heading = kindOf(one) === "device" ? one.properties.heading : undefined;
    // An outline once more, above the streets, which mostly run along it.
    const border = kindOf(one) === "beat" ? L.polygon(cornersOf(one).map(latLng), { pane: "borders", className: `border${choice.uid === uid ? " chosen" : ""}`, interactive: false }) : null;
    const look = (border ?? (typeof heading === "number" ? lookMark({ lon, lat, heading }, "looks") : null))?.addTo(map);
    const name = border && L.marker(border.getBounds().getCenter(), { pane: "names", interactive: false, keyboard: false, icon: L.divIcon({ className: "map-label", iconSize: [0, 0], html: el("span", { class: "beat-name" }, pick(one.properties.name) || one.properties.id) }) }).addTo(map);
    layers.set(uid, { feature: one, layer, look, name, drawn });
  }
}

/** Put a device or a landmark somewhere else; a device goes to the beat that it then stands in. */
export function move(uid, at) {
  const one = draft.feature(uid);
  const beat = kindOf(one) === "device" ? beatAt(at) : null;
  draft.edit(uid, changed(one, { coordinates: at, properties: beat ? { beat } : {} }));
}

/** Return all outlines and streets that have a corner at a place: [uid, feature, [numbers of the corners]]. */
function sharing(uid, at) {
  const own = draft.feature(uid);
  const candidates = choice.together && kindOf(own) === "beat" ? draft.all("beat") : [[uid, own]];
  return candidates
    .map(([other, one]) => [other, one, cornersOf(one).flatMap((corner, i) => (corner[0] === at[0] && corner[1] === at[1] ? [i] : []))])
    .filter(([, , found]) => found.length);
}

function dragCorner(uid, index, marker) {
  const from = cornersOf(draft.feature(uid))[index];
  const shared = sharing(uid, from);
  const show = (at) => {
    for (const [other, one, numbers] of shared) {
      const line = cornersOf(one).map((corner, i) => latLng(numbers.includes(i) ? at : corner));
      layers.get(other)?.layer.setLatLngs(line);
      layers.get(other)?.look?.setLatLngs(line);
    }
  };
  marker.on("drag", () => show(snapped(marker.getLatLng(), uid)));
  marker.on("dragend", () => {
    const at = snapped(marker.getLatLng(), uid);
    draft.editAll(shared.map(([other, one, numbers]) => [other, withCorners(one, cornersOf(one).map((corner, i) => (numbers.includes(i) ? at : corner)))]));
  });
}

function handle(at, className, title, draggable = true) {
  const icon = L.divIcon({ className: "corner-holder", iconSize: [28, 28], html: el("div", { class: `corner ${className}` }) });
  return L.marker(latLng(at), { pane: "handles", icon, draggable, title, alt: title, bubblingMouseEvents: false }).addTo(handles);
}

/** Draw the handles of the outline or street that is selected, or of the picture. */
function drawHandles() {
  const one = choice.uid === null ? null : draft.feature(choice.uid);
  const background = choice.picture ? draft.members().background : null;
  const look = JSON.stringify([choice.uid, one?.geometry, choice.corner, background, document.documentElement.lang]);
  if (look === shown) return;
  shown = look;
  handles.clearLayers();
  if (background) return drawPictureHandles(background);
  if (!one || !["beat", "street"].includes(kindOf(one))) return undefined;
  const corners = cornersOf(one);
  corners.forEach((at, index) => {
    const marker = handle(at, choice.corner === index ? "chosen" : "", t("places-corner", { n: index + 1 }));
    marker.on("click", () => chooseCorner(index));
    marker.on("contextmenu", () => removeCorner(index));
    dragCorner(choice.uid, index, marker);
    const other = corners[index + 1] ?? (kindOf(one) === "beat" ? corners[0] : null);
    if (!other) return;
    const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
    const between = handle(middle, "between", t("places-corner_new"));
    const insert = (point) => {
      choice.corner = index + 1;
      draft.edit(choice.uid, withCorners(one, [...corners.slice(0, index + 1), point, ...corners.slice(index + 1)]));
    };
    between.on("click", () => insert(rounded(L.latLng(latLng(middle)))));
    between.on("dragend", () => insert(snapped(between.getLatLng(), choice.uid)));
  });
  return undefined;
}

function drawPictureHandles(background) {
  const lay = (corners) => draft.editMembers({ background: { ...background, corners } });
  const show = (corners) => picture.show({ ...background, corners });
  background.corners.forEach((at, index) => {
    const marker = handle(at, "picture", t("places-picture_corner", { n: index + 1 }));
    const there = () => background.corners.map((corner, i) => (i === index ? rounded(marker.getLatLng()) : corner));
    marker.on("drag", () => show(there()));
    marker.on("dragend", () => lay(there()));
  });
  const middle = [0, 1].map((axis) => background.corners.reduce((sum, corner) => sum + corner[axis] / CORNERS.length, 0));
  const centre = handle(middle, "picture whole", t("places-picture_move"));
  const there = () => {
    const { lng, lat } = centre.getLatLng();
    return background.corners.map(([x, y]) => rounded({ lng: x + lng - middle[0], lat: y + lat - middle[1] }));
  };
  centre.on("drag", () => show(there()));
  centre.on("dragend", () => lay(there()));
}

export function chooseCorner(index) {
  choice.corner = choice.corner === index ? null : index;
  drawHandles();
  tell("choice");
}

/** Take a corner out; an outline keeps three, a street two. */
export function removeCorner(index = choice.corner) {
  const one = choice.uid === null ? null : draft.feature(choice.uid);
  if (!one || index === null || !["beat", "street"].includes(kindOf(one))) return;
  const corners = cornersOf(one);
  if (corners.length <= (kindOf(one) === "beat" ? 3 : 2)) return;
  choice.corner = null;
  draft.edit(choice.uid, withCorners(one, corners.filter((_, i) => i !== index)));
}

/** Select a feature; null for none. `look` brings it into sight. */
export function select(uid, { look = false, quiet = false } = {}) {
  if (choice.uid !== uid) choice.corner = null;
  choice.uid = uid;
  if (!quiet) drawFeatures();
  drawHandles();
  const one = uid === null ? null : draft.feature(uid);
  if (one && look) bring(cornersOf(one));
  tell("choice");
}

/** Bring places into sight: [[lon, lat], …]. */
export function bring(points) {
  if (!points.length) return;
  const bounds = L.latLngBounds(points.map(latLng));
  if (map.getBounds().contains(bounds) && points.length === 1) return;
  map.fitBounds(bounds.pad(0.2), { maxZoom: Math.max(map.getZoom(), 17), animate: false });
}

export const middle = () => rounded(map.getCenter());

/** Return the four corners of a picture of some shape, laid in the middle of what is seen. */
export function cornersInSight(width, height) {
  const { x, y } = map.getSize();
  const scale = Math.min((0.7 * x) / width, (0.7 * y) / height);
  return CORNERS.map(([u, v]) => rounded(map.containerPointToLatLng([x / 2 + (u - 0.5) * width * scale, y / 2 + (v - 0.5) * height * scale])));
}

const bare = (kind, corners) => {
  const geometry = kind === "beat" ? { type: "Polygon", coordinates: [[...corners, corners[0]]] } : kind === "street" ? { type: "LineString", coordinates: corners } : { type: "Point", coordinates: corners[0] };
  const properties = { kind, name: { en: "", "zh-CN": "" } };
  if (kind === "beat") {
    let number = draft.all("beat").length + 1;
    while (draft.find("beat", `beat-${number}`) !== null) number++;
    properties.id = `beat-${number}`;
    properties.name = { en: `Beat ${number}`, "zh-CN": `网格${number}` };
  } else properties.name = kind === "street" ? { en: "New street", "zh-CN": "新街道" } : { en: "New landmark", "zh-CN": "新地标" };
  return { type: "Feature", properties, geometry };
};

/** Begin to draw something; begun with the keyboard it is there at once, in the middle, to be given its place in numbers. */
export function beginSketch(kind, { keyboard = false } = {}) {
  endSketch();
  if (keyboard) {
    const { to, back } = plane(middle());
    const [x, y] = to(middle());
    const square = [[-1, -1], [1, -1], [1, 1], [-1, 1]].map(([u, v]) => back([x + u * NEW_M, y + v * NEW_M])).map(([lng, lat]) => rounded({ lng, lat }));
    return select(draft.add(bare(kind, kind === "beat" ? square : kind === "street" ? square.slice(0, 2) : [middle()])), { look: true });
  }
  select(null);
  sketch = { kind, points: [], layer: L.polyline([], { pane: "handles", className: "sketch", interactive: false }).addTo(map) };
  choice.kind = kind;
  map.getContainer().classList.add("sketching");
  map.doubleClickZoom.disable();
  say(byId("draw-help"), t(`places-help_${kind}`));
  byId("draw-help").hidden = false;
  tell("sketch");
  return undefined;
}

export function endSketch() {
  if (!sketch) return;
  sketch.layer.remove();
  sketch = null;
  choice.kind = null;
  map.getContainer().classList.remove("sketching");
  map.doubleClickZoom.enable();
  byId("draw-help").hidden = true;
  tell("sketch");
}

function finish() {
  const { kind, points } = sketch;
  if (points.length < (kind === "beat" ? 3 : kind === "street" ? 2 : 1)) return;
  endSketch();
  select(draft.add(bare(kind, points)));
}

function sketchClick({ latlng }) {
  const at = snapped(latlng, null);
  const { kind, points } = sketch;
  const here = map.latLngToLayerPoint(latlng);
  const near = (point) => map.latLngToLayerPoint(latLng(point)).distanceTo(here) < SNAP_PX;
  if (points.length && near(points[points.length - 1])) return finish(); // a double click, or a second one at the end
  if (kind === "beat" && points.length > 2 && near(points[0])) return finish();
  points.push(at);
  sketch.layer.setLatLngs(points.map(latLng));
  if (kind === "landmark") finish();
  return undefined;
}

function sketchKey(event) {
  if (!sketch || ["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName)) return;
  if (event.key === "Escape") endSketch();
  else if (event.key === "Enter") finish();
  else if (event.key === "Backspace") {
    sketch.points.pop();
    sketch.layer.setLatLngs(sketch.points.map(latLng));
  } else return;
  event.preventDefault();
}

/** Mark what is wrong or odd where it is. */
export function markFindings(findings) {
  marks.clearLayers();
  for (const { at, text, wrong } of findings.filter((one) => one.at)) {
    L.marker(latLng(at), { pane: "handles", keyboard: false, icon: L.divIcon({ className: "finding-holder", iconSize: [26, 26], html: el("div", { class: `finding-mark${wrong ? " wrong" : ""}` }, "!") }) })
      .bindTooltip(() => el("div", { class: "tip" }, text), { direction: "top", className: "map-tip", opacity: 1 })
      .addTo(marks);
  }
}

function home() {
  const points = draft.all().flatMap(([, one]) => cornersOf(one));
  if (points.length) map.fitBounds(L.latLngBounds(points.map(latLng)).pad(0.04), { animate: false });
  else map.setView([31, 120], 12);
}

function control(position, className, text, title, click) {
  const Button = L.Control.extend({
    onAdd() {
      const button = el("button", { type: "button", class: `map-home ${className}`, title, "aria-label": title }, text);
      L.DomEvent.disableClickPropagation(button);
      button.addEventListener("click", click);
      return el("div", { class: "leaflet-bar" }, button);
    },
  });
  new Button({ position }).addTo(map);
}

/** Draw all anew, after the draft has changed. */
export function redraw() {
  if (choice.uid !== null && !draft.feature(choice.uid)) select(null);
  picture.show(draft.members().background ?? null);
  drawFeatures();
  drawHandles();
}

export function startDrawing() {
  map = L.map("map", { attributionControl: false, zoomSnap: 0.25, zoomAnimation: false, fadeAnimation: false, markerZoomAnimation: false, inertia: false, minZoom: 8, maxZoom: 22 });
  for (const [name, z] of [["pictures", 250], ["beats", 300], ["roads", 320], ["borders", 330], ["looks", 380], ["dots", 390], ["names", 400], ["devices", 600], ["handles", 640]]) map.createPane(name).style.zIndex = z;
  map.getPane("looks").style.pointerEvents = "none";
  map.dots = L.canvas({ pane: "dots", padding: 0.3 });
  [handles, marks] = [1, 2].map(() => L.layerGroup().addTo(map));
  picture = new Picture(map, "pictures");
  control("topleft", "", "⌂", t("map-home"), home);
  for (const [selector, key] of [[".leaflet-control-zoom-in", "map-in"], [".leaflet-control-zoom-out", "map-out"]]) {
    const button = byId("map").querySelector(selector);
    button.title = t(key);
    button.setAttribute("aria-label", t(key));
  }
  home();
  redraw();
  map.on("click", (event) => (sketch ? sketchClick(event) : drawing.dispatchEvent(new CustomEvent("ground", { detail: { at: rounded(event.latlng), point: event.layerPoint } }))));
  document.addEventListener("keydown", sketchKey);
  draft.draft.addEventListener("change", redraw);
  new ResizeObserver(() => map.invalidateSize({ animate: false })).observe(byId("map"));
}
