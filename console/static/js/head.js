// The head of every page: name, clock, trust, what the page adds, the menu, who has signed in, languages; and the banners.

import { byId, el, put } from "./dom.js";
import { t, word } from "./i18n.js";
import { line } from "./icons.js";
import { startKeys } from "./keys.js";
import { bus, state } from "./state.js";

/** Build the head at the top of the page. What stands in the page's `<template id="own-tools">` goes into it. */
export function buildHead() {
  if (document.querySelector(".bar")) return; // a phone's page has a smaller one of its own
  const own = byId("own-tools")?.content.children ?? [];
  const [beside, tools] = [[], []];
  for (const node of [...own]) (node.dataset.beside === undefined ? tools : beside).push(node);
  const simulated = el("span", { id: "simulated", class: "tag", hidden: true });
  document.body.prepend(
    el("a", { class: "skip", href: `#${document.querySelector("main").dataset.skip ?? document.querySelector("main").id}`, "data-i18n": "skip-to" }),
    el(
      "header",
      { class: "bar" },
      el("div", { class: "brand" }, el("img", { src: "/static/icon.svg", alt: "", width: 32, height: 32 }), el("h1", { id: "site-name" }, "PatrolGrid")),
      el("div", { class: "clock" }, el("time", { id: "clock", "data-i18n-label": "clock-label" }, "--:--:--"), el("span", { class: "clock-side" }, el("span", { id: "date" }), simulated)),
      el("div", { id: "link", class: "link", "data-state": "connecting" }, el("span", { class: "link-mark", "aria-hidden": "true" }), el("span", { id: "link-text", role: "status" })),
      ...beside,
      el("div", { class: "tools" }, ...tools, el("details", { id: "pages", class: "person" }), el("details", { id: "person", class: "person", hidden: true }), el("div", { id: "languages", class: "languages", role: "group", "data-i18n-label": "language-label" })),
    ),
    el("div", { id: "stale", class: "stale", role: "alert", hidden: true }),
    el("div", { id: "session", class: "stale", "data-kind": "waiting", role: "status", hidden: true }),
    el("div", { id: "problems", role: "status" }),
  );
}

export const pageTitle = (path) => word("page", path.slice(1) || "board");

function drawMenu() {
  const theme = document.documentElement.dataset.theme;
  const choose = (name) => () => {
    window.patrolgridTheme.choose(name);
    drawMenu();
  };
  const links = (state.me?.menu ?? []).map((path, index) =>
    el("a", { class: "tool", href: path, "aria-current": location.pathname === path ? "page" : null, "data-page": index + 1 }, pageTitle(path)),
  );
  put(
    byId("pages"),
    el("summary", { class: "tool", "aria-label": t("menu") }, line("menu"), el("span", {}, t("menu"))),
    el(
      "nav",
      { class: "menu", "aria-label": t("menu") },
      links,
      el("div", { class: "theme", role: "group", "aria-label": t("theme") }, ["dark", "light"].map((name) => el("button", { type: "button", class: "chip", "aria-pressed": String(theme === name), onclick: choose(name) }, word("theme", name)))),
      el("button", { type: "button", onclick: () => keys.help() }, t("keys")),
    ),
  );
}

let keys = null;

/** Fill the menu, and begin to listen to keys. Call it when it is known who looks. */
export function startHead() {
  keys = startKeys();
  if (byId("pages")) {
    drawMenu();
    bus.addEventListener("language", drawMenu);
  }
  const boxes = () => [...document.querySelectorAll("details.person")];
  document.addEventListener("pointerdown", (event) => {
    for (const box of boxes()) if (!box.contains(event.target)) box.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const box of boxes().filter((one) => one.open)) {
      box.open = false;
      box.querySelector("summary").focus();
    }
  });
}
