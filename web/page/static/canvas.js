/** Paths by mouse, finger, pen or arrow keys over a video. Independent of the network. */

const BATCH_MS = 50; // maximum time that points are collected before they are sent
const FADE_MS = 1200; // lifetime of a trail
const STRIDE = 0.04; // step of an arrow key as a share of the video; three times as much with Shift
const MAX_POINTS = 200; // maximum number of points in a batch
const INKS = ["#2dd4bf", "#fb923c"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @typedef {import("./types.js").Point} Point */
/** @typedef {{x: number, y: number, at: number, begins: boolean}} Mark a point of a trail, and when it was drawn */

/** A canvas over a video, with a path for each of two things. */
export class PathCanvas {
  #canvas;
  #video;
  #callbacks;
  #thing = 0;
  #pointer = -1; // id of the active pointer
  /** @type {(Point | null)[]} the last position of each thing */ #places = [null, null];
  /** @type {Mark[][]} */ #trails = [[], []];
  /** @type {Point[]} not sent yet */ #pending = [];
  #batch = 0;
  #frame = 0;

  /**
   * @param {HTMLCanvasElement} canvas lies over `video`, of the same size
   * @param {HTMLVideoElement} video with object-fit: contain
   * @param {{points: (thing: number, points: Point[]) => void, begin: (thing: number, from: Point | null) => void, choose: (thing: number) => void, clear: (thing: number) => void}} callbacks
   *   called for new points, where a path begins and where the thing was, the selection of a thing by key, and a cleared path
   */
  constructor(canvas, video, callbacks) {
    this.#canvas = canvas;
    this.#video = video;
    this.#callbacks = callbacks;
    canvas.addEventListener("pointerdown", (event) => this.#down(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
      canvas.addEventListener(name, (event) => this.#up(event));
    }
    canvas.addEventListener("keydown", (event) => this.#key(event));
    video.addEventListener("resize", () => this.#redraw());
    new ResizeObserver(() => this.#redraw()).observe(canvas);
  }

  /** @param {boolean} shown */
  show(shown) {
    this.#canvas.hidden = !shown;
    if (!shown) this.#release();
    this.#redraw();
  }

  /** Select the thing that paths move. @param {number} thing */
  choose(thing) {
    this.#release();
    this.#thing = thing;
    this.#redraw();
  }

  /** Clear the position of `thing`, or of all things. @param {number} [thing] */
  forget(thing) {
    this.#release();
    for (const each of thing === undefined ? [0, 1] : [thing]) {
      this.#places[each] = null;
      this.#trails[each] = [];
    }
    this.#redraw();
  }

  /** Put `thing` back to where it was, without a path; null: nowhere. @param {number} thing @param {Point | null} place */
  put(thing, place) {
    this.forget(thing);
    this.#places[thing] = place;
    this.#redraw();
  }

  #down(event) {
    if (this.#pointer >= 0 || event.button > 0) return;
    this.#pointer = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.focus({ preventScroll: true });
    event.preventDefault();
    this.#callbacks.begin(this.#thing, this.#places[this.#thing]);
    this.#add(this.#placeOf(event), true);
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length ? between : [event]) this.#add(this.#placeOf(each), false);
  }

  #up(event) {
    if (event.pointerId === this.#pointer) this.#release();
  }

  /** The pointer was released: send the last points. */
  #release() {
    this.#pointer = -1;
    this.#flush();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "1" || event.key === "2") this.#callbacks.choose(Number(event.key) - 1);
    else if (event.key === "Delete" || event.key === "Backspace") this.#callbacks.clear(this.#thing);
    else if (event.key in ARROWS) this.#stride(ARROWS[event.key], event.shiftKey ? 3 * STRIDE : STRIDE);
    else return;
    event.preventDefault();
  }

  #stride([across, down], by) {
    const from = this.#places[this.#thing] ?? { x: 0.5, y: 0.5 };
    this.#callbacks.begin(this.#thing, this.#places[this.#thing]);
    this.#add({ x: inside(from.x + across * by), y: inside(from.y + down * by) }, false);
  }

  /** @param {Point} place @param {boolean} begins whether a new path starts here */
  #add(place, begins) {
    this.#places[this.#thing] = place;
    this.#trails[this.#thing].push({ ...place, at: performance.now(), begins });
    this.#pending = [...this.#pending, place].slice(-MAX_POINTS);
    this.#batch ||= setTimeout(() => this.#flush(), BATCH_MS);
    this.#redraw();
  }

  #flush() {
    clearTimeout(this.#batch);
    this.#batch = 0;
    const points = this.#pending;
    this.#pending = [];
    if (points.length) this.#callbacks.points(this.#thing, points);
  }

  /** The rectangle of the canvas that the video fills, in CSS pixels. */
  #picture() {
    const { clientWidth: width, clientHeight: height } = this.#canvas;
    const [across, high] = [this.#video.videoWidth || 1, this.#video.videoHeight || 1];
    const scale = Math.min(width / across, height / high);
    const size = { width: across * scale, height: high * scale };
    return { left: (width - size.width) / 2, top: (height - size.height) / 2, ...size };
  }

  /** @returns {Point} */
  #placeOf(event) {
    const box = this.#canvas.getBoundingClientRect();
    const { left, top, width, height } = this.#picture();
    const [x, y] = [event.clientX - box.left - left, event.clientY - box.top - top];
    return { x: inside(x / width), y: inside(y / height) };
  }

  #redraw() {
    this.#frame ||= requestAnimationFrame(() => this.#draw());
  }

  #draw() {
    this.#frame = 0;
    const canvas = this.#canvas;
    if (canvas.hidden) return;
    const dots = devicePixelRatio || 1;
    [canvas.width, canvas.height] = [canvas.clientWidth * dots, canvas.clientHeight * dots];
    const context = canvas.getContext("2d");
    const { left, top, width, height } = this.#picture();
    const on = ({ x, y }) => [left + x * width, top + y * height];
    context.scale(dots, dots);
    this.#places.forEach((place, thing) => {
      this.#drawTrail(context, thing, on);
      if (place) drawPlace(context, on(place), thing, thing === this.#thing);
    });
    if (this.#trails.some((trail) => trail.length)) this.#redraw();
  }

  #drawTrail(context, thing, on) {
    const now = performance.now();
    const trail = (this.#trails[thing] = this.#trails[thing].filter(({ at }) => now - at < FADE_MS));
    Object.assign(context, { lineWidth: 5, lineCap: "round", strokeStyle: INKS[thing] });
    trail.forEach((mark, index) => {
      if (!index || mark.begins) return;
      context.globalAlpha = 0.8 * (1 - (now - mark.at) / FADE_MS);
      context.beginPath();
      context.moveTo(...on(trail[index - 1]));
      context.lineTo(...on(mark));
      context.stroke();
    });
    context.globalAlpha = 1;
  }
}

const inside = (share) => Math.round(1e4 * Math.min(1, Math.max(0, share))) / 1e4;

/** A ring with the thing's number, filled if it is selected. */
function drawPlace(context, [x, y], thing, chosen) {
  context.beginPath();
  context.arc(x, y, 11, 0, 2 * Math.PI);
  context.fillStyle = chosen ? INKS[thing] : "rgb(0 0 0 / 55%)";
  context.fill();
  Object.assign(context, { lineWidth: 2, strokeStyle: chosen ? "#ffffff" : INKS[thing] });
  context.stroke();
  Object.assign(context, { font: "600 13px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  context.fillStyle = chosen ? "#06231f" : "#ffffff";
  context.fillText(String(thing + 1), x, y + 0.5);
}
