/** The film that is being drawn: its prompts and paths by time, as `eyeline generate` takes them. */

import { element } from "../view.js";

const MS = 1000;
const DIGITS = 1000; // times are in thousandths of a second
const MAX_SIZE = 4e6; // bytes of a file
const MAX_PROMPTS = 1000; // of a film, and points of a thing: as `eyeline generate` takes them
const MAX_POINTS = 50_000;
const MAX_SECONDS = 86_400; // of a film; timers cannot wait for a month
const AT_ONCE = 1000; // points that are sent at once: a session takes twice as many in advance
const AHEAD = 5; // seconds before points are due
const PLACES = 1e4; // of a picture's side, to which positions are rounded

/** @typedef {import("../types.js").Point} Point */
/** @typedef {{prompts: [number, string][], things: [number, number, number][][]}} Film */

/** Notes what is drawn, saves it as a file, and draws what a file says. */
export class FilmStrip {
  #slot;
  #play;
  #now;
  #keep;
  /** @type {Film} */ #film = { prompts: [], things: [[], []] };
  #started = 0; // in ms since 1970; 0: nothing was drawn
  /** @type {number[]} timers of a film that is played */ #timers = [];
  #list = element("ol", "", "film-prompts");
  #save = element("button", "Save film");
  #problem = element("p", "", "film-problem");

  /**
   * @param {HTMLElement} slot
   * @param {{prompt: (text: string) => void, path: (thing: number, points: (Point & {t: number})[]) => void, begin: () => void}} play
   *   called to draw what a file says
   * @param {{now: () => number, keep: import("./kept_drawing.js").KeptDrawing}} kept `now`: in ms since 1970; `keep`: what is drawn
   */
  constructor(slot, play, { now, keep }) {
    this.#slot = slot;
    this.#play = play;
    this.#now = now;
    this.#keep = keep;
    const open = element("label", "Open film", "film-open");
    const file = Object.assign(document.createElement("input"), { type: "file", accept: ".json,application/json" });
    open.append(file);
    file.onchange = async () => {
      if (file.files?.[0]) await this.#open(file.files[0]);
      file.value = "";
    };
    this.#save.type = "button";
    this.#save.onclick = () => this.#download();
    this.#problem.role = "alert";
    const row = element("div", "", "row");
    row.append(this.#save, open);
    slot.append(element("p", "Film", "name"), this.#list, row, this.#problem);
    this.#show();
  }

  /** A new film starts. */
  begin() {
    this.#keep.add({ step: "film" });
    this.#begin();
  }

  #begin() {
    this.stop();
    this.#film = { prompts: [], things: [[], []] };
    this.#started = this.#now();
    this.#show();
  }

  /** Whether a file is drawn. */
  get playing() {
    return this.#timers.length > 0;
  }

  /** No more of a file is drawn. */
  stop() {
    this.#timers.splice(0).forEach(clearTimeout);
  }

  /** Note a prompt. @param {string} text */
  prompt(text) {
    this.#keep.add({ step: "prompt", text });
    this.#say(text);
  }

  #say(text) {
    const { prompts } = this.#film;
    const time = prompts.length ? this.#time : 0;
    if (prompts.at(-1)?.[1] === text) return;
    if (prompts.at(-1)?.[0] === time) prompts.pop();
    prompts.push([time, text]);
    this.#show();
  }

