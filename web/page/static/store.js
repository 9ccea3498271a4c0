/** Settings that outlive the page, in localStorage. A browser that refuses it keeps them as long as the page. */

const PREFIX = "eyeline.";

/**
 * The value kept under `name`, or undefined: there is none, it is not `valid`, or storage is refused.
 * @template T
 * @param {string} name
 * @param {(value: any) => value is T} valid
 * @returns {T | undefined}
 */
export function kept(name, valid) {
  try {
    const value = JSON.parse(localStorage.getItem(PREFIX + name) ?? "null");
    return valid(value) ? value : undefined;
  } catch {
    return undefined; // no storage in this browser, or not what was written here
  }
}

/**
 * Keep `value` under `name`.
 * @param {string} name @param {unknown} value
 * @returns {boolean} false if the browser refuses: it is private, or full
 */
export function keep(name, value) {
  try {
    localStorage.setItem(PREFIX + name, JSON.stringify(value));
    return true;
  } catch {
    return false;
  }
}

/** @param {unknown} value @returns {value is boolean} */
export const isSwitch = (value) => typeof value === "boolean";

/** @param {unknown} value @returns {value is Record<string, any>} */
export const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
