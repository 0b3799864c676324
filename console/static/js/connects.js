// How a device connects: topic, account, doors of the broker, what it speaks, and lines to copy. No secret stands in it.

import { el } from "./dom.js";
import { t, when, word } from "./i18n.js";

function copyable(text) {
  const button = el("button", { type: "button", class: "chip" }, t("connects-copy"));
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = t("connects-copied");
    } catch {
      const range = document.createRange(); // a page without TLS may not use the clipboard: it is marked to be copied
      range.selectNodeContents(button.closest(".line").querySelector("pre"));
      getSelection().removeAllRanges();
      getSelection().addRange(range);
    }
  });
  return button;
}

const block = (title, text) => el("div", { class: "line" }, el("header", {}, el("strong", {}, title), copyable(text)), el("pre", { tabindex: 0 }, text));

function bindingOf(one) {
  const { codec, match, part, ...more } = one;
  const said = Object.entries(more).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`);
  return el("li", {}, el("strong", {}, codec), " ", el("span", { class: "mono" }, [match, part].filter(Boolean).join(" ")), said.length > 0 && el("small", { class: "muted" }, ` ${said.join(", ")}`));
}

/** Return the view of what `/api/registry/{id}` says. */
export function connectsView(way) {
  const row = (name, ...value) => [el("dt", {}, t(name)), el("dd", {}, ...value)];
  const mono = (text) => el("span", { class: "mono" }, text);
  const doors = way.doors.map((one) => el("div", {}, mono(`${one.host}:${one.port}`), " ", [one.tls ? "TLS" : t("connects-plain"), one.certificates ? word("by", "certificate") : way.accounts !== "none" ? word("by", "password") : ""].filter(Boolean).join(" · ")));
  const account = way.accounts !== "here" ? word("accounts", way.accounts) : way.row.connects.length ? way.row.connects.map((one) => word("by", one)).join(" + ") : t("registry-no_way");
  return el(
    "div",
    { class: "heard" },
    el(
      "dl",
      { class: "facts-list" },
      row("connects-topic", mono(way.topic)),
      row("connects-account", way.accounts !== "none" && mono(way.id), way.accounts !== "none" && " · ", account),
      way.row.days !== null && row("connects-certificate", t("registry-days", { n: way.row.days })),
      way.row.code_until_ms > 0 && row("connects-code", t("registry-code_out", { time: when(way.row.code_until_ms, Date.now()) })),
      way.password_file && row("connects-password_file", mono(way.password_file)),
      row("connects-broker", ...doors),
      way.fingerprint && row("connects-fingerprint", mono(way.fingerprint)),
    ),
    way.bindings.length > 0 && el("div", {}, el("h3", {}, t("connects-bindings")), el("ul", { class: "bindings" }, way.bindings.map(bindingOf))),
    block(t("connects-message"), way.message),
    way.lines.map((one) => block(t(`connects-line_${one.what}`), one.text)),
    el("p", { class: "muted" }, t(way.accounts === "none" ? "connects-no_secret" : "connects-secret")),
  );
}
