/** Says that a broken call is taken up again by itself, and for how long the session waits for it. */

import { drawProblem } from "../view.js";

const WAITS = 60; // seconds for which a server keeps a session, unless it says so
const TICK_MS = 1000;

/** The countdown of a call that is interrupted. */
export class Returning {
  #page;
  #waits = WAITS;
  #ticks = 0;

  /** @param {Record<string, any>} page its parts */
  constructor(page) {
    this.#page = page;
  }

  /** @param {number} seconds for which the server keeps the session */
  keepFor(seconds) {
    this.#waits = seconds;
  }

  /** @param {string} reason what happened */
  begin(reason) {
    this.end();
    const until = performance.now() + 1000 * this.#waits;
    drawProblem(this.#page, { what: reason, advice: "The session is kept, with all it knows." });
    const count = () => {
      const left = Math.max(0, Math.ceil((until - performance.now()) / 1000));
      this.#page.countdown.textContent = `Trying to get back to it for ${left} more s.`;
    };
    count();
    this.#ticks = setInterval(count, TICK_MS);
  }

  end() {
    clearInterval(this.#ticks);
    this.#page.countdown.textContent = "";
  }
}
