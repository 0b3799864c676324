// The quieter parts: data quality, what was closed lately, and how the node does.

import { ApiFailure, get } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { deviceIcon, sign } from "./icons.js";
import { named, number, percent, pick, span, t, when, word } from "./i18n.js";
import { bus, emit, heard, kindTitle, openAlerts, select, siteNow, state, troubleOf } from "./state.js";

const OF_DEVICES = new Set(["camera_fault", "dead", "silent", "never_heard", "device_fault", "clock_wrong", "level_stuck", "level_drift", "level_step", "feed_lost"]);
const WORST_FIRST = ["offline", "silent", "unheard", "stuck", "skew", "missing", "late", "duplicate", "quality", "agent_away", "agent_drops", "agent_power", "agent_disk", "agent_source", "agent_time", "agent_heat", "agent_settings", "agent_certificate"];

function qualityRows() {
  const ids = new Set([...state.devices.keys(), ...Object.keys(state.overview?.devices ?? {})]);
  const rows = [...ids].map((id) => [id, { health: state.overview?.devices?.[id]?.health, trouble: troubleOf(id) }]).filter(([, entry]) => entry.trouble.length);
  const order = ([, entry]) => WORST_FIRST.indexOf(entry.trouble[0]);
  return rows.sort((a, b) => order(a) - order(b) || a[0].localeCompare(b[0]));
}

/** Return one sentence on all devices; it says that all is well only where each has been heard. */
function qualityLead(rows) {
  const total = new Set([...state.devices.keys(), ...rows.map(([id]) => id)]).size;
  if (!state.overview || !total) return t("stale-waiting");
  const unheard = rows.filter(([, entry]) => entry.trouble.includes("unheard")).length;
  const others = rows.length - unheard;
  const said = [unheard && t("quality-unheard", { n: unheard, total }), others && t("quality-some", { n: others, total })].filter(Boolean);
  const about = openAlerts().filter((a) => OF_DEVICES.has(a.kind)).length;
  if (!said.length && heard() && about) return t("quality-alerts", { n: about, total });
  return said.join(" ") || (heard() ? t("quality-fine", { total }) : t("quality-old", { total }));
}

function drawQuality() {
  const rows = qualityRows();
  const count = byId("quality-count");
  say(count, String(rows.length));
  count.hidden = rows.length === 0;
  const panel = byId("panel-quality");
  if (panel.hidden) return;
  const list = rows.slice(0, 200).map(([id, entry]) => {
    const place = state.devices.get(id);
    const health = entry.health;
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "row-button", onclick: () => place && select(id) },
        deviceIcon(place?.type, "trouble"),
        el("span", { class: "row-text" }, el("strong", {}, place ? pick(place.name) : id), el("span", {}, entry.trouble.map((w) => word("trouble", w)).join(t("list-comma")))),
        health && el("span", { class: "row-figures" }, t("quality-figures", { received: number(health.received), missing: number(health.missing), late: number(health.late) })),
        el("span", { class: "row-end" }, health ? percent(health.quality) : "—"),
      ),
    );
  });
  put(
    panel,
    el("p", { class: "lead" }, qualityLead(rows)),
    el("ul", { class: "rows" }, list),
  );
}

let recent = [];
let recentError = "";
async function loadRecent() {
  try {
    recent = (await get("/api/alerts?hours=24&limit=100")).alerts;
    recentError = "";
  } catch (error) {
    if (!(error instanceof ApiFailure)) throw error;
    recentError = error.message || t("error-unreachable");
  }
  drawRecent();
}

function drawRecent() {
  const panel = byId("panel-recent");
  if (panel.hidden) return;
  const now = siteNow();
  const rows = [...recent].sort((a, b) => b.changed_ms - a.changed_ms).map((a) => {
    const open = a.state === "raised" || a.state === "acknowledged";
    const alone = !open && !a.by; // it ended, and nobody had to do with it
    const about = [pick(a.place), a.by && t("recent-by", { by: named(a.by) }), a.reason && word("false", a.reason), named(a.note)].filter(Boolean).join(" · ");
    const show = () => {
      if (state.devices.has(a.device)) select(a.device);
      bus.dispatchEvent(new CustomEvent("look", { detail: a }));
    };
    return el(
      "li",
      {},
      el(
        "button",
        { type: "button", class: "row-button", onclick: show },
        sign(a.state === "raised" ? a.severity : alone ? "ended" : "acknowledged"),
        el("time", {}, when(a.raised_ms, now)),
        el("span", { class: "row-text" }, el("strong", {}, kindTitle(a.kind)), el("span", {}, about)),
        el("span", { class: `row-end state-${a.state} ${alone && a.severity === "critical" ? "bad" : ""}` }, t(alone && a.severity === "critical" ? "recent-unseen" : `alertstate-${alone ? "expired" : a.state}`), !open && el("small", {}, t("recent-took", { span: span(a.changed_ms - a.raised_ms) }))),
      ),
    );
  });
  put(panel, recentError ? el("p", { class: "failed" }, recentError) : el("p", { class: "lead" }, t("recent-lead", { n: rows.length }), " ", el("a", { href: "/history" }, t("recent-all"))), el("ul", { class: "rows" }, rows));
}

