// What is known of a feature, as a form; and the list of all features.

import * as draft from "./draft.js";
import { el } from "./dom.js";
import { areaOf, beatAt, changed, choice, cornersOf, move, removeCorner, select, withCorners } from "./draw.js";
import { number, pick, t, word } from "./i18n.js";

const MOST_LISTED = 300;
const LANGUAGES = ["zh-CN", "en"];

const field = (label, input, help) => el("label", { class: "field" }, el("span", {}, label), input, help && el("small", { class: "muted" }, help));

function text(label, value, take, more = {}) {
  return field(label, el("input", { type: "text", value: value ?? "", maxlength: 120, ...more, oninput: (event) => take(event.target.value, event.target) }));
}

function count(label, value, take, more = {}) {
  const read = (event) => {
    const typed = event.target.value.trim();
    event.target.setCustomValidity("");
    take(typed === "" ? null : Number(typed), event.target);
  };
  return field(label, el("input", { type: "number", inputmode: "decimal", value: value ?? "", ...more, onchange: read }));
}

const nameIn = (name, language) => (typeof name === "string" ? name : name?.[language] ?? "");

/** Fields of a name in both languages; one that is left empty is called as in the other. */
function names(uid, name, put) {
  return LANGUAGES.map((language) =>
    text(language === "en" ? t("places-name_en") : t("places-name_zh"), nameIn(name, language), (value) => {
      const known = Object.fromEntries(LANGUAGES.map((one) => [one, nameIn(draftName(uid), one)]));
      put({ ...known, [language]: value.trim() }, `name-${uid}-${language}`);
    }, { lang: language }),
  );
}

const draftName = (uid) => (uid === 0 ? draft.members().name : draft.feature(uid)?.properties.name);

const filled = (name) => {
  const known = Object.fromEntries(Object.entries(name).filter(([, one]) => one));
  return Object.keys(known).length ? known : null;
};

const say = (uid, properties, about) => draft.edit(uid, changed(draft.feature(uid), { properties }), about);

/** The corners as numbers, for whoever draws with the keyboard or has surveyed them. */
function corners(uid, one) {
  const least = one.properties.kind === "beat" ? 3 : 2;
  const take = (event) => {
    const rows = event.target.value.split("\n").map((line) => line.trim()).filter(Boolean);
    const points = rows.map((line) => line.replace("，", ",").split(/[\s,]+/).map(Number));
    const bad = points.findIndex((point) => point.length !== 2 || !point.every(Number.isFinite) || Math.abs(point[0]) > 180 || Math.abs(point[1]) > 90);
    const why = bad >= 0 ? t("places-corners_bad", { n: bad + 1 }) : points.length < least ? t("places-corners_few", { least }) : "";
    event.target.setCustomValidity(why);
    if (why) event.target.reportValidity();
    else draft.edit(uid, withCorners(draft.feature(uid), points));
  };
  const shown = cornersOf(one).map(([lon, lat]) => `${lon}, ${lat}`).join("\n");
  const area = el("textarea", { rows: Math.min(8, cornersOf(one).length + 1), spellcheck: "false", onchange: take }, shown);
  const gone = choice.corner !== null && el("button", { type: "button", onclick: () => removeCorner() }, t("places-corner_remove", { n: choice.corner + 1 }));
  return [field(t("places-corners"), area, t("places-corners_help")), gone];
}

function place(uid, one) {
  const [lon, lat] = cornersOf(one)[0];
  const take = (axis) => (value) => {
    const at = [lon, lat];
    if (value === null || !Number.isFinite(value)) return;
    at[axis] = value;
    move(uid, at);
  };
  return el("div", { class: "pair" }, count(t("places-lon"), lon, take(0), { step: "any", min: -180, max: 180 }), count(t("places-lat"), lat, take(1), { step: "any", min: -90, max: 90 }));
}

function heading(uid, one) {
  const now = one.properties.heading;
  const turn = (by) => () => say(uid, { heading: ((((typeof now === "number" ? now : 0) + by) % 360) + 360) % 360 }, `heading-${uid}`);
  return el(
    "div",
    { class: "turn", role: "group", "aria-label": t("places-heading") },
    count(t("places-heading"), now, (value) => say(uid, { heading: value }), { step: 1, min: 0, max: 360 }),
    el("button", { type: "button", "aria-label": t("places-turn_left"), title: t("places-turn_left"), onclick: turn(-15) }, "↺"),
    el("button", { type: "button", "aria-label": t("places-turn_right"), title: t("places-turn_right"), onclick: turn(15) }, "↻"),
  );
}

function beatForm(uid, one) {
  const said = one.properties;
  const devices = draft.all("device").filter(([, device]) => device.properties.beat === said.id).length;
  const taken = (value, input) => {
    const wrong = !/^[A-Za-z0-9_][A-Za-z0-9_-]{0,47}$/.test(value) || (value !== said.id && draft.find("beat", value) !== null);
    input.setCustomValidity(wrong ? t("places-id_bad") : "");
    if (wrong) input.reportValidity();
    else say(uid, { id: value }, `id-${uid}`);
  };
  return [
    text(t("places-id"), said.id, taken, draft.isNew(uid) ? {} : { readonly: true, title: t("places-id_fixed") }),
    names(uid, said.name, (name, about) => say(uid, { name: filled(name) ?? said.id }, about)),
    text(t("places-community"), said.community, (value) => say(uid, { community: value.trim() || null }, `community-${uid}`)),
    el("div", { class: "pair" }, count(t("places-residents"), said.residents, (value) => say(uid, { residents: value }), { step: 1, min: 0 }), count(t("places-officers"), said.officers, (value) => say(uid, { officers: value }), { step: 1, min: 0 })),
    el("p", { class: "muted" }, t("places-beat_has", { n: devices, area: number(areaOf(one) / 10_000, 1) })),
    corners(uid, one),
    devices ? el("p", { class: "muted" }, t("places-beat_kept")) : remove(uid),
  ];
}

