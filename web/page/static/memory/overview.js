/** The whole session as one strip: its scenes, requests that were met, and what an answer is made from. */

import { clock } from "../captions.js";
import { WHOLE, reaching, shown, ticks, zoomed } from "./window.js";
import { sceneAt, subjectOf, timesOf } from "./scenes.js";

const ZOOM = 1.6;
const TRACK = 22; // pixels from the top: scenes; below it is the scale
const LABEL = 70; // pixels for each time of the scale
const GOLDEN = 137.5; // degrees between the colors of scenes, so that neighbors differ

/** @typedef {import("./scenes.js").Scene} Scene */
/** @typedef {{kind: "met" | "asked", time: number, text: string}} Mark */

/** A strip to look at, to zoom and to scrub. */
export class Overview {
  #page;
  #acts;
  #view = WHOLE;
  #now = 0;
  /** @type {readonly Scene[]} */ #scenes = [];
  /** @type {Map<string, number>} the color of each subject: what comes again has it again */ #hues = new Map();
  /** @type {Mark[]} */ #marks = [];
  /** @type {readonly number[]} */ #lit = [];
  /** @type {number | null} where the user is, in seconds */ #at = null;
  #frame = 0;
  /** @type {Map<number, number>} places of fingers by pointer */ #fingers = new Map();

  /**
   * @param {Record<string, any>} page its parts
   * @param {{go: (scene: Scene) => void, open: (scene: Scene) => void}} acts bring a scene into view, and open it
   */
  constructor(page, acts) {
    this.#page = page;
    this.#acts = acts;
    const strip = page.overview;
    strip.onpointerdown = (event) => this.#down(event);
    strip.onpointermove = (event) => this.#move(event);
    strip.onpointerup = strip.onpointercancel = (event) => this.#fingers.delete(event.pointerId);
    strip.onpointerleave = () => (page.peek.hidden = true);
    strip.ondblclick = () => this.#open();
    strip.onkeydown = (event) => this.#key(event);
    strip.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
    page["zoom-in"].onclick = () => this.#zoom(ZOOM);
    page["zoom-out"].onclick = () => this.#zoom(1 / ZOOM);
    page["zoom-whole"].onclick = () => this.#set(WHOLE);
    new ResizeObserver(() => this.#redraw()).observe(strip);
  }

  /** @param {readonly Scene[]} scenes @param {number} now seconds of the session */
  show(scenes, now) {
    this.#scenes = scenes;
    for (const { name } of scenes) {
      const subject = subjectOf(name);
      if (!this.#hues.has(subject)) this.#hues.set(subject, (180 + GOLDEN * this.#hues.size) % 360);
    }
    this.#now = now;
    this.#page.overview.ariaValueMax = String(Math.round(now));
    this.#page.overview.hidden = this.#page.zoom.hidden = !scenes.length;
    this.#redraw();
  }

  /** @param {Mark} mark */
  mark(mark) {
    this.#marks.push(mark);
    this.#redraw();
  }

  /** Light up moments. @param {readonly number[]} times */
  light(times) {
    this.#lit = times;
    this.#redraw();
  }

  /** Say where the user is. @param {number} time */
  reach(time) {
    this.#at = time;
    this.#view = reaching(this.#view, time, this.#now);
    const scene = this.#scenes[sceneAt(this.#scenes, time)];
    const strip = this.#page.overview;
    strip.ariaValueNow = String(Math.round(time));
    strip.ariaValueText = scene ? `${scene.name}, ${timesOf(scene)}` : clock(time);
    this.#redraw();
  }

  clear() {
    [this.#marks, this.#lit, this.#view, this.#at] = [[], [], WHOLE, null];
    this.#hues.clear();
    this.show([], 0);
  }

  #timeAt(x) {
    const { left, width } = this.#page.overview.getBoundingClientRect();
    const { from, to } = shown(this.#view, this.#now);
    return from + Math.min(1, Math.max(0, (x - left) / width)) * (to - from);
  }

  #down(event) {
    if (event.button) return;
    this.#page.overview.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, event.clientX);
    if (this.#fingers.size === 1) this.#scrub(this.#timeAt(event.clientX));
  }

  #move(event) {
    const before = [...this.#fingers.values()];
    if (before.length) this.#fingers.set(event.pointerId, event.clientX);
    const after = [...this.#fingers.values()];
    if (after.length === 2) this.#pinch(before, after);
    else if (after.length === 1) this.#scrub(this.#timeAt(event.clientX));
    this.#peek(event.clientX);
  }

  #pinch([one, two], [first, second]) {
    const factor = Math.max(1, Math.abs(first - second)) / Math.max(1, Math.abs(one - two));
    this.#set(zoomed(this.#view, factor, this.#timeAt((first + second) / 2), this.#now));
  }

  #wheel(event) {
    if (!event.ctrlKey && !this.#view.span) return; // the page scrolls
    event.preventDefault();
    if (event.ctrlKey) return this.#set(zoomed(this.#view, Math.exp(-event.deltaY / 200), this.#timeAt(event.clientX), this.#now));
    const by = (event.deltaX || event.deltaY) / this.#page.overview.clientWidth;
    const { from } = shown(this.#view, this.#now);
    return this.#set({ ...this.#view, start: from + by * this.#view.span });
  }

  #zoom(factor) {
    this.#set(zoomed(this.#view, factor, this.#at ?? this.#now, this.#now));
  }

  #set(view) {
    this.#view = view;
    this.#redraw();
  }

  #scrub(time) {
    const scene = this.#scenes[sceneAt(this.#scenes, time)];
    this.reach(time);
    if (scene) this.#acts.go(scene);
  }

  #open() {
    const scene = this.#scenes[sceneAt(this.#scenes, this.#at ?? this.#now)];
    if (scene) this.#acts.open(scene);
  }

