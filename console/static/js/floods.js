// Many alerts at once that have one cause are one card: of a kind, in a beat, soon after one another. None is hidden.

import { clearForm, nameForm } from "./alert_forms.js";
import { command, commandAll, post, randomId } from "./api.js";
import { KeyedList, el, put, say } from "./dom.js";
import { line, sign } from "./icons.js";
import { minutes, named, pick, span, t, when, word } from "./i18n.js";
import { bus, kindTitle, may, rank, select, setSeen, siteNow, state } from "./state.js";

const OPEN = new Set(["raised", "acknowledged"]);
const LEAST = 5; // alerts that are folded
const GAP_MS = 900_000; // without another one ends what has one cause
const MOST_BEATS = 3; // that have a card each; if there are more, all of it has one
const MOST_CARDS = 30; // the rest has a card together
const AT_ONCE = 100; // commands in one request, so that it is seen how far it has come
const ROWS = 100;
const SLOW_MS = 15_000;
const PLACES = 4; // that are named, and of critical alerts more
const MOST_PLACES = 12;

/** Show an alert's device, and where it is on the map. */
export function look(alert) {
  if (state.devices.has(alert.device)) select(alert.device);
  bus.dispatchEvent(new CustomEvent("look", { detail: alert }));
}

function groupsOf(alerts, nameOf) {
  const groups = new Map();
  for (const a of alerts) {
    const name = nameOf(a);
    if (!groups.has(name)) groups.set(name, []);
    groups.get(name).push(a);
  }
  return groups;
}

/** Split alerts where for some time none was raised. */
function chains(alerts) {
  const found = [];
  let last = -Infinity;
  for (const a of [...alerts].sort((one, other) => one.raised_ms - other.raised_ms)) {
    if (a.raised_ms - last > GAP_MS) found.push([]);
    found[found.length - 1].push(a);
    last = a.raised_ms;
  }
  return found;
}

/**
 * Return alerts, in their order, with floods of them ({key, alerts}) in the place of their first one.
 * `apart(alert)` tells which must stay alone.
 */
export function folded(alerts, apart = () => false) {
  const floodOf = new Map();
  const put = (key, of) => {
    const ids = new Set(of.map((a) => a.id));
    const flood = { key, alerts: alerts.filter((a) => ids.has(a.id)) }; // in the order of cards again
    for (const id of ids) floodOf.set(id, flood);
  };
  const free = alerts.filter((a) => !apart(a));
  for (const [name, group] of groupsOf(free, (a) => `${a.state} ${a.kind}`)) {
    for (const [n, chain] of chains(group).entries()) {
      if (chain.length < LEAST) continue;
      const beats = groupsOf(chain, (a) => a.beat);
      const large = [...beats.values()].filter((one) => one.length >= LEAST);
      const left = chain.length - large.reduce((sum, one) => sum + one.length, 0);
      if (left >= LEAST || large.length > MOST_BEATS) put(`${name} * ${n}`, chain);
      else for (const one of large) put(`${name} ${one[0].beat} ${n}`, one);
    }
  }
  const single = free.filter((a) => !floodOf.has(a.id));
  for (const [taken, rest] of groupsOf(single.slice(MOST_CARDS), (a) => a.state)) if (rest.length >= LEAST) put(`${taken} others`, rest);
  const shown = new Set();
  return alerts.map((a) => floodOf.get(a.id) ?? a).filter((item) => !shown.has(item) && shown.add(item));
}

/** Return what people read of a flood: of what kind, worst severity, first and last time, and where. */
export function floodWords({ alerts }) {
  const worst = alerts.reduce((one, other) => (rank(other.severity) > rank(one.severity) ? other : one));
  const kinds = new Set(alerts.map((a) => a.kind));
  const times = alerts.map((a) => a.raised_ms);
  const [first, last] = [Math.min(...times), Math.max(...times)];
  const [begin, end] = [when(first, siteNow()), when(last, siteNow())];
  const beats = [...new Set(alerts.map((a) => a.beat))].map((id) => pick(state.beats.get(id)?.name) || id).filter(Boolean);
  const placesOf = (list) => list.map((a) => pick(a.place) || pick(state.devices.get(a.device)?.name) || a.device);
  const critical = new Set(placesOf(alerts.filter((a) => a.severity === "critical")));
  const places = [...new Set([...critical, ...placesOf(alerts)])];
  const some = places.slice(0, Math.max(PLACES, Math.min(MOST_PLACES, critical.size)));
  const where = some.join(t("list-comma"));
  return {
    severity: worst.severity,
    title: t("flood-title", { n: alerts.length, kind: kinds.size > 1 ? t("flood-others") : kindTitle(worst.kind) }),
    beats: beats.length > 3 ? t("flood-beats", { names: beats.slice(0, 3).join(t("list-comma")), n: beats.length - 3 }) : beats.join(t("list-comma")),
    times: begin === end ? begin : t("flood-times", { first: begin, last: end }),
    places: places.length > some.length ? t("flood-places", { names: where, n: places.length - some.length }) : where,
    advice: kinds.size > 1 ? "" : pick(alerts.find((a) => a.advice)?.advice),
    last,
  };
}

