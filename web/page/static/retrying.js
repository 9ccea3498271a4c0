/** When a call that broke is tried again, and when there is nothing to go on with. */

import { CallError } from "./signaling.js";

const PAUSES_MS = [0, 500, 1000, 2000, 4000]; // before each try, then the last
const OVER = [404, 409, 410]; // statuses of a session that is over
const FINAL = [401, 403, ...OVER]; // after which another try is of no use

/** Whether another try is of no use. @param {unknown} error */
export function isFinal(error) {
  return error instanceof CallError && FINAL.includes(error.status);
}

/** Whether the session itself is over: another key does not help. @param {unknown} error */
export function isOver(error) {
  return error instanceof CallError && OVER.includes(error.status);
}

/** What a user is told if there is none, empty if that is not known. @param {unknown} error @returns {string} */
export function whyLost(error) {
  const status = error instanceof CallError ? error.status : 0;
  if (status === 404) return "The server no longer knows this call: it was started again, or the call has long been over.";
  if (status === 401 || status === 403) return "The server no longer accepts the key of this call.";
  return status === 409 || status === 410 ? "The server has ended the call." : "";
}

/** Wait before try number `tries`, but no longer than until the browser has a network again. @param {number} tries */
export function pauseBefore(tries) {
  return new Promise((resolve) => {
    setTimeout(resolve, PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
    addEventListener("online", resolve, { once: true });
  });
}

/** The error of a call that `stop` ended. */
export function stopped() {
  return new DOMException("the call was stopped", "AbortError");
}
