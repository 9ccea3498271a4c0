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
  #layered = false;
  #stopped = false;
  /** @type {Set<"layers" | "focus" | "limits">} */ lacking = new Set();

  /** @param {RTCRtpSender} sender @param {MediaStreamTrack} track what it sends unfiltered */
  constructor(sender, track) {
    this.#sender = sender;
    this.#track = track;
  }

  /** Whether a filter blurs what is not relevant. */
  get focused() {
    return this.#filter !== null;
  }

  /** Do what `steering` asks for, after what is being done; only the newest counts. @param {SteeringEvent} steering */
  async apply(steering) {
    this.#next = steering;
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (this.#next && !this.#stopped) {
        const { encoding, regions, focus } = (this.#last = this.#next);
        this.#next = null;
        await this.#limit(encoding);
        await this.#focus(focus || this.#scarce ? regions : []);
      }
    } finally {
      this.#busy = false;
    }
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

  async #limit({ scalabilityMode, ...limits }) {
    const layers = this.#layered || scalabilityMode !== "L1T1" ? { scalabilityMode } : {};
    if (await this.#set({ ...limits, ...layers })) {
      this.#layered = "scalabilityMode" in layers;
      this.lacking.delete("limits");
    } else if (await this.#set(limits)) this.lacking.add("layers");
    else this.lacking.add("limits");
  }

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

  /** Send a filtered picture while there are regions. */
  async #focus(regions) {
    if (!regions.length) return this.#unfocus();
    if (!this.#filter) {
      this.#filter = this.#open();
      if (!this.#filter) return undefined;
      await this.#sender.replaceTrack(this.#filter.track);
    }
    return this.#filter.show(regions);
  }

  #open() {
    if (!canFocus() || this.lacking.has("focus")) return this.#cannotFocus();
    try {
      return new FocusFilter(this.#track, () => this.#cannotFocus() ?? this.#unfocus());
    } catch {
      return this.#cannotFocus(); // on a page of another site, say: a worker must be of the same
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
