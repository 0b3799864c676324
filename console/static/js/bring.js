// What comes into the places from files: lists of devices and outlines, and the picture below the map.

import { ApiFailure, upload } from "./api.js";
import * as draft from "./draft.js";
import { byId, el } from "./dom.js";
import { bring, choice, cornersInSight, cornersOf, drawing, redraw } from "./draw.js";
import { CORNERS, fitted, moved, plane } from "./ground.js";
import { percent, t } from "./i18n.js";

const MOST_SHOWN = 100;
const LISTS = { csv: "text/csv", geojson: "application/geo+json", json: "application/geo+json" };
const MOST_PAIRS = 4;

let found = null; // what a file would bring
let failed = "";
let busy = false;
let example = false;
let pairs = null; // {of: [u, v] on the picture, at: [lon, lat]} while a picture is laid by points

const told = (error) => (error instanceof ApiFailure ? error.message || t("error-unreachable") : String(error));
const again = () => {
  byId("map").classList.toggle("picking", pairs !== null); // clicks are for the picture then
  drawing.dispatchEvent(new Event("panel"));
};

async function readList(file) {
  [busy, failed, found] = [true, "", null];
  again();
  const media = LISTS[file.name.toLowerCase().split(".").pop()];
  try {
    if (!media) failed = t("places-import_kinds");
    else found = { ...(await upload(`/api/places/import?name=${encodeURIComponent(file.name.slice(0, 200))}&without_example=${example}`, file, media)), name: file.name };
  } catch (error) {
    failed = told(error);
  }
  busy = false;
  again();
}

function takeList() {
  draft.takePatches(found.patches, found.name);
  const points = found.patches.flatMap(({ after }) => (after?.geometry ? cornersOf(after) : []));
  found = null;
  bring(points);
  again();
}

function chooser(accept, take, label) {
  return el("label", { class: "field" }, el("span", {}, label), el("input", { type: "file", accept, disabled: busy, onchange: (event) => event.target.files[0] && take(event.target.files[0]) }));
}

/** Return the panel of imports: a file, what it would change, and what of it is not taken. */
export function importPanel() {
  const rows = (names, what) => names.length > 0 && el("details", {}, el("summary", {}, t(`places-import_${what}`, { n: names.length })), el("p", { class: "muted" }, names.slice(0, MOST_SHOWN).join(t("list-comma"))));
  return el(
    "div",
    { class: "form" },
    el("p", { class: "muted" }, t("places-import_help")),
    chooser(".csv,.geojson,.json", readList, t("places-import_file")),
    el("label", { class: "switch" }, el("input", { type: "checkbox", checked: example, onchange: (event) => (example = event.target.checked) }), t("places-import_example")),
    busy && el("p", { role: "status" }, t("places-import_reading")),
    failed && el("p", { class: "failed", role: "alert" }, failed),
    found &&
      el(
        "section",
        { class: "brought" },
        el("h2", {}, t("places-import_would", { file: found.name })),
        el("p", {}, t("places-import_counts", { added: found.added.length, changed: found.changed.length, same: found.same, removed: found.removed.length })),
        rows(found.added, "added"),
        rows(found.changed, "changed"),
        rows(found.removed, "removed"),
        found.ids.length > 0 && el("ul", {}, found.ids.slice(0, MOST_SHOWN).map((one) => el("li", {}, t("places-import_id", { line: one.line, written: one.written, id: one.id })))),
        found.bad.length > 0 && el("h3", { class: "bad" }, t("places-import_bad", { n: found.bad.length })),
        found.bad.length > 0 && el("ul", { class: "bad-lines" }, found.bad.slice(0, MOST_SHOWN).map((one) => el("li", {}, one.line ? t("places-import_line", { line: one.line, text: one.text }) : one.text))),
        found.patches.length ? el("button", { type: "button", class: "main", onclick: takeList }, t("places-import_take")) : el("p", { class: "muted" }, t("places-import_nothing")),
      ),
  );
}

async function readPicture(file) {
  [busy, failed] = [true, ""];
  again();
  try {
    const taken = await upload("/api/places/images", file, file.type || "application/octet-stream");
    const shape = await sizeOf(taken);
    draft.editMembers({ background: { image: taken.image, corners: cornersInSight(...shape), opacity: 0.6, shown: false } });
    choice.picture = true;
  } catch (error) {
    failed = told(error);
  }
  busy = false;
  again();
  redraw();
}

