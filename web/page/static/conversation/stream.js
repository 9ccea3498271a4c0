/** The conversation's list: what is said, asked, answered and noticed, in order of time. */

const NEAR = 60; // distance in pixels from the end within which the list follows what is new

/** Keeps items in order of time, and the newest in view unless the user looks at earlier ones. */
export class Stream {
  #list;
  #empty;
  #newest;
  /** @type {WeakMap<Element, number>} seconds of the session */ #times = new WeakMap();

  /** @param {Record<string, HTMLElement>} page its parts */
  constructor(page) {
    this.#list = page.stream;
    this.#empty = page["stream-empty"];
    this.#newest = page["stream-newest"];
    this.#list.onscroll = () => this.#update();
    this.#newest.onclick = () => this.follow();
  }

  /** Put `item` after all that is not later than `time`. @param {HTMLElement} item @param {number} time */
  add(item, time) {
    const following = this.#following;
    this.#times.set(item, time);
    const before = [...this.#list.children].findLast((each) => this.#times.get(each) <= time);
    if (before) before.after(item);
    else this.#list.prepend(item);
    this.#changed(following);
  }

  /** Put `item` in the place of `old`. @param {HTMLElement} old @param {HTMLElement} item */
  replace(old, item) {
    const following = this.#following;
    this.#times.set(item, this.#times.get(old));
    old.replaceWith(item);
    this.#changed(following);
  }

  /** @param {HTMLElement} item */
  remove(item) {
    item.remove();
    this.#changed(false);
  }

  /** Change an item, which may become larger. @param {() => void} act */
  change(act) {
    const following = this.#following;
    act();
    this.#changed(following);
  }

  get empty() {
    return this.#list.childElementCount === 0;
  }

  /** Go to the newest item. */
  follow() {
    this.#list.scrollTop = this.#list.scrollHeight;
    this.#update();
  }

  clear() {
    this.#list.replaceChildren();
    this.#changed(true);
  }

  get #following() {
    const { scrollHeight, scrollTop, clientHeight } = this.#list;
    return scrollHeight - scrollTop - clientHeight < NEAR;
  }

  #changed(following) {
    this.#empty.hidden = this.#list.childElementCount > 0;
    if (following) this.#list.scrollTop = this.#list.scrollHeight;
    this.#update();
  }

  #update() {
    this.#newest.hidden = this.#following;
  }
}
