// Where to be next: places that people know, with their hours, what is expected there, why, and how sure that is.

import { KeyedList, byId, el, put, say } from "./dom.js";
import { pick, span, t, when } from "./i18n.js";
import { bus, siteNow, spots, state } from "./state.js";

const SHOWN = 8;

/** Return what is said of a place, line by line; of an older node's cell only its beat and what drives it. */
export function spotWords(spot) {
  const said = spot.spot;
  const beat = state.beats.get(spot.beat);
  const place = said ? pick(spot.place) : beat ? pick(beat.name) : spot.beat;
  const hours = said?.hours ? t("hotspots-hours", { from: said.hours[0], until: said.hours[1] }) : "";
  return { place, hours, amount: pick(said?.amount), drivers: pick(spot.drivers), sure: pick(said?.sure) };
}

class Spot {
  constructor() {
    this.drawn = "";
    this.node = el("li", { class: "spot" });
  }

  update(spot) {
    const look = JSON.stringify([spot, document.documentElement.lang]);
    if (look === this.drawn) return;
    this.drawn = look;
    const said = spotWords(spot);
    const at = spot.spot ?? spot;
    const go = () => bus.dispatchEvent(new CustomEvent("look", { detail: { lon: at.lon, lat: at.lat } }));
    put(
      this.node,
      el(
        "button",
        { type: "button", class: "row-button", onclick: go, title: t("alerts-show") },
        el("span", { class: "rank" }, spot.number),
        el(
          "span",
          { class: "spot-text" },
          el("strong", {}, said.place, said.hours && el("span", { class: "hours" }, said.hours)),
          said.amount && el("span", { class: "amount" }, said.amount),
          el("span", { class: "drivers" }, said.drivers, " ", said.sure),
        ),
      ),
    );
  }
}

export function startHotspots() {
  const list = new KeyedList(byId("hotspots-list"), () => new Spot());
  const none = el("p", { class: "muted pad" });
  byId("hotspots-list").after(none);
  const draw = () => {
    const map = state.overview?.hotspots;
    const shown = spots().slice(0, SHOWN);
    list.show(shown, (spot) => spot.cell);
    none.hidden = shown.length > 0;
    say(none, t("hotspots-none"));
    say(byId("hotspots-when"), map ? t("hotspots-when", { time: when(map.ts, siteNow()), span: span(map.horizon_s * 1000) }) : "");
  };
  bus.addEventListener("change", draw);
  bus.addEventListener("language", draw);
}
