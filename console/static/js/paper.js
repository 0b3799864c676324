// What is printed stands on one A4 sheet: made as small as it must be, and no smaller than can be read.

import { byId } from "./dom.js";

const SHEET = { width: 728, height: 1010 }; // an A4 page less 8 mm on each side, in CSS pixels, with some room for other fonts

/** Make a node as small as it must be to stand on one sheet; tell whether it does. */
function fitted(sheet, least) {
  for (let zoom = 1; zoom >= least; zoom -= 0.04) {
    sheet.style.width = `${SHEET.width / zoom}px`;
    document.body.style.setProperty("--zoom", zoom.toFixed(2));
    if (sheet.getBoundingClientRect().height <= SHEET.height) return true;
  }
  return false;
}

/**
 * Let the page's `#sheet` be printed on one sheet. `least` is how small it may become; where that does not do, `fewer` is
 * asked to draw less, with how many rows a list may have, and without a number to draw all again.
 */
export function printsOnOneSheet({ least = 0.4, fewer = null } = {}) {
  const sheet = byId("sheet");
  addEventListener("beforeprint", () => {
    document.body.classList.add("printing");
    const most = fewer ? [Infinity, 30, 20, 14, 10, 7, 5, 3] : [Infinity];
    most.find((rows) => {
      fewer?.(rows);
      return fitted(sheet, least);
    });
  });
  addEventListener("afterprint", () => {
    document.body.classList.remove("printing");
    sheet.style.width = "";
    fewer?.();
  });
  byId("print").addEventListener("click", () => print());
}
