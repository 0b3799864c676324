// The page on which the map is drawn: what is selected, imports, the picture below, who changed what; and the draft.

import { get, post } from "./api.js";
import { importPanel, leavePairs, picturePanel, startBringing } from "./bring.js";
import * as draft from "./draft.js";
import { byId, el, put, say } from "./dom.js";
import { beginSketch, bring, choice, cornersOf, drawing, endSketch, markFindings, middle, redraw, removeCorner, select, startDrawing } from "./draw.js";
import { featureForm, keepAddress, selectNamed } from "./features.js";
import { pick, t, when } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { bus, state } from "./state.js";

const TRY_MS = 350;
const PAGE = 50;
const TABS = ["feature", "import", "picture", "changes"];

let tab = "feature";
let unwritable = "";
let findings = [];
let tried = 0;
let said = null; // {text, bad} below the draft
let both = []; // what somebody else and the draft have changed
let news = []; // changes of the places, the newest first
let whole = false; // whether the oldest change is shown
let working = false;
let showing = false;

const read = () => get("/api/places");
const failure = (error) => ({ text: error.message || t("error-unreachable"), bad: true });

/** Look what the draft would be: what is wrong or odd, what somebody else has changed. */
async function look() {
  const turn = ++tried;
  const patches = draft.patches();
  try {
    const answer = patches.length ? await post("/api/places/try", { base: draft.version(), patches }) : await read();
    if (turn !== tried) return;
    findings = answer.findings;
    if (answer.others?.length && !both.length) await meet();
  } catch (error) {
    if (turn !== tried) return;
    findings = [{ wrong: true, text: failure(error).text, keys: [], at: null }];
  }
  markFindings(findings);
  drawDraft();
}

let waiting = 0;
function changed() {
  said = null;
  clearTimeout(waiting);
  waiting = setTimeout(look, TRY_MS);
  drawTools();
  setTimeout(drawTab); // when it is known which field somebody has gone on to
  drawDraft();
}

/** Go on from what somebody else has saved meanwhile. */
async function meet() {
  const answer = await read();
  unwritable = answer.unwritable;
  if (answer.version === draft.version()) return;
  const mine = draft.patches().length > 0;
  both = draft.rebase(answer);
  if (mine || both.length) said = both.length ? null : { text: t("places-met") };
}

async function save() {
  if (working) return;
  working = true;
  drawDraft();
  try {
    const done = await post("/api/places", { base: draft.version(), patches: draft.patches(), file: draft.source(), by: state.me?.person ? "" : state.officer });
    const kept = choice.uid;
    draft.begin(await read());
    if (kept !== null && draft.feature(kept)) select(kept);
    both = [];
    const accounts = done.accounts.length ? ` ${t("places-accounts", { n: done.accounts.length })}` : "";
    said = { text: t("places-saved", { number: done.change }) + accounts + (done.trouble ? ` ${done.trouble}` : ""), bad: Boolean(done.trouble) };
    await readChanges();
  } catch (error) {
    said = failure(error);
    if (error.error === "places_changed") await meet().catch(() => {});
  }
  working = false;
  drawDraft();
}

async function discard() {
  draft.begin(await read());
  both = [];
  said = null;
  drawDraft();
}

function finding({ wrong, text, keys, at }) {
  const show = () => {
    const [uid] = keys.map(([kind, id]) => draft.find(kind, id)).filter((one) => one !== null);
    if (uid !== undefined) select(uid, { look: !at });
    if (at) bring([at]);
  };
  const can = at || keys.length;
  return el("li", { class: wrong ? "wrong" : "odd" }, el("span", { class: "finding-kind" }, wrong ? t("places-wrong") : t("places-odd")), can ? el("button", { type: "button", class: "row-plain", onclick: show }, text) : el("span", {}, text));
}

function conflict({ uid, theirs, mine }) {
  const one = theirs ?? mine;
  const settle = (takes) => () => {
    both = both.filter((other) => other.uid !== uid);
    if (takes) draft.takeTheirs(uid);
    drawDraft();
  };
  return el(
    "li",
    { class: "wrong" },
    el("span", {}, t("places-both", { name: pick(one.properties.name) || one.properties.id })),
    el("span", { class: "pair" }, el("button", { type: "button", onclick: settle(true) }, t("places-theirs")), el("button", { type: "button", onclick: settle(false) }, t("places-mine"))),
  );
}

// What is pressed stays the same node: a click that begins while a field is left must not end on another.
const parts = { notes: el("div"), count: el("span"), discard: el("button", { type: "button", onclick: discard }), save: el("button", { type: "button", class: "main", id: "save", onclick: save }) };

