// What the page knows, in one place; who shows a part of it listens for "change".

import { pick, recall, remember } from "./i18n.js";

export const state = {
  me: null, // who looks, and what they may do
  site: null,
  devices: new Map(), // id → place
  beats: new Map(), // id → place
  overview: null, // newest, with `devices` complete
  heardAt: 0, // performance.now() of the newest overview
  link: "connecting", // connecting, open, lost
  lostAt: 0, // site time at which the link was lost
  selected: null, // device id
  officer: "",
  busy: false, // somebody is in the middle of something that a page beginning again would take away
  stale: false, // the places were edited meanwhile
  incidents: { rows: [], categories: {} }, // of the last days, newest first
};

export const bus = new EventTarget();
export const emit = (name) => bus.dispatchEvent(new Event(name));

/** Tell whether whoever looks has a right. */
export const may = (right) => Boolean(state.me?.rights.includes(right));

/** Return the site's time now: the node's, carried on at its speed by a clock that nobody can set. */
export function siteNow() {
  const look = state.overview;
  if (!look) return state.site?.site_ms ?? 0;
  return look.site_ms + (performance.now() - state.heardAt) * (look.status ? look.clock_speed : 1);
}

/** Take an overview, whole or partial. */
export function take(look) {
  if (look.partial && state.overview) {
    look.devices = { ...state.overview.devices, ...look.devices };
    for (const name of ["alerts", "more_alerts"]) look[name] ??= state.overview[name]; // they are as they were
  }
  if (state.site && look.places !== state.site.places) {
    if (!state.busy) return location.reload(); // beats or devices were edited
    state.stale = true;
  }
  state.overview = look;
  state.heardAt = performance.now();
  emit("change");
}

/** Tell whether what the page shows is so now. Where it is not, an empty list is no good news. */
export const trusted = () => state.link === "open" && state.overview?.freshness.state === "live";

/** Tell whether devices' data come in: destinations of results may fail meanwhile. */
export const heard = () => state.link === "open" && ["live", "failing"].includes(state.overview?.freshness.state);

/** Return the title of a kind of alert, in the words that alerts on phones use too. */
export const kindTitle = (kind) => pick(state.site?.kinds[kind]) || kind;

/** Return the places of the hotspot map: their first cells, with their number in order of risk. */
export function spots() {
  const cells = [...(state.overview?.hotspots?.cells ?? [])].sort((a, b) => a.rank - b.rank);
  return cells.filter((cell) => cell.spot || !cell.lead).map((cell, index) => ({ ...cell, number: index + 1 }));
}

export function select(device) {
  state.selected = device;
  emit("select");
}

const RANK = { critical: 2, warning: 1, info: 0 };
export const rank = (severity) => RANK[severity] ?? 0;

let sorted = { of: null, alerts: [] };

/** Return open alerts, those nobody has taken first, the most severe on top, then the newest; the last may have no text. */
export function openAlerts() {
  const { alerts = [], more_alerts: more = [] } = state.overview ?? {};
  if (sorted.of !== alerts) {
    const taken = (a) => (a.state === "acknowledged" ? 1 : 0);
    const open = [...alerts, ...more].filter((a) => a.state === "raised" || a.state === "acknowledged");
    sorted = { of: alerts, alerts: open.sort((a, b) => taken(a) - taken(b) || rank(b.severity) - rank(a.severity) || b.raised_ms - a.raised_ms) };
  }
  return [...sorted.alerts];
}

/** Return how many open alerts there are beyond those that the page has been given. */
export const moreOpen = () => Math.max(0, (state.overview?.open_alerts ?? 0) - openAlerts().length);

const SEEN = "patrolgrid.seen";
const MOST_SEEN = 200;
const seen = () => (recall(SEEN) ?? "").split(" ");

/** Return critical alerts that ended without anybody having taken them up, until somebody at this browser has seen them. */
export function endedUnseen() {
  const known = new Set(seen());
  return (state.overview?.ended ?? []).filter((a) => !known.has(a.id));
}

export function setSeen(id) {
  remember(SEEN, [...seen(), id].slice(-MOST_SEEN).join(" "));
  emit("seen");
}

/** Return how much an empty list of alerts is worth: nothing without data, little where devices are not heard. */
export function calmness() {
  const ids = [...state.devices.keys()];
  const blind = ids.filter((id) => troubleOf(id).length).length;
  if (!trusted() || !ids.length) return { level: "unknown", text: ["alerts-unknown", {}] };
  return blind ? { level: "unknown", text: ["alerts-none_blind", { n: blind, total: ids.length }] } : { level: "calm", text: ["alerts-none", {}] };
}

/** Return what is wrong with a device's data; one of which nothing was ever heard is not fine, but unknown. */
export function troubleOf(id) {
  const entry = state.overview?.devices?.[id];
  return entry && (entry.health || entry.series.length) ? entry.trouble : ["unheard"];
}

/** Return the devices that an alert is about. */
export const devicesOf = (alert) => (alert.devices?.length ? alert.devices : [alert.device]);

/**
 * Return a function that tells how a device stands: critical, warning, info, acknowledged, trouble, unknown, normal;
 * outdated where it was normal and no data come in any more.
 */
export function standings() {
  const worst = new Map();
  for (const alert of openAlerts().reverse()) for (const device of devicesOf(alert)) worst.set(device, alert.state === "acknowledged" ? "acknowledged" : alert.severity);
  const usual = heard() ? "normal" : "outdated";
  return (id) => {
    const trouble = troubleOf(id);
    return worst.get(id) ?? (trouble.includes("unheard") ? "unknown" : trouble.length ? "trouble" : usual);
  };
}

/** Return how one device stands. */
export const standing = (id) => standings()(id);
