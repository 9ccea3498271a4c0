/** HTTP between the browser client and the service, and its errors. */

/** The call failed; `status` is the HTTP status, 0 without an answer. */
export class CallError extends Error {
  /** @param {string} message @param {number} [status] */
  constructor(message, status = 0) {
    super(message);
    this.name = "CallError";
    this.status = status;
  }
}

/**
 * Fetch `target`.
 * @param {URL | string} target @param {RequestInit} options
 * @throws {CallError} there is no answer, or it is an error
 */
export async function request(target, options) {
  let response;
  try {
    response = await fetch(target, options);
  } catch {
    throw new CallError(`${new URL(target).origin} does not answer: is the server running?`);
  }
  if (response.ok) return response;
  throw new CallError(await reason(response), response.status);
}

/** The error message of a response: from problem JSON, from an OpenAI error, or its status. @param {Response} response */
async function reason(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    const detail = body.detail ?? body.error?.message ?? body.title;
    if (typeof detail === "string") return detail;
  } catch {
    // not JSON: use the status
  }
  return `the server answered ${response.status} ${response.statusText}`.trim();
}
