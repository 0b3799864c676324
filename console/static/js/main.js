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
import { bus, calmness, openAlerts, select, state, trusted } from "./state.js";

const SOUND = "patrolgrid.sound";

function drawTally() {
  const open = openAlerts().filter((a) => a.state === "raised");
  const taken = openAlerts().length - open.length;
  const critical = open.filter((a) => a.severity === "critical").length;
  const level = critical ? "critical" : open.length ? "warning" : calmness().level;
  const tally = byId("tally");
  tally.dataset.level = level;
  const look = `${open.length}/${taken}/${level}/${trusted()}/${currentLanguage()}`;
  if (tally.dataset.look !== look) {
    tally.dataset.look = look;
    put(tally, sign(level === "calm" ? "acknowledged" : level), el("strong", {}, open.length || trusted() ? open.length : "—"), el("span", {}, t("tally-open", { taken: taken || trusted() ? taken : "—" })));
  }
  const name = pick(state.site?.name) || "PatrolGrid";
  document.title = open.length ? `(${open.length}) ${name}` : name;
  byId("favicon").href = critical ? "/static/icon-alert.svg" : "/static/icon.svg";
}

const AGAIN_MS = 60_000; // a critical alert that nobody has taken up sounds again so often
const LOST_MS = 10_000; // data that stays away so long is told by a sound, and again every five minutes
const LOST_AGAIN_MS = 300_000;
let audio = null;
let toldAt = 0;
let lostAt = null; // since when there is no data that can be trusted, after there was some
let lostTold = -Infinity;

/** Sound again while a critical alert is unanswered, and where data has stopped: silence is no good news then. */
function remind() {
  const now = performance.now();
  if (trusted()) lostAt = Infinity;
  else if (lostAt === Infinity) lostAt = now;
  if (lostAt !== null && now - lostAt > LOST_MS && now - lostTold > LOST_AGAIN_MS) {
    lostTold = now;
    tone(true);
  }
  if (trusted()) lostTold = -Infinity;
  if (openAlerts().some((a) => a.state === "raised" && a.severity === "critical") && now - toldAt > AGAIN_MS) tone(true);
}

/** Sound two quiet notes for a warning, four for a critical alert, where sound is switched on. */
function tone(critical) {
  toldAt = performance.now();
  if (!sounds()) return;
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

let wanted = false; // whether somebody wants sound
const sounds = () => wanted && audio?.state === "running";

function startSound() {
  const button = byId("sound");
  // It is shown as on only where it can be heard: a browser may hold it back for reasons of its own.
  const draw = () => {
    put(button, line(sounds() ? "sound" : "silent"));
    button.setAttribute("aria-pressed", String(Boolean(sounds())));
    button.setAttribute("aria-label", t("sound-label"));
    button.title = t(sounds() ? "sound-on" : wanted ? "sound-held" : "sound-off");
  };
  const set = (on) => {
    // A browser lets a page sound only after a click, so a remembered choice starts with the first one anywhere.
    if (on) audio ??= new AudioContext();
    if (audio) audio.onstatechange = draw;
    wanted = on;
    remember(SOUND, on ? "on" : "off");
    draw();
    return Promise.resolve(audio?.resume()).then(draw);
  };
  button.addEventListener("click", () => {
    set(!sounds()).then(() => tone(false));
  });
  if (recall(SOUND) !== "off") {
    const begin = (event) => {
      for (const name of ["pointerdown", "keydown"]) document.removeEventListener(name, begin, true);
      if (!button.contains(event.target)) set(true);
    };
    for (const name of ["pointerdown", "keydown"]) document.addEventListener(name, begin, true);
  }
  setInterval(remind, 1000);
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
  const asked = new URLSearchParams(location.search).get("device");
  if (state.devices.has(asked)) select(asked);
  keepUp();
}

start();