class Row {
  constructor(flood) {
    this.flood = flood;
    this.node = el("li", { tabindex: "-1" });
    this.look = "";
  }

  update(a) {
    const waits = this.flood.waits(a);
    const text = JSON.stringify([a.revision, waits, document.documentElement.lang]);
    if (text === this.look) return;
    this.look = text;
    this.node.dataset.alert = a.id;
    put(
      this.node,
      el("time", {}, minutes(a.raised_ms)),
      el("button", { type: "button", class: "place", onclick: () => look(a) }, pick(a.place) || a.device || a.beat),
      el("a", { href: `/alert?id=${encodeURIComponent(a.id)}` }, this.flood.mixed ? kindTitle(a.kind) : t("flood-details")),
      a.state === "raised" && may("acknowledge") && el("button", { type: "button", disabled: waits, onclick: () => this.flood.take(a) }, t(waits ? "flood-sent" : "alerts-acknowledge")),
    );
  }
}

/** A card of many alerts; in the list of cards it stands beside those of one. */
export class Flood {
  constructor(item) {
    this.alert = { id: item.key };
    this.opened = true; // the list of cards never folds it: it is small
    this.form = null;
    this.pending = null; // {action, ids, total, since, done}
    this.error = "";
    this.shown = 0; // rows
    this.turn = 0;
    this.singles = new Set(); // taken up one by one, and not yet said by the node
    this.list = el("ol", { class: "flood-rows" });
    this.rows = new KeyedList(this.list, () => new Row(this));
    this.age = el("span", { class: "age" });
    this.node = el("article", { class: "card flood", tabindex: "-1" });
  }

  has = (id) => this.alerts.some((a) => a.id === id);
  waits = (a) => this.singles.has(a.id) || Boolean(this.pending?.ids.has(a.id));
  fold() {}

  update({ alerts }) {
    this.alerts = alerts;
    const open = new Set(alerts.map((a) => a.id));
    for (const id of this.singles) if (!open.has(id)) this.singles.delete(id);
    if (this.pending?.over && ![...this.pending.ids].some((id) => open.has(id))) this.pending = null;
    this.draw();
  }

  draw() {
    const { alerts } = this;
    this.words = floodWords(this);
    this.mixed = new Set(alerts.map((a) => a.kind)).size > 1;
    this.tick();
    this.rows.show(alerts.slice(0, this.shown), (a) => a.id);
    const text = JSON.stringify([this.words, this.form, this.pending && [this.pending.done, this.pending.slow], this.error, this.shown, document.documentElement.lang]);
    if (text === this.drawn) return;
    this.drawn = text;
    this.turn += 1;
    if (!this.form) this.formNode = null;
    const focus = this.node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    const calm = alerts[0].state === "acknowledged";
    const over = !OPEN.has(alerts[0].state);
    const { severity, title, beats, times, places, advice } = this.words;
    const left = alerts.length - this.shown;
    this.node.className = `card flood ${severity} ${calm ? "calm" : ""}`;
    this.node.setAttribute("aria-label", `${word("severity", severity)}: ${title}, ${beats}`);
    put(
      this.node,
      el("header", { class: "card-head" }, sign(calm ? "acknowledged" : severity), el("div", { class: "card-title" }, el("span", { class: "severity" }, word("severity", severity)), el("h3", {}, title)), el("div", { class: "card-when" }, this.age, el("span", {}, times))),
      el("p", { class: "where" }, line("place"), el("span", {}, beats)),
      el("p", { class: "why" }, places),
      over && el("p", { class: "over" }, t("flood-ended")),
      advice && !calm && !over && el("p", { class: "advice" }, line("go"), el("span", {}, advice)),
      calm && el("p", { class: "taken" }, this.whoTook()),
      this.error && el("p", { class: "failed", role: "alert" }, this.error),
      this.form ? (this.formNode ??= this.drawForm()) : this.buttons(calm),
      this.shown > 0 && this.list,
      this.shown > 0 && left > 0 && el("button", { type: "button", "data-focus": "further", onclick: () => this.show(this.shown + ROWS) }, t("flood-further", { n: left })),
    );
    if (focus) this.node.querySelector(`[data-focus="${focus}"]`)?.focus({ preventScroll: true });
  }

  tick() {
    say(this.age, span(siteNow() - this.words.last));
    if (this.pending && !this.pending.slow && performance.now() - this.pending.since > SLOW_MS) {
      this.pending.slow = true;
      this.draw();
    }
  }

