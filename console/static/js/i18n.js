// Words, numbers and times in the reader's language and the site's time zone.

const KEY = "patrolgrid.language";
const tables = new Map();
let language = "en";
let zone = "UTC";

/** Return the language chosen in this browser before, else the browser's own, else the person's or the site's. */
export function firstLanguage(site) {
  const kept = recall(KEY);
  if (!site) return kept || navigator.language || "en";
  const spoken = Object.keys(site.languages);
  const alike = (wanted) => spoken.find((one) => one === wanted) ?? spoken.find((one) => one.split("-")[0] === wanted.split("-")[0]);
  return [kept, ...navigator.languages].map((one) => one && alike(one)).find(Boolean) ?? site.language;
}

/** Forget which language was chosen here: it was somebody else. */
export const forgetLanguage = () => remember(KEY, "");

export async function setLanguage(wanted, { remembered = false } = {}) {
  if (!tables.has(wanted)) {
    const answer = await fetch(`/locale/${wanted}.json`);
    if (!answer.ok) throw new Error(`no texts for ${wanted}: ${answer.status}`);
    tables.set(wanted, await answer.json());
  }
  language = wanted;
  if (remembered) remember(KEY, wanted);
  document.documentElement.lang = wanted;
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
  for (const node of document.querySelectorAll("[data-i18n-placeholder]")) node.placeholder = t(node.dataset.i18nPlaceholder);
  for (const node of document.querySelectorAll("[data-i18n-label]")) node.setAttribute("aria-label", t(node.dataset.i18nLabel));
}

export const currentLanguage = () => language;
export function setZone(name) {
  zone = name;
}

/** Return the text of a key with {name} placeholders filled in, in the form that goes with the number `n`. */
export function t(key, values = {}) {
  const forms = tables.get(language)?.[key];
  if (forms === undefined) return key;
  const text = typeof forms === "string" ? forms : forms[new Intl.PluralRules(language).select(Number(values.n))] ?? forms.other;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

/** Return the text of `prefix.word`; the word itself where a newer node says something this page has no text for. */
export function word(prefix, name) {
  const key = `${prefix}-${name}`;
  const text = t(key);
  return text === key ? String(name) : text;
}

const TWO_SCRIPTS = /^(?=.*[a-z]{2})([A-Za-z][A-Za-z .,'’-]*)\s+([\u3400-\u9fff·]+)$/;

/** Return a name or a word that is written in both scripts, as "Li Wei 李伟", in the reader's; others as they are. */
export function named(text) {
  const [, latin, chinese] = TWO_SCRIPTS.exec(text) ?? [];
  return latin ? (language.startsWith("zh") ? chinese : latin) : text ?? "";
}

/** Return the sentence of a {language: text} object that fits best. */
export function pick(texts) {
  if (!texts) return "";
  if (typeof texts === "string") return texts;
  return texts[language] ?? texts.en ?? Object.values(texts)[0] ?? "";
}

const formats = new Map();
function format(name, make) {
  const key = `${language}|${zone}|${name}`;
  if (!formats.has(key)) formats.set(key, make());
  return formats.get(key);
}
function moment(name, options) {
  return format(name, () => new Intl.DateTimeFormat(language, { timeZone: zone, hourCycle: "h23", ...options }));
}

export const seconds = (ms) => moment("s", { hour: "2-digit", minute: "2-digit", second: "2-digit" }).format(ms);
export const minutes = (ms) => moment("m", { hour: "2-digit", minute: "2-digit" }).format(ms);
export const day = (ms) => moment("d", { weekday: "short", day: "numeric", month: "long" }).format(ms);
export const weekday = (ms) => moment("wd", { weekday: "short" }).format(ms);
export const shortDay = (ms) => moment("sd", { day: "numeric", month: "short" }).format(ms);

/** Return the day of the site as computers write it: 2026-11-27. */
export const isoDay = (ms) => format("iso", () => new Intl.DateTimeFormat("en-CA", { timeZone: zone, year: "numeric", month: "2-digit", day: "2-digit" })).format(ms);

/** Return a time of day, with the day before it where it is not the day of `now`. */
export function when(ms, now) {
  const near = shortDay(ms) === shortDay(now);
  return near ? minutes(ms) : `${shortDay(ms)} ${minutes(ms)}`;
}

/** Return how long something took, in at most two units. */
export function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 60) return t("span-s", { n: s });
  const m = Math.floor(s / 60);
  if (m < 60) return t("span-m", { n: m });
  const h = Math.floor(m / 60);
  if (h < 48) return m % 60 && h < 10 ? t("span-hm", { h, m: m % 60 }) : t("span-h", { n: h });
  return t("span-d", { n: Math.floor(h / 24) });
}

/** Return a number with as many decimals as it deserves. */
export function number(value, digits) {
  if (value === null || value === undefined || Number.isNaN(value)) return "—";
  const size = Math.abs(value);
  const most = digits ?? (size >= 100 || Number.isInteger(value) ? 0 : size >= 10 ? 1 : 2);
  return format(`n${most}`, () => new Intl.NumberFormat(language, { maximumFractionDigits: most })).format(value);
}

export const percent = (share) => t("percent", { n: Math.round(100 * share) });

/** localStorage, which may be forbidden or full: then nothing is remembered, and nothing breaks. */
export function remember(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    /* private window */
  }
}
export function recall(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
