/** The theme: chosen once, and remembered. */

import { keep, kept } from "../kept.js";
import { ThemeSwitch } from "../showing/theme.js";

const KEY = "eyeline.appearance";

/** @param {import("../here.js").Here} here */
export function addAppearance({ page }) {
  const { theme } = kept(KEY);
  const themes = new ThemeSwitch(document.body);
  page.theme.onchange = () => {
    keep(KEY, { theme: page.theme.value });
    themes.choose(page.theme.value);
  };
  if (!theme) return; // as the page around it is
  page.theme.value = theme;
  themes.choose(theme);
}
