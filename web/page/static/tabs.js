/** The tabs beside the camera: one panel at a time; the arrow keys go from one to the next. */

const KEYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

/** Tabs with `data-tab`; `data-view` of the root says which is shown. */
export class Tabs {
  #root;
  #list;
  #changed;

  /** @param {HTMLElement} root @param {HTMLElement} list @param {(view: string) => void} changed */
  constructor(root, list, changed) {
    this.#root = root;
    this.#list = list;
    this.#changed = changed;
    list.onclick = ({ target }) => target.dataset.tab && this.show(target.dataset.tab);
    list.onkeydown = (event) => this.#step(event);
  }

  get shown() {
    return this.#root.dataset.view;
  }

  /** @param {string} view the name of a tab */
  show(view) {
    for (const tab of this.#list.children) {
      const chosen = tab.dataset.tab === view;
      tab.ariaSelected = String(chosen);
      tab.tabIndex = chosen ? 0 : -1;
    }
    this.#root.dataset.view = view;
    this.#changed(view);
  }

  /** Show a tab that has something to show by now. @param {string} view */
  offer(view) {
    this.#list.querySelector(`[data-tab="${view}"]`).hidden = false;
  }

  #step(event) {
    const by = KEYS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const tabs = [...this.#list.children].filter((tab) => !tab.hidden);
    const at = tabs.findIndex((tab) => tab.dataset.tab === this.shown);
    const tab = tabs[Math.max(0, Math.min(at + by, tabs.length - 1))];
    this.show(tab.dataset.tab);
    tab.focus();
  }
}
