// Open alerts as cards: what, where, why, what to do; acknowledged with one click, cleared with two.

import { clearForm, nameForm, recallOfficer, setOfficer } from "./alert_forms.js";
import { command, post } from "./api.js";
import { KeyedList, byId, el, put, say } from "./dom.js";
import { Flood, folded, look } from "./floods.js";
import { line, sign } from "./icons.js";
import { named, percent, pick, span, t, when, word } from "./i18n.js";
import { bus, calmness, emit, endedUnseen, kindTitle, may, moreOpen, openAlerts, setSeen, siteNow, state, trusted } from "./state.js";

const MOST_TOLD = 3; // new alerts at once that are each read out
const SLOW_MS = 15_000; // a command is on its way through the node's log; longer than this is worth a word

class Card {
  constructor(alert) {
    this.alert = alert;
    this.pending = null; // {action, since}
    this.form = null; // "name:acknowledge", "name:clear" or "clear"
    this.error = "";
    this.opened = null; // whether somebody wants to see all of it, or not; null: as there is room
    this.folded = false;
    this.turn = 0; // how often it was drawn
    this.node = el("article", { class: "card", tabindex: "-1" });
    this.age = el("span", { class: "age" });
    this.drawn = "";
  }

  update(alert) {
    if (this.pending && alert.state !== this.alert.state) this.pending = null;
    this.alert = alert;
    this.draw();
  }

  draw() {
    const a = this.alert;
    this.tick();
    const told = state.overview?.told?.[a.id] ?? [];
    const look = JSON.stringify([a, told, this.pending, this.form, this.error, document.documentElement.lang]);
    if (look === this.drawn) return;
    this.drawn = look;
    this.turn += 1;
    if (!this.form) this.formNode = null; // what is typed or chosen in it stays while the alert changes
    const calm = a.state === "acknowledged";
    const over = !calm && a.state !== "raised";
    const focus = this.node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    this.node.className = `card ${a.severity} ${calm ? "calm" : ""} ${this.folded ? "folded" : ""}`;
    this.node.dataset.alert = a.id;
    const title = kindTitle(a.kind);
    this.node.setAttribute("aria-label", `${word("severity", a.severity)}: ${title}, ${pick(a.place)}`);
    put(
      this.node,
      el(
        "header",
        { class: "card-head" },
        sign(calm ? "acknowledged" : a.severity),
        el("div", { class: "card-title" }, el("span", { class: "severity" }, word("severity", a.severity)), el("h3", {}, el("button", { type: "button", class: "fold", "data-focus": "fold", "aria-expanded": String(!this.folded), onclick: () => this.toggle() }, title))),
        el("div", { class: "card-when" }, this.age, el("time", {}, when(a.raised_ms, siteNow()))),
      ),
      el(
        "button",
        { type: "button", class: "place", "data-focus": "place", title: `${pick(a.place)} · ${t("alerts-show")}`, onclick: () => look(a) },
        line("place"),
        el("span", {}, pick(a.place) || a.device || a.beat),
      ),
      a.text && el("p", { class: "why" }, pick(a.text), " ", el("span", { class: "sure" }, t("alerts-confidence", { share: percent(a.confidence) })), " ", el("a", { class: "details", href: `/alert?id=${encodeURIComponent(a.id)}` }, t("flood-details"))),
      calm ? this.taken() : over ? el("p", { class: "over" }, t("alerts-ended", { time: when(a.changed_ms, siteNow()) })) : a.advice && el("p", { class: "advice" }, line("go"), el("span", {}, pick(a.advice))),
      whoWasTold(told),
      this.error && el("p", { class: "failed", role: "alert" }, this.error),
      over ? this.seenButton() : this.form ? (this.formNode ??= this.drawForm()) : this.buttons(calm),
    );
    if (focus) (this.node.querySelector(`[data-focus="${focus}"]`) ?? this.node).focus({ preventScroll: true });
  }

  /** Show its first lines and its button only, or all of it. */
  fold(folded) {
    const now = folded && !this.form && !this.error;
    if (now === this.folded) return;
    this.folded = now;
    this.node.classList.toggle("folded", now);
    this.node.querySelector(".fold")?.setAttribute("aria-expanded", String(!now));
  }

  toggle() {
    this.opened = this.folded;
    emit("fold");
  }

  tick() {
    say(this.age, span(siteNow() - this.alert.raised_ms));
    if (this.pending && !this.pending.slow && performance.now() - this.pending.since > SLOW_MS) {
      this.pending.slow = true;
      this.draw();
    }
  }

