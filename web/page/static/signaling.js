/** HTTP between the browser client and the service, and its errors. */

/** The call failed; `status` is the HTTP status, 0 without an answer, and `code` names the error, if the server does. */
export class CallError extends Error {
  /** @param {string} message @param {number} [status] @param {string} [code] */
  constructor(message, status = 0, code = "") {
    super(message);
    this.name = "CallError";
    this.status = status;
    this.code = code;
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
  const { message, code } = await reason(response);
  throw new CallError(message, response.status, code);
}

/** The error of a response: from problem JSON, from an OpenAI error, or its status. @param {Response} response */
async function reason(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    const message = body.detail ?? body.error?.message ?? body.title;
    if (typeof message === "string") return { message, code: String(body.error?.code ?? "") };
  } catch {
    // not JSON: use the status
  }
  return { message: `the server answered ${response.status} ${response.statusText}`.trim(), code: "" };
}
