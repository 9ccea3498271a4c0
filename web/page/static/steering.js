/** Follows what the server asks a client to send: bits, frames, size, and where in the picture. */

import { canFocus, FocusFilter } from "./focus.js";

/** @typedef {import("./types.js").SteeringEvent} SteeringEvent */

const SCARCE = 0.05; // bits for each pixel below which the regions matter, as in rtc/allocation/steering.py
const PLENTY = 0.065; // above which they do not any more

/** Steers one video sender; `lacking` names what this browser cannot do of what was asked. */
export class Steering {
  #sender;
  #track;
  /** @type {FocusFilter | null} */ #filter = null;
  /** @type {SteeringEvent | null} */ #next = null;
  /** @type {SteeringEvent | null} */ #last = null;
  #scarce = false;
  #busy = false;
  /** @type {Promise<void>} */ #done = Promise.resolve();
  #replaced = false;
  #layered = false;
  #stopped = false;
  /** @type {Set<"layers" | "focus" | "limits">} */ lacking = new Set();

  /** @param {RTCRtpSender} sender @param {MediaStreamTrack | null} track what it sends unfiltered */
  constructor(sender, track) {
    this.#sender = sender;
    this.#track = track;
  }

  /** Whether a filter blurs what is not relevant. */
  get focused() {
    return this.#filter !== null;
  }

  /** Do what `steering` asks for, after what is being done; only the newest counts. @param {SteeringEvent} steering */
  apply(steering) {
    this.#next = steering;
    return this.#work();
  }

  /** Send `track` from now on, steered as the one before; null: no picture. @param {MediaStreamTrack | null} track */
  replace(track) {
    this.#track = track;
    this.#replaced = true;
    this.#next ??= this.#last;
    return this.#work();
  }

  #work() {
    if (!this.#busy) this.#done = this.#workOff();
    return this.#done;
  }

  async #workOff() {
    this.#busy = true;
    try {
      while ((this.#next || this.#replaced) && !this.#stopped) {
        if (this.#replaced) await this.#send();
        if (this.#next) await this.#follow(this.#next);
      }
    } finally {
      this.#busy = false;
    }
  }

  async #send() {
    this.#replaced = false;
    await this.#unfocus();
    await this.#sender.replaceTrack(this.#track);
  }

  /** @param {SteeringEvent} steering */
  async #follow(steering) {
    this.#last = steering;
    this.#next = null;
    const { encoding, regions, focus } = steering;
    await this.#limit(encoding);
    await this.#focus(focus || this.#scarce ? regions : []);
  }

  /** Look at what the network leaves: it may be less than the server asks for. */
  async check() {
    const report = await this.#sender.getStats();
    const sent = [...report.values()].find((entry) => entry.type === "outbound-rtp" && entry.kind === "video");
    const pixels = (sent?.frameWidth ?? 0) * (sent?.frameHeight ?? 0) * (sent?.framesPerSecond ?? 0);
    if (!pixels || !sent.targetBitrate) return;
    const scarce = sent.targetBitrate / pixels < (this.#scarce ? PLENTY : SCARCE);
    if (scarce === this.#scarce) return;
    this.#scarce = scarce;
    if (this.#last && !this.#busy) await this.apply(this.#last);
  }

  /** Filter no more; the sender is about to close. */
  stop() {
    this.#stopped = true;
    this.#filter?.stop();
    this.#filter = null;
  }

  /** @param {SteeringEvent["encoding"]} encoding */
  async #limit({ scalabilityMode, ...limits }) {
    const layers = this.#layered || scalabilityMode !== "L1T1" ? { scalabilityMode } : {};
    if (await this.#set({ ...limits, ...layers })) {
      this.#layered = "scalabilityMode" in layers;
      this.lacking.delete("limits");
    } else if (await this.#set(limits)) this.lacking.add("layers");
    else this.lacking.add("limits");
  }

  /** @param {object} wanted */
  async #set(wanted) {
    const parameters = this.#sender.getParameters();
    if (!parameters.encodings?.length) return false;
    Object.assign(parameters.encodings[0], wanted);
    try {
      await this.#sender.setParameters(parameters);
      return true;
    } catch {
      return false; // this codec or this browser does not have one of them
    }
  }

  /** Send a filtered picture while there are regions. @param {readonly import("./types.js").Region[]} regions */
  async #focus(regions) {
    if (!regions.length || !this.#track) return this.#unfocus();
    if (!this.#filter) {
      this.#filter = this.#open();
      if (!this.#filter) return undefined;
      await this.#sender.replaceTrack(this.#filter.track);
    }
    return this.#filter.show(regions);
  }

  #open() {
    if (!this.#track || !canFocus() || this.lacking.has("focus")) return this.#cannotFocus();
    try {
      return new FocusFilter(this.#track, () => this.#cannotFocus() ?? this.#unfocus());
    } catch {
      return this.#cannotFocus(); // a page may forbid workers
    }
  }

  #cannotFocus() {
    this.lacking.add("focus");
    return null;
  }

  async #unfocus() {
    const filter = this.#filter;
    if (!filter) return;
    this.#filter = null;
    if (!this.#stopped) await this.#sender.replaceTrack(this.#track);
    filter.stop();
  }
}