  taken() {
    const a = this.alert;
    const text = a.by ? t("alerts-taken", { by: named(a.by), time: when(a.heard_ms || a.changed_ms, siteNow()) }) : t("alerts-taken_system");
    const said = [a.reason && word("false", a.reason), named(a.note)].filter(Boolean).join(" · ");
    return el("p", { class: "taken" }, text, said && el("span", { class: "note" }, said));
  }

  seenButton() {
    const seen = () => {
      setSeen(this.alert.id);
      if (state.me.accounts) post(`/api/alerts/${encodeURIComponent(this.alert.id)}/seen`, {}).catch(() => {});
    };
    return el("div", { class: "actions" }, el("button", { type: "button", class: "main", "data-focus": "seen", "data-action": "seen", onclick: seen }, t("alerts-seen")));
  }

  buttons(calm) {
    if (this.pending) {
      return el("p", { class: "pending", role: "status" }, t(this.pending.slow ? "alerts-pending_slow" : `alerts-pending_${this.pending.action}`));
    }
    return el(
      "div",
      { class: "actions" },
      may("clear") && el("button", { type: "button", "data-focus": "clear", "data-action": "clear", onclick: () => this.open("clear") }, t("alerts-clear")),
      !calm &&
        may("acknowledge") &&
        el("button", { type: "button", class: "main", "data-focus": "acknowledge", "data-action": "acknowledge", onclick: () => this.send("acknowledge") }, t("alerts-acknowledge")),
    );
  }

  open(form) {
    this.form = form;
    this.fold(false);
    this.draw();
    (this.node.querySelector("input") ?? this.node.querySelector(".form button"))?.focus();
  }

  close() {
    this.form = null;
    this.draw();
    this.node.querySelector('[data-action="acknowledge"], [data-action="clear"]')?.focus();
  }

  drawForm() {
    const cancel = () => this.close();
    if (this.form === "clear") {
      return clearForm(t("clear-do"), (says) => {
        this.form = null;
        this.send("clear", says);
      }, cancel);
    }
    const action = this.form.split(":")[1];
    return nameForm(t(`alerts-${action}`), () => {
      this.form = null;
      this.send(action, this.says);
    }, cancel);
  }

  async send(action, says = {}) {
    this.error = "";
    this.says = says;
    if (!state.officer) return this.open(`name:${action}`);
    this.pending = { action, since: performance.now(), slow: false };
    this.draw();
    try {
      await command(this.alert.id, action, says);
    } catch (failure) {
      this.pending = null;
      this.error = failure.message || t("error-unreachable");
      this.fold(false);
      this.draw();
    }
  }
}

/** Fold cards from the bottom up until all are in sight, where the list has a height of its own (not on a phone). */
function fit(list) {
  const views = [...byId("alerts-list").children].map((node) => [...list.views.values()].find((view) => view.node === node));
  const box = byId("alerts");
  const narrow = matchMedia("(max-width: 900px)").matches;
  const look = JSON.stringify([views.map((view) => [view.alert.id, view.turn, view.opened, Boolean(view.form)]), box.clientHeight, narrow]);
  if (box.dataset.fit === look) return;
  box.dataset.fit = look;
  const free = views.filter((view) => view.opened === null);
  const fits = () => narrow || box.scrollHeight <= box.clientHeight;
  for (const view of views) view.fold(view.opened === false);
  if (fits()) return;
  for (const view of free) view.fold(true);
  for (const view of free) {
    view.fold(false);
    if (fits()) continue;
    view.fold(true);
    break;
  }
}

/** Say which channels have taken a message of an alert, and which have not, and why. */
function whoWasTold(rows) {
  if (!rows.length) return false;
  const taken = rows.filter((row) => row.state === "accepted" || row.state === "delivered").map((row) => row.channel);
  const not = rows.filter((row) => row.state === "waiting" || row.state === "failed");
  return el(
    "p",
    { class: "told-who" },
    taken.length > 0 && el("span", { class: "told-yes" }, t("alerts-told", { channels: taken.map((one) => word("channel", one)).join(t("list-comma")) }), state.me.demo?.chat && [" ", el("a", { href: state.me.demo.chat, target: "_blank", rel: "noopener" }, t("alerts-demo_chat"))]),
    not.map((row) => el("span", { class: "told-no" }, pick(row.reason) ? t("alerts-untold", { channel: word("channel", row.channel), why: pick(row.reason) }) : t("alerts-untold_yet", { channel: word("channel", row.channel) }))),
  );
}

const known = new Set();
let first = true;

