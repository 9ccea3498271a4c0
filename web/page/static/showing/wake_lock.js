/** Keeps the screen on during a call: a phone that sleeps ends it. */

/** Wanted or not; a browser without wake locks, or a low battery, refuses, and nothing breaks. */
export class WakeLock {
  #wanted = false;
  /** @type {WakeLockSentinel | null} */ #held = null;
  #again = () => this.#take();

  /** Whether the screen is kept on now. */
  get held() {
    return this.#held !== null && !this.#held.released;
  }

  /** @param {boolean} wanted */
  async want(wanted) {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) {
      document.addEventListener("visibilitychange", this.#again); // a hidden page loses it
      await this.#take();
    } else {
      document.removeEventListener("visibilitychange", this.#again);
      const held = this.#held;
      this.#held = null;
      await held?.release();
    }
  }

  async #take() {
    if (!this.#wanted || this.held || document.visibilityState !== "visible") return;
    const held = await navigator.wakeLock?.request("screen").catch(() => null);
    if (this.#wanted) this.#held = held ?? null;
    else await held?.release(); // no longer wanted meanwhile
  }
}
