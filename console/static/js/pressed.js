// What an officer has pressed: kept in this browser until the board has it, and sent in the order in which it was pressed.

import { post, randomId } from "./api.js";
import { recall, remember } from "./i18n.js";
import { emit, siteNow, state } from "./state.js";

const KEY = "patrolgrid.pressed";
const AGAIN_MS = 3000;
const LONGEST_MS = 20_000; // a question that nobody answers, on a line that only seems to be there
const SHOWN_MS = 30_000; // for so long what was sent is shown as done before the node has said so

let kept = []; // where the browser keeps nothing, for as long as the page is open
let taken = []; // the board has it; the node's word may be on its way
let sending = false;
let retry = 0;

/** Whether the last try to send has failed, and what the board has refused, in words. */
export const trouble = { failed: false, refused: "" };

function load() {
  try {
    kept = JSON.parse(recall(KEY)) ?? kept;
  } catch {
    kept = []; // somebody else's text under this name
  }
}

function change(how) {
  load(); // another tab may have sent some of it
  kept = how(kept);
  remember(KEY, JSON.stringify(kept));
  emit("pressed");
}

/** Return what is not sent yet; on a phone of several officers only what this one has pressed. */
export const waiting = () => kept.filter((one) => one.person === state.me.person?.id);

/** Return what was pressed and is not yet in what the node says, oldest first. */
export const pressed = () => [...taken.filter((one) => performance.now() - one.takenAt < SHOWN_MS), ...waiting()];

/** Keep a press, and send it as soon as that can be. */
export function press(path, body) {
  const id = randomId();
  trouble.refused = "";
  change((all) => [...all, { id, person: state.me.person.id, path, body, at: Math.round(siteNow()) }]);
  return send();
}

/** Send all that waits. A repeat of what has arrived unheard does nothing: it has the same id and time. */
export async function send() {
  clearTimeout(retry);
  if (sending) return;
  sending = true;
  load();
  for (let one = waiting()[0]; one; one = waiting()[0]) {
    const end = new AbortController();
    const timer = setTimeout(() => end.abort(), LONGEST_MS);
    try {
      const answer = await post(one.path, { ...one.body, id: one.id }, { signal: end.signal });
      if (answer.id !== one.id) throw new Error("something else than the board has answered");
      if (answer.left?.length) throw new Error(answer.message); // of many alerts at once, those are still to be sent
      taken = [...taken.slice(-20), { ...one, takenAt: performance.now() }];
    } catch (failure) {
      if (!failure.error || failure.status >= 500 || failure.status === 401) {
        trouble.failed = true;
        retry = setTimeout(send, AGAIN_MS);
        break;
      }
      trouble.refused = failure.message;
    } finally {
      clearTimeout(timer);
    }
    trouble.failed = false;
    change((all) => all.filter((other) => other.id !== one.id));
  }
  sending = false;
  emit("pressed");
}

addEventListener("online", send);
