/** What arrived in the calls of a page, in IndexedDB: a page that is loaded again shows it as it was. */

import { done, openBase } from "../database.js";
import { questionIn } from "../messages.js";

const NAME = "eyeline-journal";
const MAX_ROWS = 20_000; // of a conversation: some hours; the oldest are dropped
const FIRST = 10; // that stay: they say which session it is

/**
 * An event of the call of `session`, which became live at `began`; the last of a conversation may go on.
 * @typedef {import("../types.js").Received & {conversation: string, session: string, began: number}} Row
 */

/** Events of a moment, or that later ones replace: nobody misses them. @param {Row["event"]} event */
export function passes({ type, final }) {
  if (type === "eyeline.caption" || type === "eyeline.translation") return !final;
  return PASSING.has(type) || type.startsWith("input_audio_buffer.") || type.endsWith("input_audio_transcription.delta");
}

const PASSING = new Set([
  "eyeline.backchannel",
  "eyeline.connection",
  "eyeline.delay",
  "eyeline.generation.status",
  "eyeline.relevance",
  "eyeline.stats",
  "eyeline.steering",
  "eyeline.video.delta",
]);

/** What stays of a call whose conversation is cleared: it goes on with its memory, its requests and its drawing. */
const STAYS = new Set([
  "eyeline.generation.updated",
  "eyeline.look.deleted",
  "eyeline.look.updated",
  "eyeline.memory.moment",
  "eyeline.notice",
  "eyeline.requests",
  "page.drawn",
  "session.created",
  "session.updated",
]);

/** Rows by conversation; each method does nothing, or returns nothing, if the browser refuses. */
export class Journal {
  /** @type {IDBDatabase | null} */ #base = null;
  #opening;
  /** @type {(() => void)[] | null} until it is known whether the browser has a base */ #early = [];
  #count = 0;

  constructor() {
    this.#opening = openBase(NAME, create).then((base) => {
      const early = this.#early ?? [];
      this.#base = base;
      this.#early = null;
      if (base) base.onclose = () => (this.#base = null); // the user deletes what the browser has of this site
      for (const act of early) act();
    });
  }

  /** Keep a row, also if the page ends in the next moment. @param {Row} row */
  add(row) {
    if (!this.#base) return void this.#early?.push(() => this.add(row));
    const change = this.#base.transaction("rows", "readwrite");
    change.onabort = () => console.warn("the call is not kept for a reload", change.error);
    change.objectStore("rows").add(row);
    change.commit();
    this.#count += 1;
    if (this.#count % (MAX_ROWS / 10) === 0) this.#trim(row.conversation);
  }

  /**
   * Drop what was said, asked and answered in a conversation. The event of `cleared` takes its place: it says what has
   * arrived, and how many questions there were.
   * @param {string} conversation @param {Row | null} cleared of the call that goes on; null: none does
   */
  clear(conversation, cleared) {
    if (!this.#base) return void this.#early?.push(() => this.clear(conversation, cleared));
    const change = this.#base.transaction("rows", "readwrite");
    change.onabort = () => console.warn("the conversation is still kept for a reload", change.error);
    const rows = change.objectStore("rows");
    let [event_id, questions] = ["", 0];
    const request = rows.index("conversation").openCursor(conversation);
    request.onsuccess = () => {
      const cursor = request.result;
      if (cursor) {
        const { session, event } = cursor.value;
        const goesOn = session === cleared?.session;
        if (goesOn) [event_id, questions] = [event.event_id ?? event_id, Math.max(questions, questionIn(event))];
        if (!goesOn || !STAYS.has(event.type)) cursor.delete();
        cursor.continue();
      } else if (cleared) {
        const known = { ...(event_id && { event_id }), ...(questions && { id: `question_${questions}` }) };
        rows.add({ ...cleared, event: { ...cleared.event, ...known } });
      }
    };
  }

  /** The rows of a conversation, in order. @param {string} conversation @returns {Promise<Row[]>} */
  async rows(conversation) {
    await this.#opening;
    if (!this.#base) return [];
    const rows = this.#base.transaction("rows").objectStore("rows").index("conversation");
    return done(rows.getAll(conversation)).catch(() => []);
  }

  /** Forget all conversations but these. @param {Set<string>} kept */
  async sweep(kept) {
    await this.#opening;
    if (!this.#base) return;
    const rows = this.#base.transaction("rows", "readwrite").objectStore("rows").index("conversation");
    const request = rows.openKeyCursor(null, "nextunique");
    request.onsuccess = () => {
      const cursor = request.result;
      if (!cursor) return;
      if (!kept.has(String(cursor.key))) this.#erase(rows, cursor.key);
      cursor.continue();
    };
  }

  #erase(rows, conversation) {
    rows.getAllKeys(conversation).onsuccess = ({ target }) => {
      for (const key of target.result) rows.objectStore.delete(key);
    };
  }

  /** Drop the oldest rows of a conversation, but for the first. */
  #trim(conversation) {
    const rows = this.#base.transaction("rows", "readwrite").objectStore("rows").index("conversation");
    rows.getAllKeys(conversation).onsuccess = ({ target }) => {
      for (const key of target.result.slice(FIRST, -MAX_ROWS)) rows.objectStore.delete(key);
    };
  }
}

function create(base) {
  base.createObjectStore("rows", { autoIncrement: true }).createIndex("conversation", "conversation");
}