function drawDraft() {
  const count = draft.changes().length;
  const wrong = findings.some((one) => one.wrong);
  const open = parts.notes.querySelector("details")?.open ?? false;
  if (!parts.save.isConnected) put(byId("draft"), parts.notes, el("div", { class: "draft-line" }, parts.count, parts.discard, parts.save));
  put(
    parts.notes,
    unwritable && el("p", { class: "failed", role: "alert" }, t("places-unwritable", { why: unwritable })),
    both.length > 0 && el("ul", { class: "findings", role: "alert" }, both.map(conflict)),
    findings.length > 0 && el("details", { open: open || (wrong && count > 0) }, el("summary", {}, wrong ? t("places-wrong_count", { n: findings.filter((one) => one.wrong).length }) : t("places-odd_count", { n: findings.length })), el("ul", { class: "findings" }, findings.slice(0, 100).map(finding))),
    said && el("p", { class: said.bad ? "failed" : "good", role: "status" }, said.text),
  );
  parts.count.className = count ? "bad" : "muted";
  say(parts.count, count ? t("places-unsaved", { n: count }) : t("places-no_changes"));
  say(parts.discard, t("places-discard"));
  parts.discard.hidden = !count;
  say(parts.save, t("places-save"));
  parts.save.disabled = !count || wrong || working || both.length > 0 || Boolean(unwritable);
}

async function readChanges(before = 0) {
  const { changes } = await get(`/api/places/changes?limit=${PAGE}${before ? `&before=${before}` : ""}`);
  news = before ? [...news, ...changes] : changes;
  whole = changes.length < PAGE;
  if (tab === "changes") drawTab();
}

async function takeBack(number) {
  try {
    const done = await post(`/api/places/changes/${number}/undo`, { by: state.me?.person ? "" : state.officer });
    both = draft.rebase(await read());
    said = { text: t("places-taken_back", { number, by: done.change }) + (done.trouble ? ` ${done.trouble}` : ""), bad: Boolean(done.trouble) };
    await readChanges();
  } catch (error) {
    said = failure(error);
  }
  drawDraft();
}

async function show(number) {
  const { patches } = await get(`/api/places/changes/${number}`);
  const points = patches.flatMap(({ before, after }) => [before, after].filter((one) => one?.geometry).flatMap(cornersOf));
  bring(points);
  const uid = patches.map(({ after }) => after && draft.find(after.properties?.kind, after.properties?.id)).find((one) => one !== null && one !== undefined);
  if (uid !== undefined) {
    showing = true; // what it is about is seen on the map, and the list of changes stays
    select(uid);
    showing = false;
  }
}

function changesPanel() {
  const undone = new Set(news.filter((one) => one.undoes && !news.some((later) => later.undoes === one.number)).map((one) => one.undoes));
  const row = (one) =>
    el(
      "li",
      { "data-row": true, "data-change": one.number },
      el("p", {}, el("strong", {}, one.text)),
      el("p", { class: "muted" }, `${one.number} · ${when(one.at_ms, Date.now())} · ${one.name || t("places-by_hand")}`),
      el("div", { class: "pair" }, el("button", { type: "button", onclick: () => show(one.number) }, t("places-show")), undone.has(one.number) ? el("span", { class: "muted" }, t("places-is_undone")) : el("button", { type: "button", disabled: Boolean(unwritable), onclick: () => takeBack(one.number) }, t("places-undo_change"))),
    );
  return el(
    "div",
    { class: "form" },
    el("p", { class: "muted" }, t("places-changes_help")),
    news.length ? el("ol", { class: "changes" }, news.map(row)) : el("p", { class: "muted" }, t("places-no_news")),
    !whole && news.length > 0 && el("button", { type: "button", onclick: () => readChanges(news[news.length - 1].number) }, t("places-older")),
  );
}

const PANELS = { feature: featureForm, import: importPanel, picture: picturePanel, changes: changesPanel };

/** Draw the panel; what somebody is just typing in stays as it is. */
function drawTab() {
  const box = byId("tab");
  const typing = box.contains(document.activeElement) && ["INPUT", "TEXTAREA"].includes(document.activeElement.tagName) && !["checkbox", "file"].includes(document.activeElement.type);
  const same = box.dataset.shown === `${tab}|${choice.uid}|${document.documentElement.lang}`;
  if (typing && same) return;
  const top = same ? box.scrollTop : 0;
  box.dataset.shown = `${tab}|${choice.uid}|${document.documentElement.lang}`;
  put(box, PANELS[tab]());
  box.scrollTop = top;
}

