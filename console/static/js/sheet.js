// A technician's page on the screen: it holds a secret, is shown once, printed or saved, and kept nowhere.

import { el, put } from "./dom.js";
import { t } from "./i18n.js";
import { ask, check, field } from "./forms.js";

const HOURS = 168;

/** Show a page in a root of its own, so that its style is its alone. */
function paper(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const style = new CSSStyleSheet();
  style.replaceSync([...parsed.querySelectorAll("style")].map((one) => one.textContent).join("\n").replace("body {", ":host {"));
  const host = el("div", { class: "sheet-paper" });
  const root = host.attachShadow({ mode: "open" });
  if (root.adoptedStyleSheets) root.adoptedStyleSheets = [style];
  root.append(...parsed.body.childNodes);
  return host;
}

function show(answer, body, dialog, id) {
  dialog.classList.add("wide");
  document.body.classList.add("prints-sheet");
  dialog.addEventListener("close", () => document.body.classList.remove("prints-sheet"));
  const file = URL.createObjectURL(new Blob([answer.page], { type: "text/html" }));
  dialog.addEventListener("close", () => URL.revokeObjectURL(file));
  put(
    body,
    el("p", {}, answer.code ? t("registry-code_once", { code: answer.code, until: answer.until }) : t("registry-account_once")),
    el("div", { class: "actions" }, el("button", { type: "button", class: "main", onclick: () => print() }, t("registry-print")), el("a", { class: "button", href: file, download: `${id}.sheet.html` }, t("registry-save")), el("button", { type: "button", onclick: () => dialog.close() }, t("registry-close"))),
  );
  dialog.append(paper(answer.page));
}

/** Ask for what is to stand on a device's page, make it and show it; `closed` is called afterwards. */
export function askSheet(id, closed = () => {}) {
  ask({
    title: t("registry-sheet"),
    hint: t("registry-sheet_hint"),
    path: `/api/registry/${encodeURIComponent(id)}/sheet`,
    go: t("registry-sheet_make"),
    fields: [field(t("registry-hours"), el("input", { name: "hours", type: "number", min: 1, max: 2160, value: HOURS })), check(t("registry-with_account"), el("input", { name: "account", type: "checkbox" }))],
    read: (form) => ({ hours: Number(form.get("hours")) || HOURS, account: form.get("account") === "on" }),
    done: (answer, body, dialog) => {
      dialog.addEventListener("close", closed);
      show(answer, body, dialog, id);
    },
  });
}
