/** What the page says about a call that failed, and what it offers to do. */

import { InputError } from "../inputs/errors.js";
import { isOver, whyLost } from "../retrying.js";
import { CallError } from "../signaling.js";

export const KEPT = "The conversation so far is kept.";
const FULL = "All sessions of this server are in use. Try again later.";

/**
 * @param {Error} error @param {string} key the key that was sent, empty if none was
 * @param {boolean} again whether a call was to go on that had begun
 * @returns {{what: string, advice?: string, offer?: "sample" | "reconnect" | "key"}}
 */
export function problemOf(error, key, again) {
  if (error instanceof InputError) return { what: error.message, advice: error.advice, offer: "sample" };
  const status = error instanceof CallError ? error.status : 0;
  if (status === 401) {
    const what = key ? "This server does not accept that key." : "This server needs an API key.";
    return { what, offer: "key" };
  }
  if (status === 503) return { what: FULL, advice: error.message };
  if (again && isOver(error)) return { what: whyLost(error), advice: KEPT };
  return { what: "The call failed.", advice: error.message };
}

/** Whether what happened is told by `problemOf`, and no fault of the page. @param {Error} error */
export const expected = (error) => error instanceof InputError || error instanceof CallError;
