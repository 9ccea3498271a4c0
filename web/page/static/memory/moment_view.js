/** The opened moment: its picture, and the ones before and after it. */

import { clock } from "../captions.js";

/** @typedef {import("../types.js").Moment} Moment */

/** A dialog for one moment at a time. */
export class MomentView {
  #page;
  #list;
  #opened;
  /** @type {Moment | null} */ #moment = null;

  /**
   * @param {Record<string, any>} page its parts
   * @param {import("./moments.js").MomentList} list
   * @param {{opened: (moment: Moment) => void, suggest: (question: string) => void}} acts
   */
  constructor(page, list, { opened, suggest }) {
    this.#page = page;
    this.#list = list;
    this.#opened = opened;
    page["moment-before"].onclick = () => this.#turn(-1);
    page["moment-after"].onclick = () => this.#turn(1);
    page["moment-close"].onclick = () => page.moment.close();
    page["moment-ask"].onclick = () => {
      page.moment.close();
      suggest(`What was there at ${clock(this.#moment.time)}?`);
    };
    page.moment.onkeydown = ({ key }) => {
      if (key === "ArrowLeft" || key === "ArrowRight") this.#turn(key === "ArrowLeft" ? -1 : 1);
    };
    page.moment.onclick = ({ target }) => target === page.moment && page.moment.close(); // beside it
  }

  /** @param {Moment} moment */
  open(moment) {
    const page = this.#page;
    this.#moment = moment;
    this.#opened(moment);
    page["moment-picture"].hidden = !moment.image;
    page["moment-picture"].src = moment.image ?? "";
    page["moment-picture"].alt = moment.text;
    page["moment-time"].textContent = clock(moment.time);
    page["moment-words"].textContent = moment.text;
    const at = this.#list.all.indexOf(moment);
    page["moment-before"].disabled = at <= 0;
    page["moment-after"].disabled = at < 0 || at === this.#list.all.length - 1;
    if (!page.moment.open) page.moment.showModal();
  }

  close() {
    this.#moment = null;
    this.#page.moment.close();
  }

  #turn(by) {
    const at = this.#list.all.indexOf(this.#moment);
    const moment = at < 0 ? undefined : this.#list.all[at + by];
    if (moment) this.open(moment);
  }
}
