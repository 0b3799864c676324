// Starts the page: the site first, then its parts, then the stream of changes.

import { checkLink, get, listen } from "./api.js";
import { startAlerts } from "./alerts.js";
import { startDevice } from "./device.js";
import { byId, el, put, say } from "./dom.js";
import { startHotspots } from "./hotspots.js";
import { startIncidents } from "./incidents.js";
import { line, sign } from "./icons.js";
import { currentLanguage, day, firstLanguage, pick, recall, remember, seconds, setLanguage, setZone, span, t, when, word } from "./i18n.js";
import { startMap } from "./map.js";
import { startPanels } from "./panels.js";
import { bus, emit, openAlerts, siteNow, state, trusted } from "./state.js";

const SOUND = "patrolgrid.sound";

function drawClock() {
  const now = siteNow();
  if (!now) return;
  say(byId("clock"), seconds(now));
  say(byId("date"), day(now));
  const speed = state.overview?.status?.speed ?? 1;
  const tag = byId("simulated");
  const stands = state.overview?.status && state.overview.clock_speed === 0;
  const off = speed !== 1 || stands || state.site?.simulated;
  tag.hidden = !off;
  if (off) say(tag, stands ? t("clock-replay") : speed === 1 ? t("clock-simulated") : t("clock-fast", { speed }));
}

/** Say how far the page can be believed, and say it loudly where it cannot. */
function drawTrust() {
  const fresh = state.overview?.freshness ?? { state: "waiting", since_ms: 0 };
  const lost = state.link === "lost";
  const kind = lost ? "link_lost" : state.link === "connecting" ? "connecting" : fresh.state;
  const since = lost ? state.lostAt : fresh.since_ms;
  const loud = !["live", "connecting"].includes(kind);
  const bar = byId("stale");
  document.body.dataset.trust = kind === "live" ? "live" : loud ? "stale" : "connecting";
  byId("link").dataset.state = kind === "live" ? "live" : loud ? "stale" : "connecting";
  const parts = (fresh.parts ?? []).map((name) => word("part", name)).join(t("list-comma"));
  const values = { parts, time: since ? when(since, siteNow()) : "–", span: since ? span(siteNow() - since) : "–", behind: span((fresh.behind_s ?? 0) * 1000) };
  say(byId("link-text"), kind === "live" ? t("link-live") : kind === "connecting" ? t("link-connecting") : since ? t("link-stale", values) : t(`link-${kind}`));
  bar.dataset.kind = kind;
  const text = loud ? t(`stale-${kind}`, values) : "";
  if (bar.dataset.text !== text) {
    bar.dataset.text = text;
    put(bar, loud && sign(["catching_up", "waiting"].includes(kind) ? "warning" : "critical"), loud && el("span", {}, text));
  }
  bar.hidden = !loud;
  for (const [file, told] of [["places", (of) => t("places-problem", of)], ["calendar", (of) => t("calendar-problem", of)]]) {
    const problem = state.overview?.status?.[file]?.problem;
    byId(`${file}-problem`).hidden = !problem;
    if (problem) say(byId(`${file}-problem`), told({ problem }));
  }
  const damaged = state.overview?.status?.damaged ?? [];
  byId("damaged").hidden = !damaged.length;
  if (damaged.length) say(byId("damaged"), t("damaged", { files: [...new Set(damaged.map((one) => one.file))].join(t("list-comma")), count: damaged.length }));
}

function drawTally() {
  const open = openAlerts().filter((a) => a.state === "raised");
  const taken = openAlerts().length - open.length;
  const critical = open.filter((a) => a.severity === "critical").length;
  const level = critical ? "critical" : open.length || !trusted() ? "warning" : "calm";
  const tally = byId("tally");
  tally.dataset.level = level;
  const look = `${open.length}/${taken}/${level}/${trusted()}/${currentLanguage()}`;
  if (tally.dataset.look !== look) {
    tally.dataset.look = look;
    put(tally, sign(level === "calm" ? "acknowledged" : level), el("strong", {}, open.length || trusted() ? open.length : "?"), el("span", {}, t("tally-open", { taken })));
  }
  const name = pick(state.site?.name) || "PatrolGrid";
  document.title = open.length ? `(${open.length}) ${name}` : name;
  byId("favicon").href = critical ? "/static/icon-alert.svg" : "/static/icon.svg";
}

let audio = null;
/** Sound two quiet notes for a warning, four for a critical alert, where sound is switched on. */
function tone(critical) {
  if (!audio || byId("sound").getAttribute("aria-pressed") !== "true") return;
  for (let i = 0; i < (critical ? 4 : 2); i++) {
    const [note, volume] = [audio.createOscillator(), audio.createGain()];
    const at = audio.currentTime + i * 0.22;
    note.frequency.value = i % 2 ? 660 : 880;
    volume.gain.setValueAtTime(0, at);
    volume.gain.linearRampToValueAtTime(0.2, at + 0.02);
    volume.gain.linearRampToValueAtTime(0, at + 0.18);
    note.connect(volume).connect(audio.destination);
    note.start(at);
    note.stop(at + 0.2);
  }
}

function startSound() {
  const button = byId("sound");
  const draw = () => {
    const on = button.getAttribute("aria-pressed") === "true";
    put(button, line(on ? "sound" : "silent"));
    button.setAttribute("aria-label", t("sound-label"));
    button.title = t(on ? "sound-on" : "sound-off");
  };
  const set = (on) => {
    // A browser lets a page sound only after a click, so a remembered choice starts with the first one anywhere.
    if (on) audio ??= new AudioContext();
    audio?.resume();
    button.setAttribute("aria-pressed", String(on));
    remember(SOUND, on ? "on" : "off");
    draw();
  };
  button.addEventListener("click", () => {
    set(button.getAttribute("aria-pressed") !== "true");
    tone(false);
  });
  if (recall(SOUND) === "on") document.addEventListener("pointerdown", (event) => !button.contains(event.target) && set(true), { once: true });
  bus.addEventListener("language", draw);
  draw();
}

function drawLanguage() {
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === currentLanguage()));
  say(byId("site-name"), pick(state.site?.name) || "PatrolGrid");
}

async function loadSite() {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      return await get("/api/site");
    } catch {
      say(byId("link-text"), t("link-connecting"));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

async function start() {
  await setLanguage(firstLanguage());
  state.site = await loadSite();
  setZone(state.site.timezone);
  for (const device of state.site.devices) state.devices.set(device.id, device);
  for (const beat of state.site.beats) state.beats.set(beat.id, beat);
  await setLanguage(firstLanguage(state.site));
  put(byId("languages"), Object.entries(state.site.languages).map(([language, name]) => {
    const choose = async () => {
      await setLanguage(language, { remembered: true });
      emit("language");
    };
    return el("button", { type: "button", class: "tool", "data-language": language, lang: language, onclick: choose }, name);
  }));
  const drawAll = () => {
    drawLanguage();
    drawClock();
    drawTrust();
    drawTally();
  };
  bus.addEventListener("language", drawAll);
  for (const name of ["change", "link"]) bus.addEventListener(name, drawAll);
  startSound();
  startMap();
  startAlerts(tone);
  startHotspots();
  startIncidents();
  startDevice();
  startPanels();
  drawAll();
  listen();
  setInterval(() => {
    drawClock();
    drawTrust();
    checkLink();
  }, 1000);
  document.addEventListener("visibilitychange", () => !document.hidden && checkLink());
}

start();
