/** The memory: a row of moments, the newest at the end; each can be opened. */

import { clock } from "../captions.js";
import { MomentList, stretch } from "./moments.js";
import { element } from "../view.js";

const MAX_SHOWN = 500; // moments on the page at once
const EDGE = 48; // distance in pixels from the end within which the row follows the newest moment
const KEYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

/** @typedef {import("../types.js").Moment} Moment */

/** Shows the moments of a call, and the opened one. */
export class Timeline {
  #page;
  #list = new MomentList();
  #from = 0; // index of the first moment on the page
  #to = 0;
  #current = null; // the moment with the keyboard focus
  #marked = null; // the selected moment
  #opened = null;

  /**
   * @param {Record<string, HTMLElement>} page
   * @param {(text: string) => void} suggest puts a question into the input field
   */
  constructor(page, suggest) {
    this.#page = page;
    page.moments.onkeydown = (event) => this.#steer(event);
    page.moments.onscroll = () => this.#updateNewest();
    page["moments-earlier"].onclick = () => this.#turn(this.#from);
    page["moments-newest"].onclick = () => this.#follow(true);
    page["moment-before"].onclick = () => this.#openNext(-1);
    page["moment-after"].onclick = () => this.#openNext(1);
    page["moment-close"].onclick = () => page.moment.close();
    page["moment-ask"].onclick = () => {
      page.moment.close();
      suggest(`What was there at ${clock(this.#opened.time)}?`);
    };
    page.moment.onkeydown = (event) => {
      if (event.key === "ArrowLeft" || event.key === "ArrowRight") this.#openNext(KEYS[event.key]);
    };
    page.moment.onclick = ({ target }) => target === page.moment && page.moment.close(); // beside it
  }

