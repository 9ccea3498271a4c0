/** Paths drawn by hand: sent while they are drawn, noted in the film, taken back one by one. */

import { PathCanvas } from "../canvas.js";

/** @typedef {import("../types.js").Point} Point */

export class HandPaths {
  #canvas;
  #film;
  #keep;
  #send;
  #button;
  /** @type {{thing: number, from: Point | null, count: number}[]} paths that can be taken back */ #paths = [];

  /**
   * @param {Record<string, any>} page its parts
   * @param {import("./film.js").FilmStrip} film
   * @param {import("./kept_drawing.js").KeptDrawing} keep
   * @param {{send: (event: Record<string, unknown>) => void, choose: (thing: number) => void, clear: (thing: number) => void}} callbacks
   *   called for events of paths, the selection of a thing by key, and a cleared path
   */
  constructor(page, film, keep, { send, choose, clear }) {
    this.#film = film;
    this.#keep = keep;
    this.#send = send;
    this.#button = page["track-undo"];
    this.#button.onclick = () => this.#undo();
    this.#canvas = new PathCanvas(page["path-canvas"], page.generated, {
      begin: (thing, from) => (keep.add({ step: "path", thing, from }), this.#begin(thing, from)),
      points: (thing, points) => this.#move(thing, points),
      choose,
      clear,
    });
  }

  /** Show where paths are drawn. @param {boolean} shown */
  show(shown) {
    this.#canvas.show(shown);
  }

  /** Select the thing that paths move. @param {number} thing */
  choose(thing) {
    this.#canvas.choose(thing);
  }

  /** Forget the paths of `thing`, or of all things. @param {number} [thing] */
  forget(thing) {
    this.#canvas.forget(thing);
    this.#paths = thing === undefined ? [] : this.#paths.filter((path) => path.thing !== thing);
    this.#show();
  }

  /** The user clears the paths of `thing`, or of all things. @param {number} [thing] */
  clear(thing) {
    this.#keep.add({ step: "clear", thing });
    this.forget(thing);
  }

  /** Do again what was done before the page was loaded again. @param {import("./kept_drawing.js").DrawnStep} done */
  redo({ step, thing, from, rows }) {
    if (step === "path") this.#begin(thing, from);
    else if (step === "points") this.#canvas.put(thing, { x: rows.at(-1)[1], y: rows.at(-1)[2] });
    else if (step === "undo") this.#takeBack();
    else if (step === "clear") this.forget(thing);
    else if (step === "film") this.forget();
    this.#show();
  }

  #begin(thing, from) {
    this.#paths.push({ thing, from, count: this.#film.length(thing) });
  }

  #move(thing, points) {
    this.#film.path(thing, points);
    this.#send({ type: "eyeline.track.append", thing, points });
    this.#show();
  }

  /** The thing of the last path goes back to where it was, or moves as the prompt says. */
  #undo() {
    const path = this.#takeBack();
    if (!path) return;
    const { thing, from } = path;
    this.#keep.add({ step: "undo" });
    this.#send({ type: "eyeline.track.clear", thing });
    if (from) this.#send({ type: "eyeline.track.append", thing, points: [from] });
    this.#show();
  }

  /** Forget the last path. */
  #takeBack() {
    const path = this.#paths.pop();
    if (!path) return null;
    this.#canvas.put(path.thing, path.from);
    this.#film.cut(path.thing, path.count);
    return path;
  }

  #show() {
    this.#button.disabled = !this.#paths.length;
  }
}
