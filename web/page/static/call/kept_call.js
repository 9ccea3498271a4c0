/**
 * The call of this page, kept for the page after it: a reload, or a tab that is closed and opened again, goes on
 * with the session at the server.
 */

import { CLEARED } from "../conversation/panel.js";
import { isObject, keep, kept } from "../store.js";
import { Journal, passes } from "./journal.js";

const KEPT = "calls"; // its name in the settings of the page
const LOCK = "eyeline.conversation.";
const LEFT_MS = 1500; // in which the browser lets go of what the page before it had
const OLD_MS = 3_600_000; // no server keeps a session for longer
const SEEN_MS = 10_000; // between two notes that a call goes on

/** @typedef {import("../eyeline.js").EyelineClient} EyelineClient */
/** @typedef {import("./journal.js").Row} Row */

/**
 * A call that goes on at the server. `picture` is what it sends, if that can be had again.
 * @typedef {object} Record
 * @property {string} conversation
 * @property {string} session
 * @property {string} location
 * @property {number} began ms since 1970
 * @property {number} seen the last time at which it was noted
 * @property {boolean} muted
 * @property {boolean} drawing whether the Draw tab is shown
 * @property {{kind: "camera" | "screen" | "file" | "address" | "sample", address?: string}} picture
 */

/** Keeps the calls of one page, a conversation of one call or several; only one page has a conversation at a time. */
export class KeptCall {
  #journal = new Journal();
  #conversation = "";
  #state;
  /** @type {EyelineClient | null} */ #client = null;
  #seen = 0;

  /** @param {() => Pick<Record, "muted" | "picture" | "drawing">} state what else is to be as it was */
  constructor(state) {
    this.#state = state;
    addEventListener("pagehide", () => this.update());
  }

  /** Whether this browser can keep a call; over plain http from afar it cannot. */
  get possible() {
    return Boolean(navigator.locks);
  }

  /**
   * Take the newest call that no page has any more.
   * @returns {Promise<Record | null>}
   */
  async claim() {
    if (!this.possible) return null;
    const records = all();
    let found = null;
    for (const record of records.sort((one, other) => other.seen - one.seen)) {
      if (!found && (await lock(record.conversation))) found = record;
    }
    const { held = [] } = await navigator.locks.query();
    const others = held.map(({ name = "" }) => name.replace(LOCK, ""));
    await this.#journal.sweep(new Set([...others, ...records.map(({ conversation }) => conversation)]));
    return found;
  }

  /**
   * Go on with a conversation that was claimed: what arrived in its calls, for `EyelineClient.restore`; the last goes on.
   * @param {Record} record
   * @returns {Promise<{location: string, began: number, events: Row[]}[]>}
   */
  async past({ conversation, session, location, began }) {
    this.#conversation = conversation;
    const calls = Map.groupBy(await this.#journal.rows(this.#conversation), (row) => row.session);
    const last = calls.get(session) ?? []; // without any, the server has them
    calls.delete(session);
    const before = [...calls.values()].map((events) => ({ location: "", began: events.at(-1)?.began ?? 0, events }));
    return [...before, { location, began, events: last }];
  }

  /** Keep what arrives in a call from now on. @param {EyelineClient} client */
  follow(client) {
    if (!this.possible) return;
    if (!this.#conversation) {
      this.#conversation = Array.from(crypto.getRandomValues(new Uint32Array(3)), (each) => each.toString(36)).join("");
      lock(this.#conversation);
    }
    this.#client = client;
    client.addEventListener("event", ({ detail }) => this.#receive(client, detail));
    client.addEventListener("state", ({ detail }) => this.#change(client, detail.state));
  }

  /** Note something of the page's own among the events. @param {Row["event"]} event */
  note(event) {
    if (event.type === CLEARED) this.#journal.clear(this.#conversation, this.#session ? this.#row(this.#client, event) : null);
    else if (this.#client && this.#session && !this.#client.restoring) this.#add(this.#client, event);
  }

  /** What else is kept has changed. */
  update() {
    if (this.#client?.state === "live" && this.#session) this.#save(this.#client);
  }

  /** Nothing is to be gone on with; what arrived stays for calls that follow. */
  forget() {
    write(all().filter(({ conversation }) => conversation !== this.#conversation));
  }

  /** Another conversation than the one that was claimed begins. @param {Record} record */
  decline(record) {
    write(all().filter(({ conversation }) => conversation !== record.conversation));
  }

  /** The session of the call, empty before the server has one. */
  get #session() {
    return this.#client?.location.split("/").at(-1) ?? "";
  }

  #receive(client, event) {
    if (client === this.#client && !client.restoring && this.#session && !passes(event)) this.#add(client, event);
  }

  #change(client, state) {
    if (client !== this.#client) return;
    if (state === "live" && client.location) this.#save(client);
    if (state === "lost" || (state === "ended" && !client.location)) this.forget();
  }

  #save(client) {
    const { location, began } = client;
    this.#seen = Date.now();
    const record = { conversation: this.#conversation, session: this.#session, location, began, seen: this.#seen, ...this.#state() };
    write([...all().filter(({ conversation }) => conversation !== record.conversation), record]);
  }

  /** @returns {Row} */
  #row({ began, now }, event) {
    return { conversation: this.#conversation, session: this.#session, began, at: now, event };
  }

  #add(client, event) {
    this.#journal.add(this.#row(client, event));
    if (Date.now() - this.#seen > SEEN_MS) this.update();
  }
}

/** @returns {Record[]} */
function all() {
  const records = kept(KEPT, Array.isArray) ?? [];
  return records.filter((each) => isObject(each) && each.conversation && each.location && Date.now() - each.seen < OLD_MS);
}

/** @param {Record[]} records */
const write = (records) => keep(KEPT, records);

/**
 * Hold the lock of a conversation until the page ends.
 * @param {string} conversation @returns {Promise<boolean>} false if another page has it
 */
function lock(conversation) {
  return new Promise((resolve) => {
    const forever = () => (resolve(true), new Promise(() => {}));
    navigator.locks.request(LOCK + conversation, { signal: AbortSignal.timeout(LEFT_MS) }, forever).catch(() => resolve(false));
  });
}
