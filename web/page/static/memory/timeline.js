/** The memory of a call as a timeline: the whole session in a strip, its scenes in a row, moments to open. */

import { MomentView } from "./moment_view.js";
import { MomentList } from "./moments.js";
import { Overview } from "./overview.js";
import { SceneRow } from "./scene_row.js";
import { sceneAt, scenesOf } from "./scenes.js";

/** @typedef {import("../types.js").Moment} Moment */
/** @typedef {{number: number, time: number, text: string}} Reference to a moment */

/** Shows the moments of a call, what was made from them, and the opened one. */
export class Timeline {
  #page;
  #list = new MomentList();
  #row;
  #view;
  #overview;
  /** @type {import("./scenes.js").Scene[]} */ #scenes = [];
  #reached = { seconds: 0, at: 0 }; // of the session, on the browser's clock
  /** @type {readonly Reference[]} */ #lit = [];
  #frame = 0; // of the browser's, in which moments that came since the last one are drawn

  /**
   * @param {Record<string, any>} page its parts
   * @param {(text: string) => void} suggest puts a question into the input field
   */
  constructor(page, suggest) {
    this.#page = page;
    this.#view = new MomentView(page, this.#list, { opened: (moment) => this.#reach(moment, false), suggest });
    const open = (scene) => this.#view.open(scene.moments[0]);
    this.#row = new SceneRow(page, open);
    this.#overview = new Overview(page, { go: (scene) => this.#row.reach(scene, false), open });
    this.#overview.show([], 0);
  }

  /** Seconds of the session, as far as is known. */
  get now() {
    const { seconds, at } = this.#reached;
    return at ? seconds + (performance.now() - at) / 1000 : (this.#list.all.at(-1)?.time ?? 0);
  }

  /** @param {Moment} moment */
  add(moment) {
    this.#list.add(moment);
    this.#frame ||= requestAnimationFrame(() => this.#refresh());
  }

  /** The session is so long by now. @param {number} seconds */
  reach(seconds) {
    if (!Number.isFinite(seconds)) return;
    this.#reached = { seconds, at: performance.now() };
    this.#draw();
  }

  /** The moment for `reference`, with its image, or null. @param {Reference} reference */
  find(reference) {
    return this.#list.find(reference);
  }

  /** Bring a moment into view, or the one nearest to it in time. @param {Reference} reference */
  show(reference) {
    const moment = this.#list.find(reference) ?? this.#list.nearest(reference.time);
    if (moment) this.#reach(moment, true);
  }

  /** Light up the moments that an answer is made from; none: none. @param {readonly Reference[]} references */
  light(references) {
    this.#refresh();
    this.#lit = references;
    this.#light();
  }

  /** Mark when something was asked, or when a standing request was met. @param {"asked" | "met"} kind @param {string} text @param {number} [time] */
  mark(kind, text, time = this.now) {
    this.#overview.mark({ kind, text, time });
  }

  clear() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#list.clear();
    this.#scenes = [];
    this.#lit = [];
    this.#reached = { seconds: 0, at: 0 };
    this.#view.close();
    this.#row.clear();
    this.#overview.clear();
    this.#draw();
  }

  /** Draw moments that are not drawn yet. */
  #refresh() {
    if (!this.#frame) return;
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    this.#scenes = scenesOf(this.#list.all);
    this.#row.show(this.#scenes);
    this.#light();
    this.#draw();
  }

  #reach(moment, focused) {
    this.#refresh();
    const scene = this.#scenes.find(({ moments }) => moments.includes(moment));
    if (scene) this.#row.reach(scene, focused);
    this.#overview.reach(moment.time);
  }

  #light() {
    const scenes = this.#lit.map((each) => this.#scenes[sceneAt(this.#scenes, (this.find(each) ?? each).time)]);
    this.#row.light(new Set(scenes.filter(Boolean).map(({ moments }) => moments[0])));
    this.#overview.light(this.#lit.map(({ time }) => time));
  }

  #draw() {
    const { count } = this.#list;
    this.#overview.show(this.#scenes, Math.max(this.now, this.#scenes.at(-1)?.to ?? 0));
    this.#page["moments-empty"].hidden = count > 0;
    this.#page["moments-count"].textContent = count ? `${count} ${count === 1 ? "moment" : "moments"}` : "";
  }
}
