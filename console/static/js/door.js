// The way in: signing in, a personal link, a new password, and the one alert that a link is about.

import { get, post } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { currentLanguage, firstLanguage, forgetLanguage, minutes, named, pick, recall, remember, setLanguage, setZone, t, word } from "./i18n.js";

let me = null;
let chosen = false; // whether somebody has chosen a language on this page
let draw = () => {};

/** Return the page that was asked for before, with its filters; nobody's link leads from here to another server. */
const wanted = () => {
  const next = new URLSearchParams(location.search).get("next");
  return next && /^\/(?![/\\])/.test(next) && new URL(next, location.origin).origin === location.origin ? next : null;
};

/** Forget which language somebody else has chosen in this browser. */
function greet(person) {
  if (!chosen && recall("patrolgrid.person") !== person.id) forgetLanguage();
  remember("patrolgrid.person", person.id);
}

/** Return a field of a form; a password can be looked at, as nobody types twelve hidden characters right on a phone. */
function field(name, label, attributes) {
  const input = el("input", { name, required: true, ...attributes });
  const show = () => {
    input.type = input.type === "password" ? "text" : "password";
    say(button, t(input.type === "password" ? "door-show" : "door-hide"));
  };
  const button = el("button", { type: "button", class: "chip show", onclick: show }, t("door-show"));
  return [el("label", {}, label, input), attributes.type === "password" && button];
}

function form(fields, label, send) {
  const failed = el("p", { class: "failed", role: "alert" });
  const button = el("button", { type: "submit", class: "main" }, label);
  const submit = async (event) => {
    event.preventDefault();
    button.disabled = true;
    say(failed, "");
    try {
      await send(Object.fromEntries(new FormData(event.target)));
    } catch (failure) {
      say(failed, failure.message || t("error-unreachable"));
      event.target.querySelector('[type="password"], [name="password"]')?.select();
    }
    button.disabled = false;
  };
  return el("form", { onsubmit: submit }, fields.flat(), failed, button);
}

function signIn() {
  const fields = [
    field("id", t("door-id"), { autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 64 }),
    field("password", t("door-password"), { type: "password", autocomplete: "current-password", maxlength: 200 }),
  ];
  const send = async (typed) => {
    const { home, person } = await post("/api/sign-in", typed);
    greet(person);
    location.replace(wanted() ?? home);
  };
  // Whoever was here a moment ago must not think that alerts still come.
  byId("unseen").hidden = !wanted();
  say(byId("unseen"), t("door-unseen"));
  put(byId("door"), me.demo && demo(send), el("h2", {}, t("door-title")), form(fields, t("door-sign_in"), send), el("p", { class: "hint" }, t("door-lost")));
  byId("door").querySelector("input").focus();
}

/** Offer the accounts of a demo, which everybody at this machine may use. */
function demo(send) {
  const { id, password, others = "" } = me.demo;
  const other = (one) => form([], t("door-demo_as", { role: word("role", one) }), () => send({ id: one, password }));
  return el("section", { class: "demo" }, el("p", {}, t("door-demo", me.demo)), form([], t("door-demo_in"), () => send({ id, password })), others && others.split(" ").map(other));
}

function newPassword() {
  const byLink = me.purpose === "password";
  const fields = [
    el("input", { name: "username", autocomplete: "username", value: me.person.id, hidden: true }),
    byLink ? [] : field("old", t("door-old"), { type: "password", autocomplete: "current-password", maxlength: 200 }),
    field("new", t("door-new"), { type: "password", autocomplete: "new-password", minlength: 10, maxlength: 200 }),
  ];
  const send = async (typed) => {
    const { home } = await post("/api/password", byLink ? { new: typed.new } : { old: typed.old, new: typed.new });
    put(byId("door"), el("p", { class: "good", role: "status" }, t("door-changed")), el("a", { href: home }, t("door-on")));
  };
  put(
    byId("door"),
    el("h2", {}, t("door-password_of", { name: named(me.person.name), id: me.person.id })),
    el("p", { class: "hint" }, t("door-rule")),
    form(fields, t("door-set"), send),
    !byLink && el("a", { href: me.home }, t("cancel")),
  );
  byId("door").querySelector("input:not([hidden])").focus();
}

