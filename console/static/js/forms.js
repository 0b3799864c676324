// Dialogs in which something is done with a device. While one is open the page does not begin again.

import { ApiFailure, post } from "./api.js";
import { el, put } from "./dom.js";
import { t, word } from "./i18n.js";
import { state } from "./state.js";

/** Open a dialog; `close` is called when it is closed. */
export function openDialog(title, kind = "") {
  const body = el("div", {});
  const dialog = el("dialog", { class: `device-form ${kind}`.trim(), "aria-label": title }, el("h2", {}, title), body);
  state.busy = true;
  dialog.addEventListener("close", () => {
    dialog.remove();
    state.busy = document.querySelector("dialog.device-form") !== null;
    if (state.stale && !state.busy) location.reload();
  });
  document.body.append(dialog);
  dialog.showModal();
  return { dialog, body };
}

export const field = (label, input, hint = "") => el("label", {}, label, input, hint && el("small", {}, hint));
export const check = (label, input) => el("label", { class: "check" }, input, el("span", {}, label));
export const choice = (name, options, chosen) => el("select", { name }, options.map(([value, text]) => el("option", { value, selected: value === chosen }, text)));
export const types = () => ["camera", "gate", "noise", "smoke", "heat", "water", "door", "manhole", "environment"].map((one) => [one, word("type", one)]);

/**
 * Ask for something and send it.
 *
 * `fields` are nodes with named inputs; `read(form)` returns what is sent, `done(answer, body, dialog)` shows what came of it.
 */
export function ask({ title, hint, fields, path, read, done, go, danger = false }) {
  const { dialog, body } = openDialog(title);
  const failed = el("p", { class: "failed", role: "alert", hidden: true });
  const send = el("button", { type: "submit", class: danger ? "danger" : "main" }, go ?? title);
  const form = el(
    "form",
    {
      onsubmit: async (event) => {
        event.preventDefault();
        send.disabled = true;
        failed.hidden = true;
        try {
          const answer = await post(path, read(new FormData(form)));
          put(body);
          done(answer, body, dialog);
        } catch (failure) {
          if (!(failure instanceof ApiFailure)) throw failure;
          failed.hidden = false;
          failed.textContent = failure.message || t("error-unreachable");
        } finally {
          send.disabled = false;
        }
      },
    },
    hint && el("p", { class: "muted" }, hint),
    fields.flat(),
    failed,
    el("div", { class: "actions" }, send, el("button", { type: "button", onclick: () => dialog.close() }, t("cancel"))),
  );
  put(body, form);
  form.querySelector("input:not([type=checkbox]), select")?.focus();
}

/** Say what came of it, and close. */
export function say(body, dialog, ...lines) {
  put(body, lines.filter(Boolean).map((line) => el("p", {}, line)), el("div", { class: "actions" }, el("button", { type: "button", class: "main", onclick: () => dialog.close() }, t("registry-close"))));
  body.querySelector("button").focus();
}

const text = (form, name) => String(form.get(name) ?? "").trim();

/** Return where a device is, as the API takes it. Empty fields are left out. */
export function place(form) {
  const [lon, lat, beat] = ["lon", "lat", "beat"].map((name) => text(form, name));
  return { ...(beat && { beat }), ...(lon && { lon: Number(lon) }), ...(lat && { lat: Number(lat) }) };
}

export const names = (form) => ({ name: { en: text(form, "en"), "zh-CN": text(form, "zh") } });

/** Return the inputs for where a device is. */
export function placeFields({ lon = "", lat = "", beat = "" }, beats, pick) {
  const degrees = (name, value) => el("input", { name, type: "number", step: "any", value, inputmode: "decimal" });
  return [
    el("div", { class: "pair" }, field(t("registry-lon"), degrees("lon", lon)), field(t("registry-lat"), degrees("lat", lat))),
    field(t("registry-beat"), choice("beat", [["", t("registry-by_position")], ...[...beats.values()].map((one) => [one.id, pick(one.name) || one.id])], beat), t("registry-place_hint")),
  ];
}

export function nameFields(name = {}) {
  const input = (label, value) => el("input", { name: label, type: "text", maxlength: 120, value: value ?? "" });
  return el("div", { class: "pair" }, field(t("registry-name_en"), input("en", name.en)), field(t("registry-name_zh"), input("zh", name["zh-CN"])));
}
