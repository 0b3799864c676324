// What people say on the shift's page: a note, a hand-over, and that they have taken one.

import { ApiFailure, post } from "./api.js";
import { el, put, say } from "./dom.js";
import { currentLanguage, named, pick, recall, remember, t } from "./i18n.js";
import { kindTitle, state } from "./state.js";

const OFFICER = "patrolgrid.officer"; // as on the board: who works at this browser, where there are no accounts
const press = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** Without accounts people say who they are. */
function nameField() {
  if (state.me.accounts) return null;
  return el("label", {}, el("span", {}, t("shift-who")), el("input", { name: "by", maxlength: 64, required: true, autocomplete: "name", value: recall(OFFICER) ?? "" }));
}

/**
 * A form that sends what `content` makes of its fields. What was typed stays until the board has it, and a press that is
 * repeated because no answer came is the same press. Its words follow the page's language.
 */
function form(name, fields, buttons, send, sent) {
  const failed = el("p", { class: "failed", role: "alert", hidden: true });
  const said = el("p", { class: "done", role: "status" });
  let id = press();
  const node = el("form", { class: "says", "data-form": name, "data-lang": currentLanguage() }, fields, failed, said, el("div", { class: "buttons" }, buttons));
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(node));
    if (values.by) remember(OFFICER, values.by);
    for (const button of node.querySelectorAll("button")) button.disabled = true;
    failed.hidden = true;
    try {
      await send({ ...values, id }, event.submitter?.value ?? "");
      id = press();
      sent(node, said);
    } catch (failure) {
      if (!(failure instanceof ApiFailure)) throw failure;
      say(failed, failure.message || t("error-unreachable"));
      failed.hidden = false;
    }
    for (const button of node.querySelectorAll("button")) button.disabled = false;
  });
  return node;
}

/** The form of a note; `find` returns an alert by its id, for a note at one. */
export function noteForm(soon, find) {
  const about = el("p", { class: "aim", hidden: true });
  const alert = el("input", { type: "hidden", name: "alert", value: "" });
  const text = el("textarea", { name: "note", rows: 2, maxlength: 1000, required: true });
  const aim = () => {
    const found = alert.value && find(alert.value);
    about.hidden = !found;
    if (found) put(about, t("shift-note_at", { what: `${kindTitle(found.kind)} · ${named(pick(found.place))}` }), el("button", { type: "button", class: "chip", onclick: () => ((alert.value = ""), aim()) }, t("shift-note_free")));
  };
  const fields = [about, alert, el("label", {}, el("span", {}, t("shift-note_new")), text), nameField()];
  const node = form("note", fields, el("button", { class: "main" }, t("shift-note_send")), (values) => post("/api/book", values), (_, said) => {
    text.value = alert.value = "";
    aim();
    say(said, t("shift-sent"));
    soon();
  });
  node.addEventListener("aimed", aim);
  return node;
}

/** The form by which a shift is handed over; who is signed in may sign out with the same press. */
export function handOverForm(shift, soon) {
  const fields = [
    el("p", { class: "muted" }, t("shift-hand_over_help")),
    el("label", {}, el("span", {}, t("shift-to")), el("input", { name: "to", maxlength: 64, autocomplete: "off" })),
    el("label", {}, el("span", {}, t("shift-words")), el("textarea", { name: "note", rows: 3, maxlength: 1000 })),
    nameField(),
  ];
  const buttons = [
    el("button", { class: state.me.person ? "" : "main", value: "" }, t("shift-hand_over_send")),
    state.me.person && el("button", { class: "main", value: "out" }, t("shift-hand_over_out")),
  ];
  const node = form("hand-over", fields, buttons, async (values, what) => {
    await post("/api/shift/hand-over", { ...values, shift: shift.id, sign_out: what === "out" });
    if (what === "out") location.assign("/signin");
  }, (mine, said) => {
    mine.reset();
    say(said, t("shift-sent"));
    soon();
  });
  node.dataset.shift = shift.id;
  return node;
}

/** The button of who has read what was handed over. */
export const takeForm = (one, soon) =>
  form("take", nameField(), el("button", { class: "main" }, t("shift-take")), (values) => post("/api/shift/take", { ...values, hand_over: one.id }), (_, said) => {
    say(said, t("shift-sent"));
    soon();
  });