function refused(message) {
  put(byId("door"), el("p", { class: "failed", role: "alert" }, message), el("a", { href: "/signin" }, t("door-instead")));
}

/** Show the alert that a link is about. Opening shows; only the button acts. */
async function oneAlert() {
  try {
    const alert = await get(`/api/alerts/${encodeURIComponent(me.about)}`);
    const act = async () => {
      await post(`/api/alerts/${encodeURIComponent(me.about)}/acknowledge`, {});
      say(status, t("alerts-pending_acknowledge"));
      for (let tries = 0; tries < 30 && (await get(`/api/alerts/${encodeURIComponent(me.about)}`)).state === "raised"; tries++) await new Promise((resolve) => setTimeout(resolve, 500));
      await oneAlert();
    };
    const taken = alert.by ? t("alerts-taken", { by: named(alert.by), time: minutes(alert.heard_ms || alert.changed_ms) }) : "";
    const status = el("p", { class: alert.state === "raised" ? "" : "good", role: "status" }, alert.state === "acknowledged" ? taken || t("alerts-taken_system") : alert.state === "raised" ? "" : t("door-over"));
    put(
      byId("door"),
      el("p", { class: "hint" }, t("door-for", { name: named(me.person.name) })),
      el(
        "article",
        { class: `told ${alert.severity}` },
        el("strong", {}, `${word("severity", alert.severity)} · ${minutes(alert.raised_ms)}`),
        el("h2", {}, pick(alert.place) || alert.device || alert.beat),
        el("p", { class: "why" }, pick(alert.text)),
        alert.state === "raised" && el("p", { class: "hint" }, pick(alert.advice)),
      ),
      status,
      alert.state === "raised" && me.rights.includes("acknowledge") && form([], t("alerts-acknowledge"), act),
    );
  } catch (failure) {
    refused(failure.message || t("error-unreachable"));
  }
}

async function byLink() {
  const token = location.hash.slice(1);
  history.replaceState(null, "", "/go"); // nobody reads it over a shoulder, nor from the history
  if (!token) return me.purpose === "alert" ? await oneAlert() : me.person ? location.replace(me.home) : signIn();
  put(byId("door"), el("p", { role: "status" }, t("loading")));
  try {
    const { home, person } = await post("/api/link", { token });
    greet(person);
    if (home !== "/go") return location.replace(home);
    me = await get("/api/me");
    await setLanguage(firstLanguage(me.site));
    languages();
    draw = oneAlert;
    await oneAlert();
  } catch (failure) {
    refused(failure.message || t("error-unreachable"));
  }
}

function languages() {
  const choose = async (language) => {
    chosen = true;
    await setLanguage(language, { remembered: true });
    languages();
    draw();
  };
  put(
    byId("languages"),
    Object.entries(me.site.languages).map(([language, name]) =>
      el("button", { type: "button", lang: language, "data-language": language, "aria-pressed": String(language === currentLanguage()), onclick: () => choose(language) }, name),
    ),
  );
  say(byId("site-name"), pick(me.site.name) || "PatrolGrid");
  document.title = `${t("door-title")} · ${pick(me.site.name) || "PatrolGrid"}`;
}

async function load() {
  for (let wait = 1000; ; wait = Math.min(wait * 2, 15_000)) {
    try {
      return await get("/api/me");
    } catch (failure) {
      put(byId("door"), el("p", { class: "failed", role: "alert" }, failure.message || t("error-unreachable")));
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
}

async function start() {
  await setLanguage(firstLanguage());
  me = await load();
  setZone(me.site.timezone);
  await setLanguage(firstLanguage({ ...me.site, language: me.person?.language ?? me.site.language }));
  languages();
  if (!me.accounts) return location.replace("/");
  const path = location.pathname;
  if (path === "/go") draw = byLink;
  else if (path === "/password" && me.person) draw = newPassword;
  else if (me.person && !new URLSearchParams(location.search).has("again")) return location.replace(wanted() ?? me.home);
  else draw = signIn;
  await draw();
}

start();
