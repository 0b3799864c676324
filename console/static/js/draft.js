// What somebody has drawn and not saved yet: the places as they were read, and as they are to be; each step can be undone.

const MOST_STEPS = 200;

export const draft = new EventTarget();

let base = { version: "", members: {}, features: new Map() }; // as the server has it: uid → feature
let now = base; // as it is to be
let past = [];
let future = [];
let last = ""; // what the newest step was about, so that a name that is typed is one step
let next = 1;
let order = new Map(); // uid → place in the file
let file = ""; // the file that changes come from

const same = (one, other) => one === other || JSON.stringify(one) === JSON.stringify(other);
const tell = () => draft.dispatchEvent(new Event("change"));

/** Return what tells a feature from others in the file: its kind, and its id or name. */
export function keyOf(feature) {
  const said = feature.properties ?? {};
  return JSON.stringify([said.kind, ["beat", "device"].includes(said.kind) ? said.id : said.name]);
}

function read(answer) {
  const { features, ...members } = answer.document;
  const known = new Map([...base.features].map(([uid, feature]) => [keyOf(feature), uid]));
  const found = new Map();
  order = new Map();
  features.forEach((feature, index) => {
    const key = keyOf(feature);
    const uid = known.get(key) ?? next++;
    known.delete(key); // of several with one name each is another
    found.set(uid, feature);
    order.set(uid, index);
  });
  return { version: answer.version, members, features: found };
}

/** Begin with the places as the server has them. */
export function begin(answer) {
  now = base = read(answer);
  [past, future, last, file] = [[], [], "", ""];
  tell();
}

/** Go on from what the server has now; return what both somebody else and the draft have changed. */
export function rebase(answer) {
  const mine = changes();
  const before = base;
  base = read(answer);
  const merged = new Map(base.features);
  const both = [];
  for (const { uid, before: seen, after } of mine) {
    if (uid === 0) continue;
    const theirs = base.features.get(uid) ?? null;
    if (!same(theirs, seen) && !same(theirs, after)) both.push({ uid, theirs, mine: after });
    if (after) merged.set(uid, after);
    else merged.delete(uid);
  }
  const members = same(now.members, before.members) ? base.members : now.members;
  now = { ...base, members, features: merged };
  [past, future, last] = [[], [], ""];
  tell();
  return both;
}

/** Take what the server has of a feature in the place of what was drawn. */
export const takeTheirs = (uid) => edit(uid, base.features.get(uid) ?? null);

export const version = () => base.version;
export const source = () => file;
export const members = () => now.members;
export const feature = (uid) => now.features.get(uid) ?? null;
export const isNew = (uid) => !base.features.has(uid);
export const find = (kind, id) => [...now.features].find(([, one]) => one.properties.kind === kind && one.properties.id === id)?.[0] ?? null;

/** Return [uid, feature] of a kind, or of all. */
export const all = (kind) => [...now.features].filter(([, one]) => !kind || one.properties.kind === kind);

function step(then, about) {
  if (!about || about !== last) past.push(now);
  if (past.length > MOST_STEPS) past.shift();
  future = [];
  last = about;
  now = then;
  tell();
}

/** Put features in the place of others: [[uid, feature or null], …] as one step. Steps about the same are one. */
export function editAll(edits, about = "") {
  const features = new Map(now.features);
  for (const [uid, one] of edits) {
    if (one) features.set(uid, one);
    else features.delete(uid);
  }
  step({ ...now, features }, about);
}

export const edit = (uid, one, about = "") => editAll([[uid, one]], about);

/** Add a feature and return its uid. */
export function add(one) {
  const uid = next++;
  edit(uid, one);
  return uid;
}

/** Say what stands beside the features: the site's name, the picture below. */
export const editMembers = (some, about = "") => {
  const members = { ...now.members, ...some };
  for (const [name, value] of Object.entries(members)) if (value === null) delete members[name];
  step({ ...now, members }, about);
};

/** Take the changes of a file that was imported as one step. */
export function takePatches(patches, name) {
  const known = new Map([...now.features].map(([uid, one]) => [keyOf(one), uid]));
  file = name;
  editAll(patches.map(({ before, after }) => [known.get(keyOf(after ?? before)) ?? next++, after]));
}

export const canUndo = () => past.length > 0;
export const canRedo = () => future.length > 0;

export function undo() {
  if (!past.length) return;
  future.push(now);
  now = past.pop();
  last = "";
  tell();
}

export function redo() {
  if (!future.length) return;
  past.push(now);
  now = future.pop();
  last = "";
  tell();
}

/** Return what is changed: {uid, before, after}; uid 0 is what stands beside the features. */
export function changes() {
  const found = [];
  if (!same(base.members, now.members)) found.push({ uid: 0, before: { type: "site", properties: base.members }, after: { type: "site", properties: now.members } });
  for (const [uid, one] of now.features) {
    const before = base.features.get(uid) ?? null;
    if (!same(before, one)) found.push({ uid, before, after: one });
  }
  for (const [uid, before] of base.features) if (!now.features.has(uid)) found.push({ uid, before, after: null });
  return found;
}

/** Return the changes as the server takes them. */
export const patches = () => changes().map(({ uid, before, after }) => ({ before, after, at: order.get(uid) ?? -1 }));
