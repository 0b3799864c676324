// Where to be next: ranked cells with what drives them.

import { KeyedList, byId, el, put, say } from "./dom.js";
import { number, pick, span, t, when } from "./i18n.js";
import { bus, siteNow, state } from "./state.js";

const SHOWN = 8;

class Spot {
  constructor(cell) {
    this.drawn = "";
    this.node = el("li", { class: "spot" });
    this.cell = cell;
  }

  update(cell) {
    const look = JSON.stringify([cell, document.documentElement.lang]);
    if (look === this.drawn) return;
    this.drawn = look;
    const beat = state.beats.get(cell.beat);
    const bar = el("span", { class: "risk-bar", "aria-hidden": "true" }, el("i"));
    bar.firstChild.style.width = `${Math.round(100 * cell.risk)}%`;
    const go = () => bus.dispatchEvent(new CustomEvent("look", { detail: { lon: cell.lon, lat: cell.lat, cell: cell.cell } }));
    put(
      this.node,
      el(
        "button",
        { type: "button", class: "row-button", onclick: go, title: t("alerts-show") },
        el("span", { class: "rank" }, cell.rank),
        el(
          "span",
          { class: "spot-text" },
          el("strong", {}, beat ? pick(beat.name) : cell.beat),
          el("span", { class: "drivers" }, pick(cell.drivers)),
        ),
        el("span", { class: "risk", title: t("hotspots-expected") }, number(cell.expected, 2), bar),
      ),
    );
  }
}

export function startHotspots() {
  const list = new KeyedList(byId("hotspots-list"), (cell) => new Spot(cell));
  const none = el("p", { class: "muted pad" });
  byId("hotspots-list").after(none);
  const draw = () => {
    const map = state.overview?.hotspots;
    const cells = [...(map?.cells ?? [])].sort((a, b) => a.rank - b.rank).slice(0, SHOWN);
    list.show(cells, (cell) => cell.cell);
    none.hidden = cells.length > 0;
    say(none, t("hotspots-none"));
    say(byId("hotspots-when"), map ? t("hotspots-when", { time: when(map.ts, siteNow()), span: span(map.horizon_s * 1000) }) : "");
  };
  bus.addEventListener("change", draw);
  bus.addEventListener("language", draw);
}
