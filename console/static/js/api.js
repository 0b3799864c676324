// The way to the board's server: questions, commands, and the stream of changes.

import { currentLanguage } from "./i18n.js";
import { emit, siteNow, state, take } from "./state.js";

const SILENT_MS = 25_000; // the server says something at least every 10 s

export class ApiFailure extends Error {
  error = ""; // a word for programs, empty where it was no board that answered
  status = 0;
}

async function call(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, { ...options, headers: { "Accept-Language": currentLanguage(), ...options.headers } });
  } catch {
    throw new ApiFailure("");
  }
  if (answer.status === 401) leave();
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new ApiFailure(document.message ?? ""), { error: document.error ?? "", status: answer.status });
  return document;
}

export const get = (path) => call(path);

/** Send something; throws `ApiFailure` with a sentence for whoever reads (empty where the board cannot be reached). */
export const post = (path, body, options = {}) =>
  call(path, { ...options, method: "POST", headers: { "Content-Type": "application/json", "X-PatrolGrid": "board" }, body: JSON.stringify(body) });

/** Send a file; throws as `post` does. */
export const upload = (path, file, media) => call(path, { method: "POST", headers: { "Content-Type": media, "X-PatrolGrid": "board" }, body: file });

/** Return an id of one press of a button: its repeats are known by it. */
export const randomId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

const order = ({ note = "", reason = "" }) => ({ by: state.me.accounts ? "" : state.officer, note, reason: reason || null });

/** Send a command about an alert; `says` has a note, and why it was a false alarm. */
export const command = (alert, action, says) => post(`/api/alerts/${encodeURIComponent(alert)}/${action}`, order(says));

/** Send a command about each of many alerts; returns what has become of them. The same `id` again changes nothing. */
export const commandAll = (ids, action, says, id) => post(`/api/alerts/${action}`, { ...order(says), ids, id });

/** Return this page with its filters, for an address that leads back to it. */
export const here = () => encodeURIComponent(location.pathname + location.search).replace(/%2F/g, "/");

let leaving = false;

/** Go where one signs in, as nobody is any more; and back to this page from there. */
export function leave() {
  if (leaving) return; // several requests are refused at once, and a second way there would break off the first
  leaving = true;
  location.assign(`/signin?next=${here()}`);
}

let source = null;
let heard = performance.now();
let wait = 1000;
let retry = 0;

function link(now) {
  if (state.link === now) return;
  if (now === "lost") state.lostAt = siteNow();
  state.link = now;
  emit("link");
}

/** Keep the stream open for as long as the page is. */
export function listen() {
  clearTimeout(retry);
  source?.close();
  source = new EventSource("/api/events");
  const alive = () => {
    heard = performance.now();
    wait = 1000;
    link("open");
  };
  source.addEventListener("overview", (event) => {
    alive();
    take(JSON.parse(event.data));
  });
  source.addEventListener("heartbeat", alive);
  source.addEventListener("signed_out", leave);
  source.addEventListener("error", () => {
    link("lost");
    // Is it that nobody is signed in any more?
    get("/api/me").then((me) => me.accounts && !me.person && leave(), () => {});
    // A refusal ends an EventSource for good, and a proxy's hang-up may: begin again, less and less eagerly.
    source.close();
    clearTimeout(retry);
    retry = setTimeout(listen, wait);
    wait = Math.min(wait * 2, 15_000);
  });
}

/** Notice a stream that neither speaks nor fails (a sleeping laptop, a cut cable). Call it now and then. */
export function checkLink() {
  if (performance.now() - heard <= SILENT_MS) return;
  heard = performance.now();
  link("lost");
  listen();
}
