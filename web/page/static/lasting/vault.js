/** The last calls of this browser, in IndexedDB: a reload, a crash or a new call loses none of them. */

import { done, openBase } from "../database.js";

const NAME = "eyeline";
const MAX_CALLS = 20; // the oldest are dropped

/** @typedef {import("./history.js").Entry} Entry */
/** @typedef {{id: number, session: string, started: number, title: string, captions: number, questions: number, moments: number}} Call */

const COUNTS = { "eyeline.caption": "captions", question: "questions", "eyeline.memory.moment": "moments" };

/** Keeps calls and their entries. Each method does nothing, or returns nothing, if the browser refuses. */
export class Vault {
  /** @type {Promise<IDBDatabase | null>} */ #base = openBase(NAME, create);
  /** @type {Call | null} the one that goes on */ #call = null;
  #writing = Promise.resolve();

  /** Whether this browser keeps anything. */
  get works() {
    return this.#base.then((base) => base !== null);
  }

  /** A call begins, or is told again from its beginning. @param {string} session its id at the server @param {number} at ms since 1970 */
  begin(session, at) {
    const call = { session, started: Math.round(at / 1000), title: "", captions: 0, questions: 0, moments: 0 };
    return this.#write(async (base) => {
      const before = await done(base.transaction("calls").objectStore("calls").getAll());
      for (const { id } of before.filter((each) => each.session === session)) await erase(base, id);
      const id = await done(base.transaction("calls", "readwrite").objectStore("calls").add(call));
      this.#call = { ...call, id: Number(id) };
      const ids = await done(base.transaction("calls").objectStore("calls").getAllKeys());
      for (const old of ids.slice(0, -MAX_CALLS)) await erase(base, old);
    });
  }

  /** Keep an entry of the call that goes on. @param {Entry} entry */
  add(entry) {
    return this.#write(async (base) => {
      const call = this.#call;
      if (!call) return;
      const count = COUNTS[entry.type];
      if (count) call[count] += 1;
      if (count && count !== "moments" && !call.title) call.title = String(entry.text).slice(0, 80);
      const change = base.transaction(["calls", "entries"], "readwrite");
      change.objectStore("entries").add({ call: call.id, entry });
      await done(change.objectStore("calls").put(call));
    });
  }

  /** The calls that are kept, the newest first. @returns {Promise<Call[]>} */
  async calls() {
    const found = await this.#read((base) => done(base.transaction("calls").objectStore("calls").getAll()));
    return (found ?? []).reverse();
  }

  /** @param {number} id @returns {Promise<Entry[]>} */
  async entries(id) {
    const index = (base) => base.transaction("entries").objectStore("entries").index("call");
    const rows = await this.#read((base) => done(index(base).getAll(IDBKeyRange.only(id))));
    return (rows ?? []).map(({ entry }) => entry);
  }

  /** @param {number} id */
  delete(id) {
    if (this.#call?.id === id) this.#call = null;
    return this.#write((base) => erase(base, id));
  }

  async #read(act) {
    await this.#writing;
    const base = await this.#base;
    return base && act(base).catch(() => null);
  }

  /** Writes are in order; one that is refused, as the disk is full, is left out. */
  #write(act) {
    this.#writing = this.#writing.then(async () => {
      const base = await this.#base;
      if (base) await act(base).catch((error) => console.warn("the call is not kept in this browser", error));
    });
    return this.#writing;
  }
}

function create(base) {
  base.createObjectStore("calls", { keyPath: "id", autoIncrement: true });
  base.createObjectStore("entries", { autoIncrement: true }).createIndex("call", "call");
}

async function erase(base, id) {
  const change = base.transaction(["calls", "entries"], "readwrite");
  const keys = await done(change.objectStore("entries").index("call").getAllKeys(IDBKeyRange.only(id)));
  for (const key of keys) change.objectStore("entries").delete(key);
  await done(change.objectStore("calls").delete(id));
}
