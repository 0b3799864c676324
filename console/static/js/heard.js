// What a device says just now, and what became of it: asked for every second while somebody looks.

import { ApiFailure, get } from "./api.js";
import { el, put, say } from "./dom.js";
import { number, seconds, span, t, word } from "./i18n.js";
import { siteNow } from "./state.js";

const EVERY_MS = 1000;
const NOW_MS = 10_000;
const SHOWN = 30;

function rowText(row) {
  if (row.kind === "count") return t("heard-count", { who: word("metric", row.metric), into: number(row.a), out: number(row.b), seconds: number(row.interval_s) });
  if (row.kind === "gate") return t("heard-gate", { vehicle: word("vehicle", row.metric), direction: word("direction", { 1: "in", 2: "out" }[row.a] ?? "unknown") });
  if (row.kind === "level") return t("heard-level", { metric: word("metric", row.metric), value: number(row.a), unit: row.text });
  return t("heard-state", { metric: word("metric", row.metric), value: word("value", row.text) });
}

function messageOf(one) {
  if (one.what === "refused") return [el("span", { class: "refused" }, t("heard-refused", { why: one.why || one.word }), (one.times ?? 1) > 1 && ` × ${one.times}`), el("small", {}, [one.detail, one.advice].filter(Boolean).join(" · ")), el("small", { class: "mono" }, one.topic)];
  if (one.what === "observations") {
    const rows = one.rows ?? [];
    return [el("span", {}, rows.slice(0, 3).map(rowText).join(t("list-comma")), (one.times ?? 1) > 3 && ` ${t("heard-more", { n: (one.times ?? 1) - 3 })}`), el("small", {}, rows.some((row) => row.backfill) ? t("heard-backfill") : t("heard-taken", { time: seconds(rows[0].ts_ms) }))];
  }
  if (one.what === "status") return el("span", {}, t("heard-status", { state: word("online", one.word) }));
  if (one.what === "fault") return el("span", { class: "refused" }, t("heard-fault"));
  return el("span", {}, t("heard-health"));
}

export class HeardView {
  constructor(device) {
    this.device = device;
    this.after = "";
    this.messages = [];
    this.known = true;
    this.failed = "";
    this.arrivedAt = -Infinity; // by this machine's clock: the site's may run faster
    this.light = el("p", { class: "just", role: "status" }, el("i", { "aria-hidden": "true" }), el("span", {}));
    this.list = el("ol", { class: "messages", tabindex: 0 });
    this.title = el("h2", {});
    this.node = el("div", { class: "heard" }, this.title, this.light, this.list);
  }

  start() {
    const look = async () => {
      if (!document.hidden) await this.look();
      setTimeout(look, EVERY_MS);
    };
    look();
  }

  async look() {
    try {
      const answer = await get(`/api/device/${encodeURIComponent(this.device)}/heard${this.after ? `?after=${this.after}` : ""}`);
      const first = !this.after; // then it also tells what was said before anybody looked
      [this.after, this.known, this.failed] = [answer.after, answer.known, ""];
      if (answer.heard.length) {
        if (!first || siteNow() - answer.heard[answer.heard.length - 1].at_ms < NOW_MS) this.arrivedAt = performance.now();
        this.messages = [...answer.heard.reverse(), ...this.messages].slice(0, SHOWN);
        this.drawList();
      }
    } catch (error) {
      if (!(error instanceof ApiFailure)) throw error;
      this.failed = error.message || t("error-unreachable");
    }
    this.drawLight();
  }

  draw() {
    say(this.title, t("heard-title"));
    this.list.setAttribute("aria-label", t("heard-title"));
    this.drawLight();
    this.drawList();
  }

  drawLight() {
    const newest = this.messages.length ? this.messages[0].at_ms : 0;
    const ago = siteNow() - newest;
    const now = performance.now() - this.arrivedAt < NOW_MS && !this.failed;
    this.light.dataset.heard = now ? "now" : "no";
    const text = this.failed || (!this.known ? t("heard-no_log") : now ? t("heard-now") : newest ? t("heard-last", { time: seconds(newest), span: span(ago) }) : t("heard-nothing"));
    say(this.light.querySelector("span"), text);
  }

  drawList() {
    put(this.list, this.messages.map((one) => el("li", {}, el("time", {}, seconds(one.at_ms)), el("div", {}, messageOf(one)))));
  }
}
