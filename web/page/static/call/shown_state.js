/** The state of the call as the page shows it, and what can be done in it. */

import { drawState } from "../view.js";
import { enable } from "./controls.js";
import { adviceFor } from "./quality.js";

/** A client's state, or `opening`, `muted` and `failed`, which only the page knows. */
export class ShownState {
  #root;
  #page;
  #late = ""; // what the server says while it does not keep up

  /** @param {HTMLElement} root `.eyeline` @param {Record<string, any>} page its parts */
  constructor(root, page) {
    this.#root = root;
    this.#page = page;
  }

  get name() {
    return this.#root.dataset.state;
  }

  /** Whether the call is live. */
  get live() {
    return ["live", "muted"].includes(this.name);
  }

  /** Show `state` and enable its controls. @param {string} state */
  show(state) {
    const page = this.#page;
    if (state !== "live" && state !== "muted") this.#late = "";
    this.#root.dataset.state = state;
    this.#root.dataset.behind = String(this.#late !== "");
    drawState(page, state, this.#late, adviceFor({ drawing: page.stage.dataset.generated === "on" }));
    enable(page, state);
  }

  /** The server does not keep up, or does again. @param {{state: string, message: string}} delay */
  keepUp({ state, message }) {
    this.#late = state === "behind" ? message : "";
    this.show(this.name);
  }
}