const remove = (uid) => el("button", { type: "button", class: "danger", onclick: () => draft.edit(uid, null) }, t("places-remove"));

function deviceForm(uid, one) {
  const said = one.properties;
  const beats = draft.all("beat").map(([, beat]) => el("option", { value: beat.properties.id, selected: beat.properties.id === said.beat }, `${pick(beat.properties.name)} · ${beat.properties.id}`));
  const stands = beatAt(cornersOf(one)[0]);
  return [
    el("p", { class: "muted" }, `${word("type", said.type)} · ${said.id}`),
    draft.isNew(uid) ? el("p", { class: "muted" }, t("places-device_new")) : el("a", { class: "tool", href: `/device?id=${encodeURIComponent(said.id)}` }, t("places-device_page")),
    names(uid, said.name, (name, about) => say(uid, { name: filled(name) ?? said.id }, about)),
    field(t("places-beat"), el("select", { onchange: (event) => say(uid, { beat: event.target.value }) }, beats), stands === said.beat ? "" : stands ? t("places-stands", { beat: stands }) : t("places-stands_nowhere")),
    place(uid, one),
    said.type === "camera" && heading(uid, one),
    draft.isNew(uid) && remove(uid),
  ];
}

const lineForm = (uid, one) => [names(uid, one.properties.name, (name, about) => filled(name) && say(uid, { name: filled(name) }, about)), one.properties.kind === "street" ? corners(uid, one) : place(uid, one), remove(uid)];

/** Return the form of what is selected, and of the site where nothing is. */
export function featureForm() {
  const uid = choice.uid;
  const one = uid === null ? null : draft.feature(uid);
  if (!one) return siteForm();
  const { kind } = one.properties;
  const forms = { beat: beatForm, device: deviceForm, street: lineForm, landmark: lineForm };
  return el("div", { class: "form", "data-uid": uid }, el("h2", {}, t(`places-kind_${kind}`), " ", pick(one.properties.name)), ...forms[kind](uid, one).flat(2).filter(Boolean));
}

function siteForm() {
  const { name } = draft.members();
  const put = (known, about) => draft.editMembers({ name: filled(known) }, about);
  return el(
    "div",
    { class: "form" },
    el("p", { class: "muted" }, t("places-none_selected")),
    el("label", { class: "switch" }, el("input", { type: "checkbox", checked: choice.snap, onchange: (event) => (choice.snap = event.target.checked) }), t("places-snap")),
    el("label", { class: "switch" }, el("input", { type: "checkbox", checked: choice.together, onchange: (event) => (choice.together = event.target.checked) }), t("places-together")),
    el("h2", {}, t("places-site")),
    ...names(0, name, put),
    el("h2", {}, t("places-all")),
    featureList(),
  );
}

let wanted = "";

/** Return the list of all features, found by what they are called. */
function featureList() {
  const list = el("ul", { class: "feature-list" });
  const fill = () => {
    const low = wanted.toLowerCase();
    const found = draft.all().filter(([, one]) => JSON.stringify([one.properties.id, one.properties.name]).toLowerCase().includes(low));
    list.replaceChildren(
      ...found.slice(0, MOST_LISTED).map(([uid, one]) => el("li", { "data-row": true }, el("button", { type: "button", class: "row-plain", onclick: () => select(uid, { look: true }) }, el("span", {}, pick(one.properties.name) || one.properties.id), el("span", { class: "muted" }, one.properties.kind === "device" ? word("type", one.properties.type) : t(`places-kind_${one.properties.kind}`))))),
    );
    if (!found.length) list.append(el("li", { class: "muted" }, draft.all().length ? t("places-none_found") : t("places-empty")));
    if (found.length > MOST_LISTED) list.append(el("li", { class: "muted" }, t("places-more", { n: found.length - MOST_LISTED })));
  };
  const search = el("input", { type: "search", value: wanted, "aria-label": t("places-search"), placeholder: t("places-search"), oninput: (event) => ((wanted = event.target.value), fill()) });
  fill();
  return [search, list];
}

/** Select what the address names: a page of a device leads here. */
export function selectNamed() {
  const asked = new URLSearchParams(location.search);
  for (const kind of ["device", "beat"]) {
    const uid = asked.get(kind) && draft.find(kind, asked.get(kind));
    if (uid !== null && uid !== undefined && uid !== "") select(uid, { look: true });
  }
}

/** Keep what is selected in the address, so that the page can be sent to a colleague. */
export function keepAddress() {
  const one = choice.uid === null ? null : draft.feature(choice.uid);
  const asked = new URLSearchParams(location.search);
  for (const kind of ["device", "beat"]) asked.delete(kind);
  if (one && ["device", "beat"].includes(one.properties.kind)) asked.set(one.properties.kind, one.properties.id);
  const query = asked.toString();
  history.replaceState(null, "", `${location.pathname}${query ? `?${query}` : ""}`);
}
