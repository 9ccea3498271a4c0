/** Dates as a person reads them. */

/** @param {number} seconds since 1970 */
export function dated(seconds) {
  return new Date(1000 * seconds).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