  /** @param {Moment} moment */
  add(moment) {
    const complete = this.#to === this.#list.all.length;
    const following = complete && this.#atEnd();
    const dropped = this.#list.dropped;
    const newest = this.#list.add(moment);
    if (this.#list.dropped > dropped) this.#forgetFirst();
    if (!newest) this.#drawAround(this.#to); // out of order: it may be in the visible range
    else if (complete && (following || this.#to - this.#from < MAX_SHOWN)) this.#append(moment);
    if (following) this.#follow(false);
    this.#updateCount();
  }

  /** The moment for `reference`, with its image, or null. @param {{number: number, time: number}} reference */
  find(reference) {
    return this.#list.find(reference);
  }

  /** Bring a moment into view, or the one nearest to it in time. @param {{number: number, time: number}} reference */
  show(reference) {
    const moment = this.#list.find(reference) ?? this.#list.nearest(reference.time);
    if (!moment) return;
    const at = this.#list.all.indexOf(moment);
    if (at < this.#from || at >= this.#to) this.#drawAround(at);
    this.#select(moment);
    const button = this.#button(moment);
    button.scrollIntoView({ block: "nearest", inline: "center" });
    button.focus({ preventScroll: true });
    this.#updateCount();
  }

  clear() {
    this.#list.clear();
    this.#current = this.#marked = this.#opened = null;
    this.#page.moment.close();
    this.#drawAround(0);
    this.#updateCount();
  }

  #append(moment) {
    const row = this.#page.moments;
    row.append(this.#item(moment));
    this.#to += 1;
    if (this.#to - this.#from <= MAX_SHOWN) return;
    row.firstElementChild.remove();
    this.#from += 1;
  }

  /** The first moment of the list was dropped. */
  #forgetFirst() {
    if (this.#from > 0) this.#from -= 1;
    else this.#page.moments.firstElementChild?.remove();
    this.#to -= 1;
  }

  #drawAround(at) {
    const { from, to } = stretch(this.#list.all.length, MAX_SHOWN, at);
    [this.#from, this.#to] = [from, to];
    this.#draw();
  }

  #draw() {
    const row = this.#page.moments;
    const scrolled = row.scrollLeft;
    const focused = row.contains(document.activeElement);
    row.replaceChildren(...this.#list.all.slice(this.#from, this.#to).map((each) => this.#item(each)));
    row.scrollLeft = scrolled;
    if (focused) this.#button(this.#current)?.focus({ preventScroll: true });
  }

  /** Show the moments before the one at `place`, which stays visible. */
  #turn(place) {
    const first = this.#list.all[place];
    this.#drawAround(place);
    this.#reach(first);
    this.#button(first)?.scrollIntoView({ block: "nearest", inline: "start" });
    this.#updateCount();
  }

  #item(moment) {
    const item = document.createElement("li");
    const button = element("button", "", "seen");
    button.type = "button";
    button.tabIndex = moment === this.#current ? 0 : -1; // arrow keys go from one to the next
    button.ariaCurrent = String(moment === this.#marked);
    button.onclick = () => this.#open(moment);
    button.append(pictureOf(moment), element("time", clock(moment.time)), element("span", moment.text, "words"));
    button.title = moment.text;
    item.append(button);
    return item;
  }

  #button(moment) {
    const at = this.#list.all.indexOf(moment);
    return this.#page.moments.children[at - this.#from]?.firstElementChild;
  }

  /** Move the keyboard focus to `moment`. */
  #reach(moment) {
    const [before, button] = [this.#current, moment].map((each) => each && this.#button(each));
    if (before) before.tabIndex = -1;
    if (button) button.tabIndex = 0;
    this.#current = moment;
  }

  /** Mark `moment` as selected. */
  #select(moment) {
    this.#reach(moment);
    const [before, button] = [this.#marked, moment].map((each) => each && this.#button(each));
    if (before) before.ariaCurrent = "false";
    if (button) button.ariaCurrent = "true";
    this.#marked = moment;
  }

  #steer(event) {
    const by = KEYS[event.key];
    const at = [...this.#page.moments.children].findIndex((item) => item.contains(event.target));
    if (by === undefined || at < 0) return;
    event.preventDefault();
    const place = Math.max(this.#from, Math.min(this.#from + at + by, this.#to - 1));
    const moment = this.#list.all[place];
    this.#reach(moment);
    this.#button(moment).focus({ preventScroll: true });
    this.#button(moment).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  #open(moment) {
    const page = this.#page;
    this.#opened = moment;
    this.#select(moment);
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

  #openNext(by) {
    const at = this.#list.all.indexOf(this.#opened);
    const moment = at < 0 ? undefined : this.#list.all[at + by];
    if (moment) this.#open(moment);
  }

  #atEnd() {
    const row = this.#page.moments;
    return row.scrollWidth - row.scrollLeft - row.clientWidth < EDGE;
  }

  #follow(asked) {
    const row = this.#page.moments;
    if (this.#to < this.#list.all.length) this.#drawAround(this.#list.all.length);
    row.scrollLeft = row.scrollWidth;
    const newest = this.#list.all.at(-1) ?? null;
    if (asked || !row.contains(document.activeElement)) this.#reach(newest);
    this.#updateCount();
  }

  #updateCount() {
    const count = this.#list.count;
    this.#page["moments-empty"].hidden = count > 0;
    this.#page["moments-count"].textContent = count ? `${count} ${count === 1 ? "moment" : "moments"}` : "";
    this.#page["moments-earlier"].hidden = this.#from === 0;
    this.#page["moments-earlier"].textContent = `${this.#from} earlier`;
    this.#updateNewest();
  }

  #updateNewest() {
    const newest = this.#to === this.#list.all.length && this.#atEnd();
    this.#page["moments-newest"].hidden = newest;
  }
}

/** The image of a moment, or an empty frame. @param {Moment | null} moment */
export function pictureOf(moment) {
  if (!moment?.image) return element("span", "", "no-picture");
  const picture = document.createElement("img");
  Object.assign(picture, { src: moment.image, alt: "", decoding: "async", draggable: false });
  return picture;
}
