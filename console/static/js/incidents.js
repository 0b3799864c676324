// What was reported lately, and by whom it came: for the map, and as a list.

import { ApiFailure, get } from "./api.js";
import { byId, el, put } from "./dom.js";
import { named, pick, t, when, word } from "./i18n.js";
import { bus, emit, may, siteNow, state } from "./state.js";

export const INCIDENT_DAYS = 14;
const MOST = 200;

export const incidentTitle = (row, categories) => pick(categories[row.category]) || row.category;

let error = "";
let asked = "";

async function load() {
  if (!may("alerts")) return;
  try {
    const found = await get(`/api/incidents?hours=${24 * INCIDENT_DAYS}&limit=${MOST}`);
    state.incidents = { rows: found.incidents, categories: found.categories };
    error = "";
  } catch (failure) {
    if (!(failure instanceof ApiFailure)) throw failure;
    error = failure.message || t("error-unreachable");
    asked = "";
  }
  emit("incidents");
}

function draw() {
  const panel = byId("panel-incidents");
  if (panel.hidden) return;
  const { rows, categories } = state.incidents;
  const items = rows.map((row) => {
    const go = () => bus.dispatchEvent(new CustomEvent("look", { detail: { lon: row.lon, lat: row.lat } }));
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "row-button", onclick: go, title: t("alerts-show") },
        el("span", { class: `incident-mark ${row.provenance}`, "aria-hidden": "true" }),
        el("time", {}, when(row.ts, siteNow())),
        el("span", { class: "row-text" }, el("strong", {}, incidentTitle(row, categories)), row.text && el("span", {}, named(row.text))),
        el("span", { class: "row-end" }, word("provenance", row.provenance)),
      ),
    );
  });
  put(panel, error ? el("p", { class: "failed pad" }, error) : el("p", { class: "lead" }, t("incidents-lead", { n: rows.length, days: INCIDENT_DAYS })), el("ul", { class: "rows" }, items));
}

/** Load the list whenever the hotspot map is new: an incident makes a new one at once. */
export function startIncidents() {
  bus.addEventListener("change", () => {
    const mark = String(state.overview?.hotspots?.ts ?? "");
    if (mark === asked && asked) return;
    asked = mark || "none";
    load();
  });
  bus.addEventListener("incidents", draw);
  bus.addEventListener("language", draw);
  bus.addEventListener("tab", draw);
}
