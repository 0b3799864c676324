// The engineer's bench: what the simulator lets happen and whether it was found, and what other settings would have told.

import { choose, chosen } from "./address.js";
import { get } from "./api.js";
import { byId, el, put } from "./dom.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { drawRhythms, startRhythms } from "./rhythms.js";
import { drawScenarios, startScenarios } from "./scenarios.js";
import { bus, state } from "./state.js";
import { drawWhatIf, startWhatIf } from "./whatif.js";

const LOOK_MS = 2000;
const TABS = ["scenarios", "whatif", "rhythms"];
const draws = { scenarios: drawScenarios, whatif: drawWhatIf, rhythms: drawRhythms };

let bench = null;
let failed = "";

function shown() {
  const tab = chosen("tab");
  return TABS.includes(tab) ? tab : bench?.simulator === "none" ? "whatif" : "scenarios";
}

export function draw() {
  drawPage();
  const tab = shown();
  for (const name of TABS) {
    const button = byId(`tab-${name}`);
    button.setAttribute("aria-selected", String(name === tab));
    button.tabIndex = name === tab ? 0 : -1;
    byId(`panel-${name}`).hidden = name !== tab;
  }
  if (bench) draws[tab](bench);
  else put(byId(`panel-${tab}`), failed && el("p", { class: "failed pad", role: "alert" }, failed));
}

async function look() {
  try {
    bench = await get("/api/bench");
    failed = "";
  } catch (error) {
    failed = error.message;
  }
  draw();
}

function startTabs() {
  for (const name of TABS) {
    byId(`tab-${name}`).addEventListener("click", () => {
      choose({ tab: name });
      draw();
    });
    byId(`tab-${name}`).addEventListener("keydown", (event) => {
      const way = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!way) return;
      const next = TABS[(TABS.indexOf(name) + way + TABS.length) % TABS.length];
      choose({ tab: next });
      draw();
      byId(`tab-${next}`).focus();
    });
  }
}

await startPage();
startTabs();
startScenarios(look);
startWhatIf(draw);
startRhythms(draw);
await look();
bus.addEventListener("language", look);
for (const name of ["change", "link"]) bus.addEventListener(name, drawPage);
setInterval(() => !document.hidden && state.link !== "lost" && shown() === "scenarios" && look(), LOOK_MS);
keepUp();