  /** Note points of a path. @param {number} thing @param {Point[]} points drawn up to now */
  path(thing, points) {
    const track = this.#film.things[thing];
    const [known, from, until] = [track.length, track.at(-1)?.[0] ?? Math.max(0, this.#time - 0.05), this.#time];
    points.forEach(({ x, y }, index) => {
      const time = round(from + ((until - from) * (index + 1)) / points.length);
      if (time > (track.at(-1)?.[0] ?? -1)) track.push([time, placed(x), placed(y)]);
    });
    if (track.length > known) this.#keep.points(thing, track.slice(known));
  }

  /** Do again what was done before the page was loaded again. @param {import("./kept_drawing.js").DrawnStep} done */
  redo({ step, text, thing, rows, things }) {
    if (step === "film") this.#begin();
    else if (step === "prompt") this.#say(text);
    else if (step === "points") this.#film.things[thing].push(...rows);
    else if (step === "opened") this.#film.things = things;
  }

  /** Take back the path of a thing from a time on. @param {number} thing @param {number} count points that stay */
  cut(thing, count) {
    this.#film.things[thing].length = Math.min(count, this.#film.things[thing].length);
  }

  /** The number of points of a thing. @param {number} thing */
  length(thing) {
    return this.#film.things[thing].length;
  }

  /** @returns {Film} without things that have no path */
  get film() {
    const things = this.#film.things[1].length ? this.#film.things : this.#film.things.slice(0, 1);
    return { prompts: this.#film.prompts, things: things.some((track) => track.length) ? things : [] };
  }

  /** Do something once the film has come so far; at once if that is before it. @param {number} time @param {() => void} act */
  #at(time, act) {
    if (time <= 0) act();
    else this.#timers.push(setTimeout(act, time * MS));
  }

  get #time() {
    return round((this.#now() - this.#started) / MS);
  }

  #show() {
    this.#save.disabled = !this.#film.prompts.length;
    this.#list.replaceChildren(...this.#film.prompts.map(([time, text]) => element("li", `${time.toFixed(1)} s: ${text}`)));
  }

  #download() {
    const data = new Blob([JSON.stringify(this.film)], { type: "application/json" });
    const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(data), download: "film.json" });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), MS);
  }

  /** @param {File} file */
  async #open(file) {
    const film = file.size > MAX_SIZE ? null : readFilm(await file.text());
    this.#problem.textContent = film ? "" : `${file.name} is no film: expected {"prompts": [[0, "a duck on grass"]], "things": [[[t, x, y]]]}.`;
    if (!film) return;
    this.#play.begin();
    for (const [thing, track] of film.things.entries())
      for (const part of inParts(timed(track))) this.#at(part[0].t - AHEAD, () => this.#play.path(thing, part));
    for (const [time, text] of film.prompts) this.#timers.push(setTimeout(() => this.#play.prompt(text), time * MS));
    this.#film.things = [film.things[0] ?? [], film.things[1] ?? []];
    this.#keep.add({ step: "opened", things: this.#film.things });
  }
}

const round = (time) => Math.round(time * DIGITS) / DIGITS;
const placed = (part) => Math.round(part * PLACES) / PLACES;

/** Points with times from 0 on: before its first point a thing stands there. */
function timed(track) {
  const points = track.map(([t, x, y]) => ({ t, x, y }));
  return points[0]?.t > 0 ? [{ ...points[0], t: 0 }, ...points] : points;
}

/** @template T @param {T[]} points @returns {T[][]} */
const inParts = (points) => Array.from({ length: Math.ceil(points.length / AT_ONCE) }, (_, n) => points.slice(n * AT_ONCE, (n + 1) * AT_ONCE));

/** @param {string} text @returns {Film | null} null: it is none */
export function readFilm(text) {
  const number = (value, most = Infinity) => typeof value === "number" && value >= 0 && value <= most;
  const time = (value) => number(value, MAX_SECONDS);
  const prompt = (row) => Array.isArray(row) && row.length === 2 && time(row[0]) && typeof row[1] === "string";
  const point = (row) => Array.isArray(row) && row.length === 3 && time(row[0]) && number(row[1], 1) && number(row[2], 1);
  const grows = (rows) => rows.every((row, index) => !index || row[0] > rows[index - 1][0]);
  try {
    const { prompts = [], things = [] } = JSON.parse(text);
    const fine = prompts.length && prompts.length <= MAX_PROMPTS && prompts.every(prompt) && grows(prompts);
    const moved = things.length <= 2 && things.every((track) => track.length <= MAX_POINTS && track.every(point) && grows(track));
    return fine && moved ? { prompts, things } : null;
  } catch {
    return null;
  }
}
