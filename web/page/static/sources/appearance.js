/** The theme: chosen once, and remembered. */

import { ThemeSwitch } from "../showing/theme.js";
import { keep, kept } from "../store.js";

const KEPT = "theme"; // its name in the settings of the page
/** @param {unknown} value @returns {value is import("../showing/theme.js").Theme} */
const isTheme = (value) => ["system", "light", "dark"].includes(/** @type {string} */ (value));

/** @param {import("../here.js").Here} here */
export function addAppearance({ page }) {
  const theme = kept(KEPT, isTheme);
  const themes = new ThemeSwitch(document.body);
  page.theme.onchange = () => {
    keep(KEPT, page.theme.value);
    themes.choose(page.theme.value);
  };
  if (!theme) return; // as the page around it is
  page.theme.value = theme;
  themes.choose(theme);
}
