/** Shows what the service does now over the camera, with the level of the microphone. */

import { QUIET, after, described } from "./activity.js";
import { LevelMeter } from "./meter.js";

const DEAD = "Nothing comes from the microphone. It may be muted in the system, or another one may be chosen in Settings.";

/** The chip over the camera. */
export class Presence {
  #page;
  #state = QUIET;
  #meter;
  /** @type {() => {live: boolean, sent: boolean, muted: boolean, holds: boolean, talks: boolean}} */ #microphone;

  /**
   * @param {Record<string, any>} page its parts
   * @param {() => {live: boolean, sent: boolean, muted: boolean, holds: boolean, talks: boolean}} microphone how it is now; a clip may be sent in its place
   */
  constructor(page, microphone) {
    this.#page = page;
    this.#microphone = microphone;
    this.#meter = new LevelMeter((level, dead) => this.#level(level, dead));
  }

  /** @param {MediaStream} stream what is sent */
  open(stream) {
    this.#meter.open(stream);
  }

  close() {
    this.#meter.close();
    this.#state = QUIET;
    this.show();
  }

  /** Handle a server event; ignore those of other features. @param {any} event */
  receive(event) {
    this.#state = after(this.#state, event);
    this.show();
  }

  show() {
    const microphone = this.#microphone();
    const { kind, words } = described(this.#state, microphone);
    this.#page.activity.hidden = !microphone.live;
    this.#page.activity.dataset.kind = kind;
    this.#page["activity-words"].textContent = words;
  }

  #level(level, dead) {
    this.#page.level.style.setProperty("--level", level.toFixed(2));
    const silent = dead && this.#microphone().sent; // a clip may be silent
    this.#page.silent.hidden = !silent;
    if (silent) this.#page.silent.textContent = DEAD;
  }
}
