/** What the page says about a call that failed, and what it offers to do. */

import { InputError } from "../inputs/errors.js";
import { isOver, whyLost } from "../retrying.js";
import { CallError } from "../signaling.js";
import { sentence } from "../view.js";

export const KEPT = "The conversation so far is kept.";
/** What the server lacks, by the code of its error. */
const LACKS = {
  sessions_full: "All sessions of this server are in use.",
  service_busy: "This server is too busy for another call.",
  service_draining: "This server is about to stop and takes no new calls.",
  out_of_resources: "This server has no memory or files left for another call.",
};
const UNABLE = "This server cannot take a call now.";
const LIMITED = "A limit of this server for you, or for your key, is reached.";

/**
 * @param {Error} error @param {string} key the key that was sent, empty if none was
 * @param {boolean} again whether a call was to go on that had begun
 * @returns {{what: string, advice?: string, offer?: "sample" | "reconnect" | "key"}}
 */
export function problemOf(error, key, again) {
  if (error instanceof InputError) return { what: error.message, advice: error.advice, offer: "sample" };
  const { status, code } = error instanceof CallError ? error : { status: 0, code: "" };
  if (status === 401) {
    const what = key ? "This server does not accept that key." : "This server needs an API key.";
    return { what, offer: "key" };
  }
  if (status === 503) return { what: LACKS[code] ?? UNABLE, advice: sentence(error.message) };
  if (status === 429) return { what: LIMITED, advice: sentence(error.message) };
  if (again && isOver(error)) return { what: whyLost(error), advice: KEPT };
  return { what: "The call failed.", advice: sentence(error.message) };
}

/** Whether what happened is told by `problemOf`, and no fault of the page. @param {Error} error */
export const expected = (error) => error instanceof InputError || error instanceof CallError;
