/** What the user chose, kept in this browser from one visit to the next. */

/** @param {string} key @returns {Record<string, any>} empty if nothing is kept */
export function kept(key) {
  try {
    return JSON.parse(localStorage.getItem(key) ?? "{}") ?? {};
  } catch {
    return {}; // no storage in this browser, or not what was written here
  }
}

/** @param {string} key @param {Record<string, any>} choice */
export function keep(key, choice) {
  try {
    localStorage.setItem(key, JSON.stringify(choice));
  } catch {
    // a browser without storage: the choice lasts as long as the page
  }
}
