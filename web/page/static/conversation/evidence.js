/** The moments that an answer is made from, as small pictures that lead to them. */

import { clock } from "../captions.js";
import { pictureOf } from "../memory/scene_row.js";
import { element } from "../view.js";

/** @typedef {import("../memory/timeline.js").Reference} Reference */

/** Pictures of moments, some of which arrive later than what refers to them. */
export class EvidencePictures {
  #timeline;
  /** @type {{reference: Reference, button: HTMLElement}[]} */ #lacking = [];

  /** @param {import("../memory/timeline.js").Timeline} timeline has the moments */
  constructor(timeline) {
    this.#timeline = timeline;
  }

  /** A list of moments. @param {readonly Reference[]} references */
  list(references) {
    const list = element("ul", "", "evidence");
    list.ariaLabel = "Based on these moments";
    list.append(...references.map((reference) => this.#item(reference)));
    return list;
  }

  /** A moment has arrived, perhaps one that lacks its picture. */
  illustrate() {
    this.#lacking = this.#lacking.filter(({ reference, button }) => {
      const moment = this.#timeline.find(reference);
      if (moment) button.firstElementChild.replaceWith(pictureOf(moment));
      return !moment && button.isConnected;
    });
  }

  #item(reference) {
    const item = document.createElement("li");
    const button = element("button", "");
    const moment = this.#timeline.find(reference);
    button.type = "button";
    button.title = reference.text;
    button.ariaLabel = `${clock(reference.time)}, ${reference.text}: show in memory`;
    button.append(pictureOf(moment), element("time", clock(reference.time)));
    button.onclick = () => this.#timeline.show(reference);
    if (!moment) this.#lacking.push({ reference, button });
    item.append(button);
    return item;
  }
}
