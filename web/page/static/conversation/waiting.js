/** What an answer is doing while nothing of it can be read yet. */

import { element } from "../view.js";

const SOON = 3; // seconds after which the wait is counted
const TICK_MS = 1000;

/** Answers that wait, each with what it does. */
export class WaitingAnswers {
  /** @type {Map<HTMLElement, {words: HTMLElement, doing: string, since: number}>} */ #all = new Map();
  #ticks = 0;

  /** Say what `answer` does. @param {HTMLElement} answer a paragraph without text @param {string} doing */
  say(answer, doing) {
    const known = this.#all.get(answer);
    const words = known?.words ?? element("span", "", "doing");
    if (!known) answer.replaceChildren(words);
    answer.classList.add("waiting");
    this.#all.set(answer, { words, doing, since: known?.since ?? performance.now() });
    words.textContent = doing;
    this.#ticks ||= setInterval(() => this.#count(), TICK_MS);
  }

  /** Its first words are here, or it is over. @param {HTMLElement} answer */
  end(answer) {
    this.#all.get(answer)?.words.remove();
    this.#all.delete(answer);
    answer.classList.remove("waiting");
    if (this.#all.size) return;
    clearInterval(this.#ticks);
    this.#ticks = 0;
  }

  /** @param {HTMLElement} answer */
  has(answer) {
    return this.#all.has(answer);
  }

  #count() {
    for (const { words, doing, since } of this.#all.values()) {
      const seconds = Math.floor((performance.now() - since) / 1000);
      words.textContent = seconds >= SOON ? `${doing}, ${seconds} s` : doing;
    }
  }
}
