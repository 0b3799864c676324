// What is asked before a command is sent: who somebody is, how it ended and why it was a false alarm.

import { el } from "./dom.js";
import { recall, remember, t, word } from "./i18n.js";
import { emit, state } from "./state.js";

export const FALSE_ALARMS = ["nothing", "ordinary", "weather", "animal", "works", "device"];
const ENDS = ["handled", "passed"];
const OFFICER = "patrolgrid.officer";

/** Take the name that somebody gave at this browser before, where the site has no accounts. */
export function recallOfficer() {
  state.officer = recall(OFFICER) ?? "";
}

/** Keep an officer's name; tell whether there is one. */
export function setOfficer(name) {
  state.officer = name.replace(/\s+/g, " ").trim().slice(0, 64);
  remember(OFFICER, state.officer);
  emit("officer");
  return state.officer !== "";
}

const actions = (label, cancel) =>
  el(
    "div",
    { class: "actions" },
    el("button", { type: "button", "data-focus": "cancel", onclick: cancel }, t("cancel")),
    el("button", { type: "submit", class: "main", "data-focus": "submit" }, label),
  );

const chip = (name, label, pressed, onclick) => el("button", { type: "button", class: "chip", "data-focus": name, "aria-pressed": String(pressed), onclick }, label);

/** Ask for a name, where the site has no accounts. */
export function nameForm(label, done, cancel) {
  const input = el("input", { name: "officer", maxlength: 64, autocomplete: "name", required: true, "data-focus": "input", "aria-label": t("officer-ask") });
  const submit = (event) => {
    event.preventDefault();
    if (setOfficer(input.value)) done();
    else input.focus();
  };
  return el("form", { class: "form", onsubmit: submit }, el("label", {}, t("officer-ask"), input), el("p", { class: "hint" }, t("officer-hint")), actions(label, cancel));
}

/** Ask how it ended. `done({note, reason})`; of a false alarm the reason must be said. */
export function clearForm(label, done, cancel) {
  let reason = "";
  let wrong = false;
  const input = el("input", { name: "note", maxlength: 280, "data-focus": "input", "aria-label": t("clear-note"), placeholder: t("clear-note") });
  const first = el("div", { class: "chips" });
  const second = el("div", { class: "chips", role: "group", "aria-label": t("clear-why") });
  const draw = () => {
    const ends = ENDS.map((one) => chip(one, t(`clear-${one}`), !wrong && input.value === t(`clear-${one}`), () => end(t(`clear-${one}`))));
    first.replaceChildren(...ends, chip("false", t("clear-false"), wrong, () => end("", true)));
    second.hidden = !wrong;
    second.replaceChildren(...FALSE_ALARMS.map((one) => chip(`false-${one}`, word("reason", one), reason === one, () => why(one))));
  };
  const end = (note, isWrong = false) => {
    if (note || ENDS.some((one) => input.value === t(`clear-${one}`))) input.value = note;
    [wrong, reason] = [isWrong, ""];
    draw();
    (wrong ? second.firstChild : input).focus();
  };
  const why = (one) => {
    reason = one;
    draw();
    second.querySelector(`[data-focus="false-${one}"]`).focus();
  };
  const submit = (event) => {
    event.preventDefault();
    if (wrong && !reason) return second.firstChild.focus();
    return done({ note: input.value, reason });
  };
  draw();
  return el("form", { class: "form", onsubmit: submit }, el("p", { class: "ask" }, t("clear-ask")), first, second, input, actions(label, cancel));
}