function drawNode() {
  const panel = byId("panel-node");
  if (panel.hidden) return;
  const status = state.overview?.status;
  if (!status) {
    put(panel, el("p", { class: "empty" }, t("stale-waiting")));
    return;
  }
  const { rates = {}, lag = {}, counters = {}, quarantined = {} } = status;
  const unit = (name, value) => (value === undefined || value === null ? "—" : t(name, { n: number(value, 1) }));
  const figure = (name, value, note = "") => el("div", { class: "figure" }, el("span", {}, t(name)), el("strong", {}, value), note && el("small", {}, note));
  const reasons = Object.entries(quarantined).sort((a, b) => b[1] - a[1]);
  const total = reasons.reduce((sum, [, n]) => sum + n, 0);
  put(
    panel,
    el(
      "div",
      { class: "figures" },
      figure("node-observations_s", number(rates.observations_s, 1), t("node-messages_s", { n: number(rates.messages_s, 1) })),
      figure("node-lag", unit("span-s", lag.seconds), t("node-lag_records", { n: number(lag.records) })),
      figure("node-stored", number(counters.stored), t("node-received", { n: number(counters.received) })),
      figure("node-duplicates", number(counters.duplicates), t("node-duplicates_note")),
      figure("node-late", number(counters.late), t("node-late_note")),
      figure("node-windows", number(counters.windows), t("node-anomalies", { n: number(counters.anomalies), alerts: number(counters.alerts) })),
      figure("node-quarantined", status.quarantined ? number(total) : "—", reasons.map(([reason, n]) => `${word("quarantine", reason)} ${number(n)}`).join(t("list-comma"))),
      figure("node-uptime", status.uptime_s === undefined ? "—" : span(status.uptime_s * 1000), t(status.connected ? "node-connected" : "node-disconnected")),
    ),
  );
}

/** Wire the tabs and the panels behind them (the device's panel fills itself). */
export function startPanels() {
  const all = [...document.querySelectorAll("[data-tab]")];
  let shown = "";
  // Without a name the dock is closed, and the map has its room.
  const open = (name, focus = false) => {
    shown = name;
    byId("dock").classList.toggle("closed", !name);
    byId("dock-close").hidden = !name;
    byId("tab-device").hidden = !state.selected;
    for (const [index, tab] of all.entries()) {
      const mine = tab.dataset.tab === name;
      tab.setAttribute("aria-selected", String(mine));
      tab.tabIndex = mine || (!name && index === 1) ? 0 : -1; // the device's, the first, is not always there
      byId(`panel-${tab.dataset.tab}`).hidden = !mine;
      if (mine && focus) tab.focus();
      if (mine) tab.parentElement.scrollLeft = tab.offsetLeft - tab.parentElement.offsetLeft - 20; // on a phone they do not all fit
    }
    drawQuality();
    drawNode();
    emit("tab");
    if (name === "recent") loadRecent();
  };
  for (const tab of all) {
    tab.addEventListener("click", () => {
      open(shown === tab.dataset.tab ? "" : tab.dataset.tab);
      if (shown) inView();
    });
    tab.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      const tabs = all.filter((one) => !one.hidden);
      if (move) open(tabs[(tabs.indexOf(tab) + move + tabs.length) % tabs.length].dataset.tab, true);
    });
  }
  const inView = () => matchMedia("(max-width: 900px)").matches && byId("dock").scrollIntoView({ block: "start" });
  const close = () => {
    const before = shown;
    open("");
    byId(`tab-${before === "device" ? "recent" : before}`).focus();
  };
  byId("dock-close").addEventListener("click", close);
  byId("dock").addEventListener("keydown", (event) => event.key === "Escape" && shown && close());
  open("");
  const draw = () => {
    drawQuality();
    drawNode();
  };
  bus.addEventListener("change", draw);
  bus.addEventListener("language", () => {
    draw();
    drawRecent();
  });
  bus.addEventListener("select", () => {
    open("device");
    inView();
  });
  setInterval(() => !byId("panel-recent").hidden && !document.hidden && loadRecent(), 5000);
}
