/** Light, dark, or as the system is. */

/** @typedef {"system" | "light" | "dark"} Theme */

const DARK = "(prefers-color-scheme: dark)";

/**
 * Whether it is dark.
 * @param {Theme} theme @param {boolean} system whether the system is
 */
export function isDark(theme, system) {
  return theme === "system" ? system : theme === "dark";
}

/**
 * Follow `theme`, and the system where it says so, on `body`: Gradio's styles and the page's both look there.
 * @param {HTMLElement} body
 */
export class ThemeSwitch {
  #body;
  #system = matchMedia(DARK);
  /** @type {Theme} */ #theme = "system";

  /** @param {HTMLElement} body */
  constructor(body) {
    this.#body = body;
    this.#system.addEventListener("change", () => this.#apply());
  }

  /** @param {Theme} theme */
  choose(theme) {
    this.#theme = theme;
    this.#apply();
  }

  #apply() {
    const dark = isDark(this.#theme, this.#system.matches);
    this.#body.classList.toggle("dark", dark);
    this.#body.style.colorScheme = dark ? "dark" : "light"; // scroll bars, and what pages are made of
  }
}
