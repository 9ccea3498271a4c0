/** The conversation's list: what is said, asked, answered and noticed, in order of time. */

const NEAR = 60; // distance in pixels from the end within which the list follows what is new

/** Keeps items in order of time, and the newest in view unless the user looks at earlier ones. */
export class Stream {
  #list;
  #empty;
  #newest;
  /** @type {WeakMap<Element, number>} seconds of the session */ #times = new WeakMap();
  #following = true; // the newest item
  #top = 0; // how far the list was scrolled down last
  #frame = 0; // of the browser's, in which the list follows

  /** @param {Record<string, HTMLElement>} page its parts */
  constructor(page) {
    this.#list = page.stream;
    this.#empty = page["stream-empty"];
    this.#newest = page["stream-newest"];
    this.#list.onscroll = () => this.#scrolled();
    this.#newest.onclick = () => this.follow();
    new ResizeObserver(() => this.#changed()).observe(this.#list);
  }

  /** Put `item` after all that is not later than `time`. @param {HTMLElement} item @param {number} time */
  add(item, time) {
    this.#times.set(item, time);
    const before = [...this.#list.children].findLast((each) => this.#times.get(each) <= time);
    if (before) before.after(item);
    else this.#list.prepend(item);
    this.#changed();
  }

  /** Put `item` in the place of `old`. @param {HTMLElement} old @param {HTMLElement} item */
  replace(old, item) {
    this.#times.set(item, this.#times.get(old));
    old.replaceWith(item);
    this.#changed();
  }

  /** @param {HTMLElement} item */
  remove(item) {
    item.remove();
    this.#changed();
  }

  /** Change an item, which may become larger. @param {() => void} act */
  change(act) {
    act();
    this.#changed();
  }

  get empty() {
    return this.#list.childElementCount === 0;
  }

  /** Go to the newest item. */
  follow() {
    this.#following = true;
    this.#show();
  }

  clear() {
    this.#list.replaceChildren();
    this.#following = true;
    this.#changed();
  }

  /** What changes in one frame is followed at once: reading where the list ends costs a layout. */
  #changed() {
    this.#empty.hidden = this.#list.childElementCount > 0;
    this.#frame ||= requestAnimationFrame(() => this.#show());
  }

  #show() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#following) this.#list.scrollTop = this.#list.scrollHeight;
    this.#scrolled();
  }

  /** Follow where the end is in view, and no longer once the user goes up. */
  #scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    const near = scrollHeight - scrollTop - clientHeight < NEAR;
    if (near || scrollTop < this.#top) this.#following = near;
    this.#top = scrollTop;
    this.#newest.hidden = near;
  }
}
