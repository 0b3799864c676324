// Patrols' personal links as QR codes, for whoever may make them.

import { get, post } from "./api.js";
import { byId, el, put } from "./dom.js";
import { named, t } from "./i18n.js";

const DIALOG = "patrol-phones";

function row(person, again) {
  const place = el("div", {});
  const failed = (failure) => put(place, el("p", { class: "failed", role: "alert" }, failure.message || t("error-unreachable")));
  const make = () =>
    post(`/api/people/${encodeURIComponent(person.id)}/link`, {}).then(
      // The picture is the board's own; it is shown as a file, so that nothing in it could act.
      ({ url, svg }) => put(place, el("img", { src: `data:image/svg+xml,${encodeURIComponent(svg)}`, alt: t("patrol-links"), width: 280, height: 280 }), el("p", { class: "muted" }, url)),
      failed,
    );
  const open = person.links.filter((link) => link.purpose === "patrol");
  const withdraw = () => Promise.all(open.map((link) => post(`/api/links/${encodeURIComponent(link.id)}/revoke`, {}))).then(again, failed);
  return el(
    "li",
    { "data-person": person.id },
    el("strong", {}, named(person.name)),
    open.length > 0 && el("span", { class: "muted" }, ` · ${t("patrol-open_links", { n: open.length })}`),
    el("div", { class: "chips" }, el("button", { type: "button", class: "main", onclick: make }, t("patrol-make")), open.length > 0 && el("button", { type: "button", onclick: withdraw }, t("patrol-withdraw"))),
    place,
  );
}

/** Open the list of patrols, each with a button that makes a link and shows its code. */
export async function showLinks() {
  byId(DIALOG)?.remove();
  const list = el("ul", {});
  const dialog = el("dialog", { id: DIALOG, class: "phones", onclose: () => dialog.remove() }, el("h2", {}, t("patrol-links")), el("p", { class: "muted" }, t("patrol-links_hint")), list, el("form", { method: "dialog" }, el("button", {}, t("cancel"))));
  document.body.append(dialog);
  dialog.showModal();
  const load = async () => {
    try {
      const patrols = (await get("/api/people")).people.filter((one) => one.role === "patrol" && one.active);
      put(list, patrols.length ? patrols.map((one) => row(one, load)) : t("patrol-links_none"));
    } catch (failure) {
      put(list, el("li", { class: "failed", role: "alert" }, failure.message || t("error-unreachable")));
    }
  };
  await load();
}