/** Return width and height as a browser shows the picture: a photograph may be turned. */
function sizeOf({ image, width, height }) {
  return new Promise((done) => {
    const probe = el("img", { src: `/api/places/images/${image}` });
    probe.addEventListener("load", () => done([probe.naturalWidth, probe.naturalHeight]));
    probe.addEventListener("error", () => done([width, height]));
  });
}

function beginPairs() {
  pairs = [];
  again();
}

/** Take a click on the map while a picture is laid by points: on the picture first, then where that is. */
function takePair({ detail: { at } }) {
  const { background } = draft.members();
  if (!pairs || !background) return;
  const open = pairs[pairs.length - 1];
  const { to } = plane(background.corners[0]);
  if (open && !open.at) open.at = at;
  else if (pairs.length < MOST_PAIRS) {
    const back = fitted(background.corners.map(to), CORNERS);
    if (back) pairs.push({ of: moved(back, to(at)), at: null });
  }
  again();
}

/** Lay the picture so that the points on it lie where they belong. */
function layByPairs() {
  const { background } = draft.members();
  const { to, back } = plane(background.corners[0]);
  const whole = pairs.filter((pair) => pair.at);
  const now = fitted(CORNERS, background.corners.map(to));
  // Two points turn and scale the picture as it lies, so that it keeps its shape.
  const from = whole.map(({ of }) => moved(now, of));
  const h = fitted(from, whole.map(({ at }) => to(at)));
  pairs = null;
  if (h) {
    const corners = background.corners.map((corner) => back(moved(h, to(corner))).map((value) => Math.round(value * 1e7) / 1e7));
    draft.editMembers({ background: { ...background, corners } });
  } else failed = t("places-picture_line");
  again();
}

function pairsPart() {
  if (!pairs) return el("button", { type: "button", onclick: beginPairs }, t("places-picture_points"));
  const whole = pairs.filter((pair) => pair.at).length;
  const open = pairs.length > whole;
  return el(
    "div",
    { class: "pairs", role: "status" },
    el("p", {}, t(`places-picture_${open ? "where" : whole < MOST_PAIRS ? "pick" : "enough"}`, { n: whole + 1 })),
    el("p", { class: "muted" }, t("places-picture_pairs", { n: whole })),
    whole > 1 && !open && el("button", { type: "button", class: "main", onclick: layByPairs }, t("places-picture_lay")),
    el("button", { type: "button", onclick: () => ((pairs = null), again()) }, t("places-cancel")),
  );
}

/** Return the panel of the picture below the map. */
export function picturePanel() {
  const { background } = draft.members();
  const change = (some, about) => draft.editMembers({ background: { ...draft.members().background, ...some } }, about);
  const opacity = background && Math.round(100 * (background.opacity ?? 0.6));
  return el(
    "div",
    { class: "form" },
    el("p", { class: "muted" }, t("places-picture_help")),
    chooser("image/png,image/jpeg,image/webp", readPicture, t(`places-picture_${background ? "other" : "file"}`)),
    busy && el("p", { role: "status" }, t("places-picture_reading")),
    failed && el("p", { class: "failed", role: "alert" }, failed),
    background && el("label", { class: "field" }, el("span", {}, t("places-opacity"), " ", el("output", {}, percent(opacity / 100))), el("input", { type: "range", min: 10, max: 100, step: 5, value: opacity, oninput: (event) => change({ opacity: event.target.value / 100 }, "opacity") })),
    background && el("label", { class: "switch" }, el("input", { type: "checkbox", checked: background.shown !== false, onchange: (event) => change({ shown: event.target.checked }) }), t("places-picture_shown")),
    background && pairsPart(),
    background && el("p", { class: "muted" }, t("places-picture_drag")),
    background && el("button", { type: "button", class: "danger", onclick: () => ((pairs = null), draft.editMembers({ background: null })) }, t("places-picture_remove")),
  );
}

/** Begin to take clicks for the picture. */
export function startBringing() {
  drawing.addEventListener("ground", takePair);
}

/** Forget points that were begun: another panel is shown. */
export function leavePairs() {
  if (!pairs) return;
  pairs = null;
  byId("map").classList.remove("picking");
}
