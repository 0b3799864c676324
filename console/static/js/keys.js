// The keyboard: single keys beside Tab and Enter, where nobody is typing. They can be switched off (WCAG 2.1, 2.1.4).

import { byId, el } from "./dom.js";
import { recall, remember, t, word } from "./i18n.js";

const KEY = "patrolgrid.keys";
const DIALOG = "keys-help";
const ROWS = "[data-row], .card, .row-button";
const NAMES = { m: "menu", "/": "search", j: "next", k: "previous", p: "print", "?": "help" };

const typing = (node) => node instanceof HTMLElement && (node.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(node.tagName));
const on = () => recall(KEY) !== "off";

/** Go to the next or the one before of what is listed on the page. */
function step(way) {
  const rows = [...document.querySelectorAll(ROWS)].filter((row) => row.getClientRects().length);
  if (!rows.length) return;
  const here = rows.findIndex((row) => row.contains(document.activeElement));
  const row = rows[here < 0 ? (way > 0 ? 0 : rows.length - 1) : Math.min(Math.max(here + way, 0), rows.length - 1)];
  const target = row.matches("a, button, [tabindex]") ? row : row.querySelector("a, button, [tabindex]");
  if (!target) return;
  target.focus();
  row.scrollIntoView({ block: "nearest" });
}

function help() {
  byId(DIALOG)?.remove();
  const toggle = el("input", { type: "checkbox", checked: on(), onchange: (event) => remember(KEY, event.target.checked ? "on" : "off") });
  const rows = Object.entries(NAMES).map(([key, name]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, word("keys", name))]);
  const numbers = [el("dt", {}, el("kbd", {}, "1"), "–", el("kbd", {}, "9")), el("dd", {}, t("keys-page"))];
  const dialog = el("dialog", { id: DIALOG, class: "phones keys", "aria-label": t("keys"), onclose: () => dialog.remove() }, el("h2", {}, t("keys")), el("dl", {}, ...rows, numbers), el("label", { class: "switch" }, toggle, t("keys-on")), el("form", { method: "dialog" }, el("button", {}, t("keys-close"))));
  document.body.append(dialog);
  dialog.showModal();
}

function press(key) {
  if (key === "?") return help();
  if (key === "m") {
    const menu = byId("pages");
    if (!menu) return undefined;
    menu.open = !menu.open;
    return menu.querySelector(menu.open ? "nav a, nav button" : "summary")?.focus();
  }
  if (key === "/") return document.querySelector("input[type=search]")?.focus();
  if (key === "j" || key === "k") return step(key === "j" ? 1 : -1);
  if (key === "p") return print();
  return document.querySelector(`[data-page="${key}"]`)?.click();
}

/** Begin to listen to the page's keys; returns what shows them. */
export function startKeys() {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented || typing(event.target) || !on()) return;
    if (document.querySelector("dialog[open]") || !(event.key in NAMES || /^[1-9]$/.test(event.key))) return;
    event.preventDefault();
    press(event.key);
  });
  return { help };
}
