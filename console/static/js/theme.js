// The theme, before anything is drawn: a classic script in the head, so that no page flashes in the other colours.
// "dark" suits a control room at night and is what a page begins with, "light" a bright office; paper is always light.
(() => {
  const KEY = "patrolgrid.theme";
  const GROUND = { dark: "#0d1319", light: "#f4f6f8" };
  const kept = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage may be forbidden
    }
  };
  window.patrolgridTheme = {
    chosen: kept,
    show(name) {
      document.documentElement.dataset.theme = name;
      const bar = document.querySelector("[name=theme-color]");
      if (bar) bar.content = GROUND[name];
    },
    choose(name) {
      try {
        localStorage.setItem(KEY, name);
      } catch {
        // it lasts as long as the page, then
      }
      this.show(name);
    },
  };
  window.patrolgridTheme.show(kept() === "light" ? "light" : "dark");
})();