  #key(event) {
    const at = this.#at === null ? this.#scenes.length : sceneAt(this.#scenes, this.#at);
    const last = this.#scenes.length - 1;
    const steps = { ArrowLeft: at - 1, ArrowRight: at + 1, ArrowDown: at - 1, ArrowUp: at + 1, Home: 0, End: last };
    if (event.key in steps && last >= 0) this.#scrub(this.#scenes[Math.max(0, Math.min(steps[event.key], last))].from);
    else if (event.key === "Enter") this.#open();
    else if (event.key === "+" || event.key === "=") this.#zoom(ZOOM);
    else if (event.key === "-") this.#zoom(1 / ZOOM);
    else if (event.key === "0") this.#set(WHOLE);
    else return;
    event.preventDefault();
  }

  /** Show what was there at a place, beside the pointer. */
  #peek(x) {
    const page = this.#page;
    const time = this.#timeAt(x);
    const scene = this.#scenes[sceneAt(this.#scenes, time)];
    const { left, right, width } = page.overview.getBoundingClientRect();
    page.peek.hidden = !scene || x < left || x > right;
    if (!scene) return;
    const near = this.#marks.find((mark) => Math.abs(mark.time - time) < (6 / width) * (shown(this.#view, this.#now).to - shown(this.#view, this.#now).from));
    const moment = scene.moments.findLast((each) => each.time <= time) ?? scene.moments[0];
    page["peek-picture"].hidden = !moment.image;
    page["peek-picture"].src = moment.image ?? "";
    page["peek-words"].textContent = near ? `${clock(near.time)} ${near.text}` : `${clock(time)} ${scene.name}`;
    page.peek.style.left = `${Math.min(width - 84, Math.max(84, x - left))}px`;
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    const canvas = this.#page["overview-canvas"];
    const { clientWidth: width, clientHeight: height } = canvas;
    if (!width) return;
    const dots = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [width * dots, height * dots];
    const pen = canvas.getContext("2d");
    const style = getComputedStyle(canvas);
    const ink = (name) => style.getPropertyValue(`--${name}`).trim();
    const { from, to } = shown(this.#view, this.#now);
    const x = (time) => ((time - from) / (to - from)) * width;
    pen.scale(dots, dots);
    pen.fillStyle = ink("edge");
    pen.fillRect(0, 0, x(this.#now), TRACK);
    this.#drawScenes(pen, x, ink);
    this.#drawScale(pen, x, ink, ticks(from, to, width / LABEL));
    for (const time of this.#lit) drawLine(pen, x(time), ink("lit"), 4);
    for (const { kind, time } of this.#marks) drawMark(pen, x(time), kind, ink);
    if (this.#at === null) return;
    drawLine(pen, Math.min(width - 1, Math.max(1, x(this.#at))), ink("ink"), 2);
  }

  #drawScenes(pen, x, ink) {
    const lightness = ink("scene-lightness");
    this.#scenes.forEach(({ name, from }, index) => {
      const [left, right] = [x(from), x(this.#scenes[index + 1]?.from ?? this.#now)];
      pen.fillStyle = `hsl(${this.#hues.get(subjectOf(name))} 42% ${lightness})`;
      pen.fillRect(left, 0, Math.max(1, right - left - 1), TRACK);
      if (right - left < 44) return;
      Object.assign(pen, { fillStyle: ink("ink"), font: "12px system-ui, sans-serif", textBaseline: "middle" });
      const start = Math.max(left, 0) + 6;
      pen.fillText(fitted(pen, name, right - 4 - start), start, TRACK / 2 + 0.5);
    });
  }

  #drawScale(pen, x, ink, times) {
    Object.assign(pen, { fillStyle: ink("soft"), font: "11px system-ui, sans-serif", textBaseline: "top" });
    for (const time of times) {
      pen.fillRect(x(time), TRACK, 1, 3);
      const [text, from] = [clock(time), x(time) + 4];
      if (from + pen.measureText(text).width <= pen.canvas.clientWidth) pen.fillText(text, from, TRACK + 3);
    }
  }
}

/** As much of `text` as fits into `width`, with an ellipsis; nothing if that is less than three letters. */
function fitted(pen, text, width) {
  if (pen.measureText(text).width <= width) return text;
  for (let end = text.length - 1; end > 2; end -= 1) {
    const part = `${text.slice(0, end).trimEnd()}…`;
    if (pen.measureText(part).width <= width) return part;
  }
  return "";
}

function drawLine(pen, x, color, width) {
  pen.fillStyle = color;
  pen.fillRect(x - width / 2, 0, width, TRACK);
}

/** A flag for a request that was met, a dot for a question. */
function drawMark(pen, x, kind, ink) {
  pen.fillStyle = ink(kind === "met" ? "warn" : "accent");
  pen.beginPath();
  if (kind === "met") {
    pen.moveTo(x, 0);
    pen.lineTo(x + 9, 5);
    pen.lineTo(x, 10);
    pen.rect(x - 1, 0, 2, TRACK);
  } else pen.arc(x, TRACK - 4, 3, 0, 2 * Math.PI);
  pen.fill();
}
