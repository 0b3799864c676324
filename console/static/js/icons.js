// Every drawing of the page. Device types differ by outline, severities by outline and mark: never by colour alone.

import { svg } from "./dom.js";

const OUTLINES = {
  camera: "M12 2a10 10 0 1 1 0 20a10 10 0 0 1 0-20z",
  gate: "M3 5.5a2.5 2.5 0 0 1 2.5-2.5h13a2.5 2.5 0 0 1 2.5 2.5v13a2.5 2.5 0 0 1-2.5 2.5h-13a2.5 2.5 0 0 1-2.5-2.5z",
  noise: "M12 2.2 22.3 20.6H1.7z",
  smoke: "M12 1 23 12 12 23 1 12z",
  heat: "M12 1 23 12 12 23 1 12z",
  water: "M12 1.5C15.5 6.5 19.5 10.3 19.5 15a7.5 7.5 0 0 1-15 0C4.5 10.3 8.5 6.5 12 1.5z",
  door: "M5.5 1.5h13v21h-13z",
  manhole: "M7.5 2.5h9L22.5 12l-6 9.5h-9L1.5 12z",
  environment: "M8 2h8l6 6v8l-6 6H8l-6-6V8z",
};
const GLYPHS = {
  camera: "M6.5 9h7.5v6H6.5zM14 11l3.5-2v6L14 13",
  gate: "M7 17V8M7 10.5l10-2.5M7 17h3",
  noise: "M8.5 16.5v-3M12 17.5v-6M15.5 16.5v-3",
  smoke: "M8 15.5c0-3 4-2 4-5s-3-2-2-4M12.5 16.5c0-3 4-2 3.5-5",
  heat: "M12 6.5v7M12 13.5a2.2 2.2 0 1 1-.01 0z",
  water: "M7.5 14c1.5-1.5 3-1.5 4.5 0s3 1.5 4.5 0M8 17.5c1.3-1.2 2.7-1.2 4 0s2.7 1.2 4 0",
  door: "M15 11.2v1.8M9 5.5h6",
  manhole: "M12 7.5a4.5 4.5 0 1 1 0 9a4.5 4.5 0 0 1 0-9zM9 12h6",
  environment: "M12 17V9M8.5 9.5a3.5 3.5 0 0 1 7 0M9 17h6",
};
const SIGNS = {
  critical: ["M8.3 2h7.4L22 8.3v7.4L15.7 22H8.3L2 15.7V8.3z", "M12 6.5v7M12 16.7v.6"],
  warning: ["M12 2.5 22.5 21h-21z", "M12 9v5.5M12 17.4v.5"],
  info: ["M12 2a10 10 0 1 1 0 20a10 10 0 0 1 0-20z", "M12 11v6M12 7.2v.5"],
  acknowledged: ["M12 2a10 10 0 1 1 0 20a10 10 0 0 1 0-20z", "M7.5 12.3l3.2 3.2 6-6.5"],
  unknown: ["M12 2a10 10 0 1 1 0 20a10 10 0 0 1 0-20z", "M8.8 9.3a3.2 3.2 0 1 1 4.6 2.9c-1 .5-1.4 1.1-1.4 2.1M12 17.3v.4"],
  ended: ["M12 2a10 10 0 1 1 0 20a10 10 0 0 1 0-20z", "M8 12h8"],
};
const LINES = {
  menu: "M4 7h16M4 12h16M4 17h16",
  sound: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11",
  silent: "M4 9.5v5h3.5L12 18.5v-13L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5",
  person: "M12 4a4 4 0 1 1 0 8a4 4 0 0 1 0-8zM4.5 20.5c.8-4 3.8-6 7.5-6s6.7 2 7.5 6",
  go: "M4 12h14M12.5 6.5 18 12l-5.5 5.5",
  place: "M12 21.5c-4-5-6.5-8.3-6.5-12a6.5 6.5 0 0 1 13 0c0 3.7-2.5 7-6.5 12zM12 7a2.5 2.5 0 1 1 0 5a2.5 2.5 0 0 1 0-5z",
};

/** Return the icon of a device type; `standing` colours it and adds a mark. */
export function deviceIcon(type, standing = "normal") {
  const badge = { critical: "!!", warning: "!", info: "i", acknowledged: "✓", unknown: "?" }[standing];
  return svg(
    "svg",
    { viewBox: "-3 -5 32 32", class: `device-icon is-${standing}`, "aria-hidden": "true" },
    svg("path", { class: "outline", d: OUTLINES[type] ?? OUTLINES.environment }),
    svg("path", { class: "glyph", d: GLYPHS[type] ?? GLYPHS.environment }),
    standing === "trouble" && svg("path", { class: "slash", d: "M2 22 22 2" }),
    badge && svg("circle", { class: "badge", cx: 22, cy: 2.5, r: 6 }),
    badge && svg("text", { class: "badge-text", x: 22, y: 6, "text-anchor": "middle" }, badge),
  );
}

/** Return the sign of a severity, or of "acknowledged". */
export function sign(name) {
  const [outline, mark] = SIGNS[name] ?? SIGNS.info;
  return svg(
    "svg",
    { viewBox: "0 0 24 24", class: `sign sign-${name}`, "aria-hidden": "true" },
    svg("path", { class: "sign-outline", d: outline }),
    svg("path", { class: "sign-mark", d: mark }),
  );
}

/** Return a plain line icon. */
export function line(name) {
  return svg("svg", { viewBox: "0 0 24 24", class: "line-icon", "aria-hidden": "true" }, svg("path", { d: LINES[name] }));
}
