/** The memory of the server as a bounded list of moments. Independent of the page and the network. */

const NEAR = 1; // seconds within which the image of another moment is used

/** @typedef {import("../types.js").Moment} Moment */

/** The moments of a call by time; the oldest are dropped here, not on the server. */
export class MomentList {
  /** @type {Moment[]} */ #moments = [];
  #dropped = 0;
  #limit;

  /** @param {number} [limit] maximum number of moments, each with an image of some kilobytes */
  constructor(limit = 5000) {
    this.#limit = limit;
  }

  /** @returns {readonly Moment[]} */
  get all() {
    return this.#moments;
  }

  /** The number of dropped moments. */
  get dropped() {
    return this.#dropped;
  }

  /** The number of moments received. */
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
   * The moment for `reference`: the same one, else the nearest within a second, else the nearest with the
   * same text. Answers may be based on frames that are not remembered as moments.
   * @param {{number: number, time: number, text: string}} reference
   * @returns {Moment | null}
   */
  find(reference) {
    const same = this.#moments.findLast((each) => each.number === reference.number && each.time === reference.time);
    if (same) return same;
    const close = nearest(this.#moments, reference.time);
    if (close && Math.abs(close.time - reference.time) <= NEAR) return close;
    return nearest(this.#moments.filter(({ text }) => text === reference.text), reference.time);
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
 * The range of at most `size` of `count` moments around `at`.
 * @param {number} count @param {number} size @param {number} at
 * @returns {{from: number, to: number}}
 */
export function stretch(count, size, at) {
  const from = Math.max(0, Math.min(at - Math.floor(size / 2), count - size));
  return { from, to: Math.min(count, from + size) };
}