  whoTook() {
    const by = [...new Set(this.alerts.map((a) => a.by).filter(Boolean))];
    return by.length ? t("flood-taken", { by: by.map(named).join(t("list-comma")) }) : t("alerts-taken_system");
  }

  show(n) {
    this.shown = n;
    this.draw();
  }

  showRow(id) {
    this.show(Math.max(this.shown, this.alerts.findIndex((a) => a.id === id) + 1));
    const { node } = this.rows.views.get(id);
    node.scrollIntoView({ block: "nearest" });
    node.focus({ preventScroll: true });
  }

  /** Of alerts that nobody saw while they were open: somebody has seen them now. */
  seen() {
    for (const { id } of this.alerts) {
      if (state.me.accounts) post(`/api/alerts/${encodeURIComponent(id)}/seen`, {}).catch(() => {});
      setSeen(id);
    }
  }

  buttons(calm) {
    const n = this.alerts.length;
    const list = el("button", { type: "button", "data-focus": "list", "aria-expanded": String(this.shown > 0), onclick: () => this.show(this.shown ? 0 : ROWS) }, t(this.shown ? "flood-fold" : "flood-unfold"));
    if (!OPEN.has(this.alerts[0].state)) return el("div", { class: "actions" }, list, el("button", { type: "button", class: "main", "data-focus": "seen", "data-action": "seen", onclick: () => this.seen() }, t("alerts-seen")));
    if (this.pending) {
      const { done, total, slow } = this.pending;
      return el("div", { class: "actions" }, list, el("p", { class: "pending", role: "status" }, slow ? t("alerts-pending_slow") : t("flood-sending", { done, n: total })));
    }
    const acknowledge = () => (this.words.severity === "critical" ? this.open("sure") : this.send("acknowledge"));
    return el(
      "div",
      { class: "actions" },
      list,
      may("clear") && el("button", { type: "button", "data-focus": "clear", "data-action": "clear", onclick: () => this.open("clear") }, t("flood-clear")),
      !calm && may("acknowledge") && el("button", { type: "button", class: "main", "data-focus": "acknowledge", "data-action": "acknowledge", onclick: acknowledge }, t("flood-acknowledge", { n })),
    );
  }

  open(form) {
    this.form = form;
    this.error = "";
    this.draw();
    (this.node.querySelector(".form input") ?? this.node.querySelector(".form [type=submit]"))?.focus();
  }

  close() {
    this.form = null;
    this.draw();
    this.node.querySelector('[data-action="acknowledge"], [data-action="clear"]')?.focus();
  }

  drawForm() {
    const n = this.alerts.length;
    const cancel = () => this.close();
    const send = (action, says) => {
      this.form = null;
      this.send(action, says);
    };
    if (this.form === "clear") return clearForm(t("flood-clear_do", { n }), (says) => send("clear", says), cancel);
    if (this.form === "sure") {
      const submit = (event) => {
        event.preventDefault();
        send("acknowledge");
      };
      const actions = el("div", { class: "actions" }, el("button", { type: "button", onclick: cancel }, t("cancel")), el("button", { type: "submit", class: "main" }, t("flood-acknowledge", { n })));
      return el("form", { class: "form", onsubmit: submit }, el("p", { class: "ask" }, t("flood-sure", { n })), actions);
    }
    const [, action] = this.form.split(":");
    return nameForm(t(`alerts-${action}`), () => send(action, this.says), cancel);
  }

  async take(a) {
    if (!state.officer) return this.open("name:acknowledge");
    this.singles.add(a.id);
    this.draw();
    try {
      await command(a.id, "acknowledge", {});
    } catch (failure) {
      this.singles.delete(a.id);
      this.error = failure.message || t("error-unreachable");
    }
    return this.draw();
  }

  /** Send a command about each of the alerts as they are now; where it fails, say how far it came. */
  async send(action, says = {}) {
    this.says = says;
    this.error = "";
    if (!state.officer) return this.open(`name:${action}`);
    const ids = this.alerts.map((a) => a.id);
    const press = randomId();
    this.pending = { action, ids: new Set(ids), total: ids.length, since: performance.now(), done: 0 };
    this.draw();
    try {
      for (let at = 0; at < ids.length; at += AT_ONCE) {
        const answer = await commandAll(ids.slice(at, at + AT_ONCE), action, says, press);
        this.pending.done += answer.sent.length + Object.keys(answer.passed).length;
        if (answer.left.length) throw Object.assign(new Error(answer.message));
        this.draw();
      }
      this.pending.over = true;
    } catch (failure) {
      const { done, total } = this.pending;
      this.pending = null;
      this.error = t("flood-partly", { done, n: total, why: failure.message || t("error-unreachable") });
    }
    return this.draw();
  }
}
