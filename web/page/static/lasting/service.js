/** Requests to the service about sessions and recordings, with the key that the page has. */

import { CallError, request } from "../signaling.js";

const ROOT = new URL("../../", import.meta.url);

export { CallError };

export class Service {
  #key;

  /** @param {() => string} key the API key, empty if none is known */
  constructor(key) {
    this.#key = key;
  }

  /** @param {string} path below the service's address */
  url(path) {
    return new URL(path.replace(/^\//, ""), ROOT);
  }

  /** The key, empty if none is known. */
  get key() {
    return this.#key();
  }

  get headers() {
    return this.key ? { Authorization: `Bearer ${this.key}` } : {};
  }

  /**
   * The JSON that answers a request, null if the answer is empty.
   * @param {string} method @param {string} path @param {object} [body]
   * @throws {CallError} there is no answer, or it is an error
   */
  async send(method, path, body) {
    const headers = { ...this.headers, ...(body && { "Content-Type": "application/json" }) };
    const options = { method, headers, ...(body && { body: JSON.stringify(body) }) };
    const response = await request(this.url(path), options);
    return response.status === 204 ? null : response.json();
  }

  /** @param {string} path */
  get(path) {
    return this.send("GET", path);
  }
}
