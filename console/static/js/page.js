// What every page begins with: the site, its languages, the clock, how far the page can be believed, and the changes.

import { checkLink, get, here, listen, post } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { buildHead, startHead } from "./head.js";
import { line, sign } from "./icons.js";
import { currentLanguage, day, firstLanguage, minutes, named, pick, seconds, setLanguage, setZone, span, t, when, word } from "./i18n.js";
import { showLinks } from "./links.js";
import { emit, may, siteNow, state } from "./state.js";

const SOON_MS = 1_800_000; // before a session ends, somebody should sign in anew

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
  const begins = ["waiting", "unheard"].includes(kind); // nothing is wrong yet, and nothing is known
  const bar = byId("stale");
  document.body.dataset.trust = kind === "live" ? "live" : loud ? "stale" : "connecting";
  byId("link").dataset.state = kind === "live" ? "live" : loud && !begins ? "stale" : "connecting";
  const parts = (fresh.parts ?? []).map((name) => word("part", name)).join(t("list-comma"));
  const values = { parts, time: since ? when(since, siteNow()) : "—", span: since ? span(siteNow() - since) : "—", behind: span((fresh.behind_s ?? 0) * 1000) };
  say(byId("link-text"), kind === "live" ? t("link-live") : kind === "connecting" ? t("link-connecting") : since ? t("link-stale", values) : t(`link-${kind}`));
  bar.dataset.kind = begins ? "begins" : kind;
  const text = loud ? t(`stale-${kind}`, values) : "";
  if (bar.dataset.text !== text) {
    bar.dataset.text = text;
    put(bar, loud && sign(begins ? "unknown" : kind === "catching_up" ? "warning" : "critical"), loud && el("span", {}, text, el("small", {}, t(kind === "node_silent" && fresh.alone ? "node-alone" : `todo-${kind}`))));
  }
  bar.hidden = !loud;
  drawProblems();
}

/** Return what is wrong with a file in the page's language; a node's last words, with the store away, are English. */
const inMyLanguage = ({ problem, told }) => ({ problem: pick(told) || problem });

/** Say what else is wrong, each in a bar of its own, where the page has room for it. */
function drawProblems() {
  const box = byId("problems");
  const { status, delivery } = state.overview ?? {};
  const damaged = status?.damaged ?? [];
  const told = {
    delivery: delivery && !["ok", "none"].includes(delivery.state) && t(`delivery-${delivery.state}`, { time: when(delivery.since_ms, siteNow()), channels: delivery.channels.map((one) => word("channel", one)).join(t("list-comma")) }),
    places: status?.places?.problem && t("places-problem", inMyLanguage(status.places)),
    calendar: status?.calendar?.problem && t("calendar-problem", inMyLanguage(status.calendar)),
    damaged: damaged.length > 0 && t("damaged", { files: [...new Set(damaged.map((one) => one.file))].join(t("list-comma")), count: damaged.length }),
  };
  const look = JSON.stringify(told);
  if (!box || box.dataset.look === look) return;
  box.dataset.look = look;
  put(box, Object.entries(told).filter(([, text]) => text).map(([name, text]) => el("div", { class: "stale", "data-kind": name === "delivery" ? "delivery" : "waiting", "data-problem": name }, name === "delivery" && sign("critical"), el("span", {}, text))));
}

function drawLanguage() {
  for (const button of document.querySelectorAll("[data-language]")) button.setAttribute("aria-pressed", String(button.dataset.language === currentLanguage()));
  say(byId("site-name"), pick(state.site?.name) || "PatrolGrid");
}