/** Tell of alerts that were not there before, or have doubled: to screen readers, and by a tone where it is switched on. */
function announce(alerts, tone) {
  const call = (a) => `${a.id} ${a.heard_ms ?? 0}`;
  const fresh = alerts.filter((a) => a.state === "raised" && !known.has(call(a)));
  for (const a of alerts) known.add(call(a));
  if (first) {
    first = !state.overview;
    return;
  }
  if (fresh.length > MOST_TOLD) {
    const worst = fresh.find((a) => a.severity === "critical") ?? fresh[0];
    put(byId(worst.severity === "critical" ? "urgent" : "polite"), t("flood-new", { n: fresh.length, severity: word("severity", worst.severity), kind: kindTitle(worst.kind), place: pick(worst.place) }));
  }
  for (const a of fresh.length > MOST_TOLD ? [] : fresh) {
    const text = t("alerts-new", { severity: word("severity", a.severity), kind: kindTitle(a.kind), place: pick(a.place) });
    put(byId(a.severity === "critical" ? "urgent" : "polite"), text);
    byId("alerts-list").querySelector(`[data-alert="${CSS.escape(a.id)}"]`)?.classList.add("fresh");
  }
  if (fresh.some((a) => a.severity !== "info")) tone(fresh.some((a) => a.severity === "critical"));
}

function officerButton() {
  const button = byId("officer");
  const edit = () => {
    const input = el("input", { class: "tool-input", maxlength: 64, autocomplete: "name", "aria-label": t("officer-ask"), placeholder: t("officer-ask") });
    input.value = state.officer;
    const done = () => {
      if (!input.isConnected) return;
      setOfficer(input.value);
      input.replaceWith(button);
    };
    input.addEventListener("blur", done);
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") done();
      if (event.key === "Escape") input.replaceWith(button);
    });
    button.replaceWith(input);
    input.focus();
    input.select();
  };
  button.addEventListener("click", edit);
  const draw = () => {
    put(button, line("person"), el("span", {}, named(state.officer) || t("officer-none")));
    button.title = t("officer-ask");
  };
  bus.addEventListener("officer", draw);
  bus.addEventListener("language", draw);
  draw();
}

/** Show open alerts, and keep them up to date. `tone(critical)` sounds. */
export function startAlerts(tone) {
  if (!state.me.accounts) {
    recallOfficer();
    officerButton();
  }
  byId("officer").hidden = state.me.accounts;
  const list = new KeyedList(byId("alerts-list"), (item) => (item.alerts ? new Flood(item) : new Card(item)));
  const calm = el("p", { class: "all-calm" });
  const more = el("a", { class: "more-open", href: "/history?from=&state=raised" });
  byId("alerts-list").after(calm, more);
  const draw = () => {
    const alerts = openAlerts();
    const ended = endedUnseen();
    const open = alerts.filter((a) => a.state === "raised").length; // they come first, and before what is in hand what nobody saw
    const apart = (a) => Boolean(list.views.get(a.id)?.form); // what somebody is at stays where it is
    const items = folded(alerts, apart);
    const place = items.findIndex((item) => (item.alerts?.[0] ?? item).state === "acknowledged");
    items.splice(place < 0 ? items.length : place, 0, ...folded(ended));
    list.show(items, (item) => item.key ?? item.id);
    more.hidden = !moreOpen();
    if (moreOpen()) say(more, t("flood-beyond", { n: moreOpen() }));
    say(byId("alerts-count"), alerts.length || trusted() ? String(alerts.length + moreOpen()) : "—");
    byId("alerts-count").dataset.level = alerts.some((a) => a.state === "raised" && a.severity === "critical") ? "critical" : open ? "warning" : "calm";
    calm.hidden = alerts.length + ended.length > 0 || !state.overview;
    const { level, text } = calmness();
    put(calm, sign(level === "calm" ? "acknowledged" : level), t(...text));
    byId("alerts").parentElement.classList.toggle("busy", alerts.length + ended.length > 0); // then the places below take less room
    announce(alerts, tone);
    fit(list);
  };
  for (const name of ["change", "link", "language", "seen", "fold"]) bus.addEventListener(name, draw);
  new ResizeObserver(() => fit(list)).observe(byId("alerts"));
  bus.addEventListener("alert", ({ detail }) => {
    const flood = [...list.views.values()].find((one) => one.has?.(detail));
    if (flood) return flood.showRow(detail);
    const view = list.views.get(detail);
    if (!view) return undefined;
    view.opened = true;
    draw();
    view.node.scrollIntoView({ block: "nearest" });
    view.node.focus({ preventScroll: true });
  });
  setInterval(() => list.views.forEach((view) => view.tick()), 1000);
}

