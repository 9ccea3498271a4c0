/** The loudspeaker that plays what the server says. */

/** @typedef {HTMLMediaElement & {setSinkId?: (id: string) => Promise<void>}} Playing */

/** Whether a page may choose it; Safari leaves it to the system. */
export function canChooseSpeaker() {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/**
 * Play `elements` on a loudspeaker.
 * @param {readonly Playing[]} elements
 * @param {string} id empty: the system's own
 * @returns {Promise<boolean>} false if it is gone: the system's own plays then
 */
export async function chooseSpeaker(elements, id) {
  try {
    await Promise.all(elements.map((each) => each.setSinkId?.(id)));
    return true;
  } catch {
    await Promise.all(elements.map((each) => each.setSinkId?.("")));
    return false;
  }
}