function drawTabs() {
  const choose = (name) => () => {
    tab = name;
    choice.picture = name === "picture";
    if (name !== "picture") leavePairs();
    if (name === "changes") readChanges().catch((error) => ((said = failure(error)), drawDraft()));
    drawTabs();
    drawTab();
    redraw();
  };
  const keys = (event) => {
    const way = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!way) return;
    choose(TABS[(TABS.indexOf(tab) + way + TABS.length) % TABS.length])();
    byId("tabs").querySelector("[aria-selected=true]").focus();
  };
  put(byId("tabs"), TABS.map((name) => el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "tab", "aria-selected": String(tab === name), tabindex: tab === name ? 0 : -1, onclick: choose(name), onkeydown: keys }, t(`places-tab_${name}`))));
  byId("tab").setAttribute("aria-labelledby", `tab-${tab}`);
}

const begin = (kind) => (event) => (choice.kind === kind ? endSketch() : beginSketch(kind, { keyboard: event.detail === 0 }));
const tools = {
  ...Object.fromEntries(["beat", "street", "landmark"].map((kind) => [kind, el("button", { type: "button", class: "tool", "data-draw": kind, onclick: begin(kind) })])),
  device: el("a", { class: "tool" }),
  gap: el("span", { class: "gap" }),
  undo: el("button", { type: "button", class: "tool icon-only", onclick: draft.undo }, "↶"),
  redo: el("button", { type: "button", class: "tool icon-only", onclick: draft.redo }, "↷"),
};

function drawTools() {
  const { undo, redo, ...others } = tools;
  if (!undo.isConnected) put(byId("draw-tools"), Object.values(others), el("span", { class: "steps" }, undo, redo));
  for (const kind of ["beat", "street", "landmark", "device"]) say(tools[kind], `+ ${t(`places-kind_${kind}`)}`);
  for (const kind of ["beat", "street", "landmark"]) tools[kind].setAttribute("aria-pressed", String(choice.kind === kind));
  const one = choice.uid === null ? null : draft.feature(choice.uid);
  const [lon, lat] = one && one.properties.kind !== "beat" ? cornersOf(one)[0] : middle();
  tools.device.href = `/devices?at=${lon},${lat}`;
  for (const [name, can] of [["undo", draft.canUndo()], ["redo", draft.canRedo()]]) {
    tools[name].disabled = !can;
    tools[name].title = name === "undo" ? t("places-undo") : t("places-redo");
    tools[name].setAttribute("aria-label", tools[name].title);
  }
}

function keys(event) {
  if (["INPUT", "TEXTAREA", "SELECT"].includes(event.target.tagName) || document.querySelector("dialog[open]")) return;
  const control = event.ctrlKey || event.metaKey;
  if (control && event.key.toLowerCase() === "z") (event.shiftKey ? draft.redo : draft.undo)();
  else if (control && event.key.toLowerCase() === "y") draft.redo();
  else if (event.key === "Delete" && choice.corner !== null) removeCorner();
  else if (event.key === "Escape" && !choice.kind && choice.uid !== null) select(null);
  else return;
  event.preventDefault();
}

function drawAll() {
  document.title = `${t("page-places")} · ${pick(state.site?.name) || "PatrolGrid"}`;
  drawPage();
  drawTabs();
  drawTools();
  box();
  drawDraft();
}

const box = () => ((byId("tab").dataset.shown = ""), drawTab());

async function start() {
  await startPage();
  state.busy = true; // what others change is met here, without a new page
  let answer = null;
  try {
    answer = await read();
  } catch (error) {
    said = failure(error);
  }
  if (answer) {
    ({ unwritable, findings } = answer);
    draft.begin(answer);
    startDrawing();
    markFindings(findings);
    startBringing();
    selectNamed();
    draft.draft.addEventListener("change", changed);
    drawing.addEventListener("choice", () => {
      if (choice.uid !== null && !showing) tab = "feature";
      choice.picture = tab === "picture";
      drawTabs();
      drawTab();
      drawTools();
      keepAddress();
    });
    drawing.addEventListener("sketch", drawTools);
    drawing.addEventListener("panel", box);
    document.addEventListener("keydown", keys);
    byId("tab").addEventListener("focusout", () => setTimeout(drawTab));
    await readChanges().catch(() => {});
  }
  let seen = state.site.places;
  bus.addEventListener("change", () => {
    drawPage();
    const places = state.overview?.places;
    if (!places || places === seen) return;
    seen = state.site.places = places;
    meet().then(drawDraft, () => {});
  });
  bus.addEventListener("link", drawPage);
  bus.addEventListener("language", () => {
    redraw();
    drawAll();
    look();
    readChanges().catch(() => {});
  });
  addEventListener("beforeunload", (event) => draft.patches().length && event.preventDefault());
  drawAll();
  keepUp();
}

start();
