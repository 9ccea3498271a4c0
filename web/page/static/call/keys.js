/** Keys for the whole page: M, Esc, / and, as a choice, space to talk. */

const FIELDS = "input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable]";
const PRESSABLE = "button, a, summary, [role=application], [role=tab], [role=slider], input";

/**
 * @typedef {object} Acts what keys do
 * @property {() => void} mute
 * @property {() => void} cancel the answer in progress
 * @property {() => void} ask put the focus into the question field
 * @property {(talking: boolean) => void} talk while the key or the button is held
 * @property {() => boolean} holds whether the microphone is open only while it is held
 */

/**
 * Listen to the keys, unless the focus is in a text field or in another part of an embedding page.
 * @param {HTMLElement} root `.eyeline` @param {HTMLElement} hold the button that is held to talk @param {Acts} acts
 */
export function listenToKeys(root, hold, acts) {
  let held = false;
  const talk = (talking) => {
    if (held === talking) return;
    held = talking;
    acts.talk(talking);
  };
  document.addEventListener("keydown", (event) => {
    if (!root.isConnected || event.ctrlKey || event.metaKey || event.altKey) return;
    const { target } = event;
    if (target !== document.body && !root.contains(target)) return;
    if (event.key === "Escape") return void (closeSheets(root) || root.querySelector("dialog[open]") || acts.cancel());
    if (target.matches(FIELDS)) return;
    if (event.key === " " && acts.holds() && (target === hold || !target.matches(PRESSABLE))) talk(true);
    else if (event.repeat) return;
    else if (event.key === "m" || event.key === "M") acts.mute();
    else if (event.key === "/") acts.ask();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keyup", (event) => {
    if (event.key !== " " || !held) return;
    event.preventDefault();
    talk(false);
  });
  hold.addEventListener("pointerdown", (event) => acts.holds() && event.button === 0 && talk(true));
  for (const name of ["pointerup", "pointercancel", "pointerleave"]) hold.addEventListener(name, () => talk(false));
  hold.addEventListener("contextmenu", (event) => acts.holds() && event.preventDefault()); // a long touch
  addEventListener("blur", () => talk(false));
  document.addEventListener("pointerdown", ({ target }) => closeSheets(root, target));
}

/** Close the sheets that are open, but for one around `inside`. @returns {boolean} whether there was any */
function closeSheets(root, inside = null) {
  const open = [...root.querySelectorAll("details[open]:has(> .sheet, > p)")].filter((each) => !each.contains(inside));
  for (const each of open) {
    if (each.contains(document.activeElement)) each.querySelector("summary").focus();
    each.open = false;
  }
  return open.length > 0;
}
