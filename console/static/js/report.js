// The report of a week: which one stands in the address; the board makes it, in the page's language.

import { ApiFailure, get } from "./api.js";
import { byId, el, put, say } from "./dom.js";
import { currentLanguage, t } from "./i18n.js";
import { drawPage, keepUp, startPage } from "./page.js";
import { bus } from "./state.js";

let weeks = []; // all that there are, the newest first
let asked = 0; // answers to earlier questions come too late

const chosen = () => new URLSearchParams(location.search).get("week") ?? "";

/** Return the report as nodes: the board has written it, and no script runs in it. */
function parsed(html) {
  const found = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
  return found ? document.importNode(found, true) : null;
}

function drawWeeks(week) {
  const at = weeks.indexOf(week);
  byId("weeks").hidden = false;
  put(byId("week"), weeks.map((one) => el("option", { value: one, selected: one === week ? "" : null }, one)));
  byId("week").value = week;
  byId("earlier").disabled = at < 0 || at === weeks.length - 1;
  byId("later").disabled = at <= 0;
  for (const ending of ["pdf", "html"]) byId(ending).href = `/api/report.${ending}?week=${encodeURIComponent(week)}&lang=${currentLanguage()}`;
}

/** Show the week of the address. The report before stays until the new one is there, and is marked as such. */
async function show() {
  const mine = ++asked;
  say(byId("waiting"), t("report-waiting"));
  byId("report").setAttribute("aria-busy", "true");
  try {
    const answer = await get(`/api/report${chosen() ? `?week=${encodeURIComponent(chosen())}` : ""}`);
    if (mine !== asked) return;
    weeks = answer.weeks;
    drawWeeks(answer.week);
    put(byId("report"), parsed(answer.html));
    document.title = `${answer.week} · PatrolGrid`;
    say(byId("waiting"), "");
  } catch (failure) {
    if (mine !== asked) return;
    if (!(failure instanceof ApiFailure)) throw failure;
    put(byId("report"), weeks.length === 0 && el("a", { href: "/report" }, t("report-newest")));
    say(byId("waiting"), failure.message || t("report-lost"));
  }
  byId("report").removeAttribute("aria-busy");
}

function choose(week) {
  if (!week) return;
  history.replaceState(null, "", `${location.pathname}?week=${encodeURIComponent(week)}`);
  show();
}

function step(by) {
  choose(weeks[weeks.indexOf(byId("week").value) + by]);
}

async function begin() {
  await startPage();
  drawPage();
  byId("earlier").addEventListener("click", () => step(1));
  byId("later").addEventListener("click", () => step(-1));
  byId("week").addEventListener("change", () => choose(byId("week").value));
  byId("print").addEventListener("click", () => print());
  for (const name of ["change", "link"]) bus.addEventListener(name, drawPage);
  bus.addEventListener("language", () => {
    drawPage();
    show();
  });
  keepUp();
  await show();
}

begin();
