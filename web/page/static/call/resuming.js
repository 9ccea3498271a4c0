/** After the page was loaded again: its call goes on by itself, or is offered while the server keeps it. */

import { permission } from "../inputs/camera.js";
import { Service } from "../lasting/service.js";
import { isOver } from "../retrying.js";
import { drawProblem } from "../view.js";

const LOOK_MS = 1000; // between two looks at how long the session waits
const NEED = { screen: "The screen must be shared again.", file: "The file has to be chosen again; until then the camera is sent." };

/** @typedef {import("./kept_call.js").Record} Record */

/** @param {Record} record whether what it sends can be had without a click */
async function goesOnByItself({ picture }) {
  const [entry] = performance.getEntriesByType("navigation");
  if (/** @type {PerformanceNavigationTiming} */ (entry)?.type !== "reload") return false;
  if (picture.kind !== "camera") return !(picture.kind in NEED);
  const allowed = await Promise.all([permission("camera"), permission("microphone")]);
  return allowed.every((state) => state === "granted");
}

export class Resuming {
  #page;
  #kept;
  #service;
  #acts;
  #timer = 0;
  /** @type {Record | null} that is offered */ #record = null;

  /**
   * @param {Record<string, any>} page its parts @param {import("./kept_call.js").KeptCall} kept
   * @param {{key: () => string, resume: (record: Record) => void, idle: () => boolean}} acts `idle`: no call has been started
   */
  constructor(page, kept, acts) {
    this.#page = page;
    this.#kept = kept;
    this.#service = new Service(acts.key);
    this.#acts = acts;
    page.resume.onclick = () => this.#resume();
    page.decline.onclick = () => this.close();
  }

  /** Go on with the call of the page before, or offer it. */
  async begin() {
    const record = await this.#kept.claim();
    if (!record) return;
    this.#record = record;
    if (!this.#acts.idle()) return this.close();
    if (await goesOnByItself(record)) this.#resume();
    else if (this.#record) this.#offer();
  }

  /** The user begins another call: the one that waits ends. */
  close() {
    const record = this.#record;
    if (!record) return;
    this.#forget();
    this.#service.send("DELETE", `v1/realtime/calls/${record.session}`).catch(() => {}); // or it ends by itself
  }

  /** Nothing is offered any more. */
  #forget() {
    clearTimeout(this.#timer);
    this.#kept.decline(this.#record);
    this.#record = null;
    this.#page.countdown.textContent = "";
    drawProblem(this.#page, null);
  }

  #resume() {
    const record = this.#record;
    clearTimeout(this.#timer);
    this.#record = null;
    if (record) this.#acts.resume(record);
  }

  async #offer() {
    const record = this.#record;
    try {
      const { state, ends_in: left } = await this.#service.get(`sessions/${record.session}`);
      if (this.#record !== record) return;
      if (state === "ended") return this.#forget();
      this.#show(record);
      this.#page.countdown.textContent = left === null ? "" : `The server keeps it for ${Math.ceil(left)} more s.`;
    } catch (error) {
      if (this.#record !== record) return;
      if (isOver(error)) return this.#forget();
      this.#show(record); // a key is needed, or the server does not answer in this moment
    }
    this.#timer = setTimeout(() => this.#offer(), LOOK_MS);
  }

  #show({ picture }) {
    if (!this.#page.resume.hidden) return; // screen readers read it once
    drawProblem(this.#page, { what: "Your call is still open.", advice: NEED[picture.kind] ?? "It goes on where it was, with all it knows.", offer: "resume" });
  }
}
