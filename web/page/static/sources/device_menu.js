/** Menus of devices. */

/** @typedef {import("../inputs/devices.js").DeviceChoice} DeviceChoice */

/**
 * Offer `devices`; a menu without a choice is hidden with its label.
 * @param {HTMLSelectElement} menu @param {readonly DeviceChoice[]} devices @param {string} [chosen] id
 */
export function fill(menu, devices, chosen = "") {
  menu.replaceChildren(...devices.map(({ id, label }) => new Option(label, id)));
  if (devices.some(({ id }) => id === chosen)) menu.value = chosen;
  const row = menu.closest("label");
  if (row) row.hidden = !devices.length;
  menu.disabled = devices.length < 2;
}

/** @param {HTMLSelectElement} menu @returns {DeviceChoice} */
export function choiceOf(menu) {
  return { id: menu.value, label: menu.selectedOptions[0]?.textContent ?? "" };
}