/** Show who has signed in, what they may see, and the way out. Where there are no accounts nobody has. */
function drawPerson() {
  const { person, purpose, ends_ms: ends } = state.me;
  if (!person) return;
  const out = async () => {
    await post("/api/sign-out", {}).catch(() => {});
    location.assign("/signin");
  };
  put(
    byId("person"),
    el("summary", { class: "tool", title: t("person-signed_in") }, line("person"), el("span", {}, named(person.name))),
    el(
      "div",
      { class: "menu" },
      el("strong", {}, named(person.name)),
      el("span", { class: "muted" }, `${word("role", person.role)} · ${person.id}`),
      el("span", { class: "muted" }, t("person-until", { time: when(ends, ends - state.me.left_ms) })),
      person.officer && may("did") && location.pathname !== "/patrol" && el("a", { class: "tool", href: "/patrol" }, t("patrol-page")),
      location.pathname === "/patrol" && el("a", { class: "tool", href: "/" }, t("page-board")),
      may("links") && el("button", { type: "button", onclick: showLinks }, t("patrol-links")),
      !purpose && el("a", { class: "tool", href: "/password" }, t("person-password")),
      el("button", { type: "button", onclick: out }, t("person-sign_out")),
    ),
  );
  byId("person").hidden = false;
}

/** Remind somebody whose shift is over that it is to be handed over; tell whether it is. */
function drawShiftOver(bar) {
  const { shift } = state.me;
  if (!shift || siteNow() < shift.end_ms || location.pathname === "/shift") return false;
  bar.hidden = false;
  if (bar.dataset.lang === `over ${currentLanguage()}`) return true;
  bar.dataset.lang = `over ${currentLanguage()}`;
  const name = named(shift.name) || word("shiftname", shift.usual);
  put(bar, t("person-shift_over", { name, time: when(shift.end_ms, siteNow()) }), el("a", { href: "/shift#hand-over" }, t("person-hand_over")));
  return true;
}

/** Say that the session ends soon. When it has ended the server says so: this machine's clock may be any. */
function drawEnd() {
  const left = state.me.person ? state.me.left_ms - (performance.now() - state.me.heardAt) : Infinity;
  const bar = byId("session");
  if (left > SOON_MS && drawShiftOver(bar)) return;
  bar.hidden = left > SOON_MS || state.me.purpose !== null;
  if (!bar.hidden && bar.dataset.lang !== currentLanguage()) {
    bar.dataset.lang = currentLanguage();
    put(bar, t("person-ends", { time: minutes(state.me.ends_ms) }), el("a", { href: `/signin?again=1&next=${here()}` }, t("person-again")));
  }
}

async function ask(path) {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      return await get(path);
    } catch {
      say(byId("link-text"), t("link-connecting"));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

/** Load the site, set the language, and wire the language buttons. */
export async function startPage() {
  buildHead();
  await setLanguage(firstLanguage());
  state.me = { ...(await ask("/api/me")), heardAt: performance.now() };
  state.site = await ask("/api/site");
  state.officer = state.me.person?.name ?? "";
  for (const node of document.querySelectorAll("[data-right]")) node.hidden = !may(node.dataset.right);
  document.body.dataset.alerts = may("alerts") ? "shown" : "not-shown";
  setZone(state.site.timezone);
  for (const device of state.site.devices) state.devices.set(device.id, device);
  for (const beat of state.site.beats) state.beats.set(beat.id, beat);
  await setLanguage(firstLanguage(state.site));
  startHead();
  put(byId("languages"), Object.entries(state.site.languages).map(([language, name]) => {
    const choose = async () => {
      await setLanguage(language, { remembered: true });
      emit("language");
    };
    return el("button", { type: "button", class: "tool", "data-language": language, lang: language, onclick: choose }, name);
  }));
}

/** Draw the bar and the banners of a page. */
export function drawPage() {
  drawLanguage();
  if (byId("person").dataset.lang !== currentLanguage()) drawPerson();
  byId("person").dataset.lang = currentLanguage();
  drawClock();
  drawTrust();
}

/** Listen for changes for as long as the page is open, and say when they fail to come. */
export function keepUp() {
  listen();
  setInterval(() => {
    drawClock();
    drawTrust();
    drawEnd();
    checkLink();
  }, 1000);
  document.addEventListener("visibilitychange", () => !document.hidden && checkLink());
  // The browser's way back shows no page of somebody who has signed out.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
