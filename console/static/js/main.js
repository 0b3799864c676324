// Starts the board: the site first, then its parts, then the stream of changes.

import { startAlerts } from "./alerts.js";
import { startDevice } from "./device.js";
import { byId, el, put, say } from "./dom.js";
import { startHotspots } from "./hotspots.js";
import { startIncidents } from "./incidents.js";
import { line, sign } from "./icons.js";
import { currentLanguage, pick, recall, remember, t } from "./i18n.js";
import { startMap } from "./map.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { startPanels } from "./panels.js";
import { bus, openAlerts, state, trusted } from "./state.js";

const SOUND = "patrolgrid.sound";

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

async function start() {
  await startPage();
  const drawAll = () => {
    drawPage();
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
  keepUp();
}

start();
