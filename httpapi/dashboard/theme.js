// Sets the colours before anything is drawn. It is no module, so that it runs
// while the head is read. The choice is all that the dashboard keeps in the browser.
(() => {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const root = document.documentElement;

  const chosen = () => {
    try {
      return localStorage.getItem("wapid-theme") ?? "auto";
    } catch {
      return "auto"; // the browser keeps nothing for this page
    }
  };

  const apply = () => {
    const choice = chosen();
    root.dataset.bsTheme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
    window.dispatchEvent(new Event("wapid-theme"));
  };

  dark.addEventListener("change", apply);
  window.addEventListener("storage", (e) => e.key === "wapid-theme" && apply());

  // What the shell's toggle uses.
  window.wapidTheme = {
    chosen,
    choose(choice) {
      try {
        localStorage.setItem("wapid-theme", choice);
      } catch {
        root.dataset.bsTheme = choice === "auto" ? (dark.matches ? "dark" : "light") : choice;
      }
      apply();
    },
  };
  apply();
})();
