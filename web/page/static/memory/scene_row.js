/** A row of scenes, the newest at the end; the keyboard goes from one to the next. */

import { element } from "../view.js";
import { stretch } from "./moments.js";
import { timesOf } from "./scenes.js";

const MAX_SHOWN = 500; // scenes on the page at once
const EDGE = 48; // distance in pixels from the end within which the row follows the newest scene
const KEYS = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity };

/** @typedef {import("../types.js").Moment} Moment */
/** @typedef {import("./scenes.js").Scene} Scene */

/** Shows a window of the scenes. A scene is known by its first moment. */
export class SceneRow {
  #page;
  #row;
  #open;
  /** @type {readonly Scene[]} */ #scenes = [];
  #from = 0; // index of the first scene on the page
  #to = 0;
  /** @type {Map<Moment, {item: HTMLElement, drawn: string}>} */ #items = new Map();
  /** @type {Moment | null} the scene with the keyboard focus */ #current = null;
  /** @type {Moment | null} the selected scene */ #marked = null;
  /** @type {Set<Moment>} */ #lit = new Set();

  /** @param {Record<string, any>} page its parts @param {(scene: Scene) => void} open */
  constructor(page, open) {
    this.#page = page;
    this.#row = page.moments;
    this.#open = open;
    this.#row.onkeydown = (event) => this.#steer(event);
    this.#row.onscroll = () => this.#updateNewest();
    page["moments-earlier"].onclick = () => this.#turn(this.#from);
    page["moments-newest"].onclick = () => this.#follow(true);
  }

  /** Show `scenes`; the window stays unless the user is at its end. @param {readonly Scene[]} scenes */
  show(scenes) {
    const complete = this.#to === this.#scenes.length;
    const following = complete && this.#atEnd;
    const grown = scenes.length - this.#scenes.length;
    const first = this.#scenes[this.#from]?.moments[0];
    this.#scenes = scenes;
    if (following || (complete && this.#to + grown - this.#from <= MAX_SHOWN)) {
      this.#window(scenes.length);
    } else {
      const at = Math.max(0, scenes.findIndex(({ moments }) => moments[0] === first));
      [this.#from, this.#to] = [at, Math.min(scenes.length, at + MAX_SHOWN)];
    }
    this.#draw();
    if (following) this.#follow(false);
    this.#update();
  }

  /** Select a scene and bring it into view. @param {Scene} scene @param {boolean} focused whether it gets the keyboard */
  reach(scene, focused) {
    const at = this.#scenes.indexOf(scene);
    if (at < 0) return;
    if (at < this.#from || at >= this.#to) this.#window(at);
    this.#draw();
    this.#select(scene.moments[0]);
    const button = this.#button(scene.moments[0]);
    button?.scrollIntoView({ block: "nearest", inline: "center" });
    if (focused) button?.focus({ preventScroll: true });
    this.#update();
  }

  /** Light up the scenes that begin with `moments`. @param {Set<Moment>} moments */
  light(moments) {
    for (const moment of this.#lit) this.#button(moment)?.classList.remove("lit");
    for (const moment of moments) this.#button(moment)?.classList.add("lit");
    this.#lit = moments;
  }

  clear() {
    this.#current = this.#marked = null;
    this.#lit = new Set();
    this.show([]);
  }

  #window(at) {
    const { from, to } = stretch(this.#scenes.length, MAX_SHOWN, at);
    [this.#from, this.#to] = [from, to];
  }

  #draw() {
    const shown = this.#scenes.slice(this.#from, this.#to);
    const items = new Map(shown.map((scene) => [scene.moments[0], this.#itemOf(scene)]));
    for (const [moment, { item }] of this.#items) if (items.get(moment)?.item !== item) item.remove();
    this.#items = items;
    let place = this.#row.firstElementChild;
    for (const { item } of items.values()) {
      if (item === place) place = place.nextElementSibling;
      else this.#row.insertBefore(item, place);
    }
  }

  /** The item of a scene; one that is on the page stays there, and may grow. */
  #itemOf(scene) {
    const [first] = scene.moments;
    const known = this.#items.get(first);
    const drawn = `${timesOf(scene)} ${scene.name}`;
    if (known?.drawn === drawn) return known;
    const item = known?.item ?? document.createElement("li");
    const button = item.firstElementChild ?? element("button", "", "seen");
    button.type = "button";
    button.tabIndex = first === this.#current ? 0 : -1; // arrow keys go from one to the next
    button.ariaCurrent = String(first === this.#marked);
    button.title = first.text;
    Object.assign(button.dataset, { from: scene.from, to: scene.to });
    button.classList.toggle("lit", this.#lit.has(first));
    button.onclick = () => this.#open(scene);
    button.replaceChildren(pictureOf(first), element("time", timesOf(scene)), element("span", scene.name, "words"));
    if (!known) item.append(button);
    return { item, drawn };
  }

  #button(moment) {
    return this.#items.get(moment)?.item.firstElementChild;
  }

  /** Move the keyboard focus to a scene. */
  #reach(moment) {
    const [before, button] = [this.#current, moment].map((each) => each && this.#button(each));
    if (before) before.tabIndex = -1;
    if (button) button.tabIndex = 0;
    this.#current = moment;
  }

  #select(moment) {
    this.#reach(moment);
    const [before, button] = [this.#marked, moment].map((each) => each && this.#button(each));
    if (before) before.ariaCurrent = "false";
    if (button) button.ariaCurrent = "true";
    this.#marked = moment;
  }

  /** Show the scenes before the one at `place`, which stays visible. */
  #turn(place) {
    const first = this.#scenes[place].moments[0];
    this.#window(place);
    this.#draw();
    this.#reach(first);
    this.#button(first)?.scrollIntoView({ block: "nearest", inline: "start" });
    this.#update();
  }

  #steer(event) {
    const by = KEYS[event.key];
    const at = [...this.#row.children].findIndex((item) => item.contains(event.target));
    if (by === undefined || at < 0) return;
    event.preventDefault();
    const place = Math.max(this.#from, Math.min(this.#from + at + by, this.#to - 1));
    const [moment] = this.#scenes[place].moments;
    this.#reach(moment);
    this.#button(moment).focus({ preventScroll: true });
    this.#button(moment).scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  get #atEnd() {
    return this.#row.scrollWidth - this.#row.scrollLeft - this.#row.clientWidth < EDGE;
  }

  #follow(asked) {
    if (this.#to < this.#scenes.length) {
      this.#window(this.#scenes.length);
      this.#draw();
    }
    this.#row.scrollLeft = this.#row.scrollWidth;
    if (asked || !this.#row.contains(document.activeElement)) this.#reach(this.#scenes.at(-1)?.moments[0] ?? null);
    this.#update();
  }

  #update() {
    this.#page["moments-earlier"].hidden = this.#from === 0;
    this.#page["moments-earlier"].textContent = `${this.#from} earlier`;
    this.#updateNewest();
  }

  #updateNewest() {
    this.#page["moments-newest"].hidden = this.#to === this.#scenes.length && this.#atEnd;
  }
}

/** The image of a moment, or an empty frame. @param {Moment | null} moment */
export function pictureOf(moment) {
  if (!moment?.image) return element("span", "", "no-picture");
  const picture = document.createElement("img");
  Object.assign(picture, { src: moment.image, alt: "", decoding: "async", draggable: false });
  return picture;
}
