// Where to be next: places that people know, with their hours, what is expected there, why, and how sure that is.

import { KeyedList, byId, el, put, say } from "./dom.js";
import { pick, span, t, when } from "./i18n.js";
import { bus, emit, siteNow, spots, state } from "./state.js";

const SHOWN = 8;

/** Return what is said of a place, line by line; of an older node's cell only its beat and what drives it. */
export function spotWords(spot) {
  const said = spot.spot;
  const beat = state.beats.get(spot.beat);
  const place = said ? pick(spot.place) : beat ? pick(beat.name) : spot.beat;
  const hours = said?.hours ? t("hotspots-hours", { from: said.hours[0], until: said.hours[1] }) : "";
  return { place, hours, amount: pick(said?.amount), drivers: pick(spot.drivers), sure: pick(said?.sure) };
}

let opened = ""; // cell of the place of which all is said; on a phone that is said of each

class Spot {
  constructor() {
    this.drawn = "";
    this.node = el("li", { class: "spot" });
  }

  update(spot) {
    const look = JSON.stringify([spot, spot.cell === opened, document.documentElement.lang]);
    if (look === this.drawn) return;
    this.drawn = look;
    const said = spotWords(spot);
    const at = spot.spot ?? spot;
    const go = () => {
      opened = opened === spot.cell ? "" : spot.cell;
      bus.dispatchEvent(new CustomEvent("look", { detail: { lon: at.lon, lat: at.lat } }));
      emit("spot");
      this.node.querySelector("button").focus({ preventScroll: true });
    };
    put(
      this.node,
      el(
        "button",
        { type: "button", class: "row-button", "aria-expanded": String(spot.cell === opened), onclick: go, title: [said.amount, said.drivers, said.sure].filter(Boolean).join("\n") },
        el("span", { class: "rank" }, spot.number),
        el(
          "span",
          { class: "spot-text" },
          el("strong", {}, el("span", {}, said.place), said.hours && el("span", { class: "hours" }, said.hours)),
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
  for (const name of ["change", "language", "spot"]) bus.addEventListener(name, draw);
}
