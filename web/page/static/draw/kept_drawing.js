/** What is drawn by hand, among the events of the call that are kept: a page that is loaded again goes on with it. */

export const DRAWN = "page.drawn";
const SOON_MS = 1000; // points of so long are one event

/**
 * A step of drawing: a film begins, or one of a file; a prompt; a path begins, its points, as a film has them; the last
 * path is undone; those of a thing are cleared, or all.
 * @typedef {{step: "film" | "opened" | "prompt" | "path" | "points" | "undo" | "clear", [field: string]: any}} DrawnStep
 */

/** Keeps steps in their order. */
export class KeptDrawing {
  #note;
  /** @type {{thing: number, rows: number[][]} | null} not kept yet */ #points = null;
  #soon = 0;

  /** @param {(event: {type: string, [field: string]: unknown}) => void} note keeps an event */
  constructor(note) {
    this.#note = note;
    addEventListener("pagehide", () => this.#flush());
  }

  /** @param {DrawnStep} step */
  add(step) {
    this.#flush();
    this.#note({ type: DRAWN, ...step });
  }

  /** @param {number} thing @param {number[][]} rows */
  points(thing, rows) {
    if (this.#points?.thing !== thing) this.#flush();
    this.#points ??= { thing, rows: [] };
    this.#points.rows.push(...rows);
    this.#soon ||= setTimeout(() => this.#flush(), SOON_MS);
  }

  #flush() {
    clearTimeout(this.#soon);
    this.#soon = 0;
    const points = this.#points;
    this.#points = null;
    if (points) this.#note({ type: DRAWN, step: "points", ...points });
  }
}
