/** What the server remembers, as a bounded list of moments. Knows nothing of the page or the network. */

const NEAR = 1; // seconds: so far from a moment its picture still shows what was meant

/** @typedef {import("./types.js").Moment} Moment */

/** The moments of a call in order of time; the oldest are forgotten here, not on the server. */
export class MomentList {
  /** @type {Moment[]} */ #moments = [];
  #dropped = 0;
  #limit;

  /** @param {number} [limit] how many moments are kept, each with a picture of some kilobytes */
  constructor(limit = 5000) {
    this.#limit = limit;
  }

  /** @returns {readonly Moment[]} */
  get all() {
    return this.#moments;
  }

  /** How many moments had to go. */
  get dropped() {
    return this.#dropped;
  }

  /** How many moments came. */
  get count() {
    return this.#moments.length + this.#dropped;
  }

  /**
   * Put `moment` at its place in time.
   * @param {Moment} moment
   * @returns {boolean} whether it is the newest
   */
  add(moment) {
    const at = this.#moments.findLastIndex(({ time }) => time <= moment.time) + 1;
    this.#moments.splice(at, 0, moment);
    const newest = at === this.#moments.length - 1;
    if (this.#moments.length > this.#limit) {
      this.#moments.shift();
      this.#dropped += 1;
    }
    return newest;
  }

  /**
   * The moment that `told` means: the same one, else the nearest within a second, else the nearest
   * that looked the same. Not each look is remembered, and an answer may be made from any.
   * @param {{number: number, time: number, text: string}} told
   * @returns {Moment | null}
   */
  find(told) {
    const same = this.#moments.findLast((each) => each.number === told.number && each.time === told.time);
    if (same) return same;
    const close = nearest(this.#moments, told.time);
    if (close && Math.abs(close.time - told.time) <= NEAR) return close;
    return nearest(this.#moments.filter(({ text }) => text === told.text), told.time);
  }

  /** @param {number} time @returns {Moment | null} the moment nearest to `time`, if there is any */
  nearest(time) {
    return nearest(this.#moments, time);
  }

  clear() {
    this.#moments = [];
    this.#dropped = 0;
  }
}

function nearest(moments, time) {
  const far = (moment) => Math.abs(moment.time - time);
  return moments.reduce((best, each) => (best && far(best) <= far(each) ? best : each), null);
}

/**
 * The stretch of at most `size` of `count` moments around `at`: where it begins and ends.
 * @param {number} count @param {number} size @param {number} at
 * @returns {{from: number, to: number}}
 */
export function stretch(count, size, at) {
  const from = Math.max(0, Math.min(at - Math.floor(size / 2), count - size));
  return { from, to: Math.min(count, from + size) };
}
