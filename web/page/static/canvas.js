/** Paths by mouse, finger, pen or arrow keys over a video. Independent of the network. */

const BATCH_MS = 50; // maximum time that points are collected before they are sent
const FADE_MS = 1200; // lifetime of a trail
const STRIDE = 0.04; // step of an arrow key as a share of the video; three times as much with Shift
const MOST = 200; // maximum number of points in a batch
const INKS = ["#2dd4bf", "#fb923c"];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/** @typedef {import("./types.js").Point} Point */
/** @typedef {{x: number, y: number, at: number, begins: boolean}} Mark a point of a trail, and when it was drawn */

/** A canvas over a video, with a path for each of two things. */
export class PathCanvas {
  #canvas;
  #video;
  #said;
  #thing = 0;
  #hand = -1; // id of the active pointer
  /** @type {(Point | null)[]} the last position of each thing */ #places = [null, null];
  /** @type {Mark[][]} */ #trails = [[], []];
  /** @type {Point[]} not sent yet */ #fresh = [];
  #batch = 0;
  #frame = 0;

  /**
   * @param {HTMLCanvasElement} canvas lies over `video`, of the same size
   * @param {HTMLVideoElement} video with object-fit: contain
   * @param {{points: (thing: number, points: Point[]) => void, choose: (thing: number) => void, clear: (thing: number) => void}} said
   *   called for new points, the selection of a thing by key, and a cleared path
   */
  constructor(canvas, video, said) {
    this.#canvas = canvas;
    this.#video = video;
    this.#said = said;
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

  #down(event) {
    if (this.#hand >= 0 || event.button > 0) return;
    this.#hand = event.pointerId;
    this.#canvas.setPointerCapture(event.pointerId);
    this.#canvas.focus({ preventScroll: true });
    event.preventDefault();
    this.#add(this.#placeOf(event), true);
  }

  #move(event) {
    if (event.pointerId !== this.#hand) return;
    const between = event.getCoalescedEvents?.() ?? [];
    for (const each of between.length ? between : [event]) this.#add(this.#placeOf(each), false);
  }

  #up(event) {
    if (event.pointerId === this.#hand) this.#release();
  }

  /** The pointer was released: send the last points. */
  #release() {
    this.#hand = -1;
    this.#handOn();
  }

  #key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "1" || event.key === "2") this.#said.choose(Number(event.key) - 1);
    else if (event.key === "Delete" || event.key === "Backspace") this.#said.clear(this.#thing);
    else if (event.key in ARROWS) this.#stride(ARROWS[event.key], event.shiftKey ? 3 * STRIDE : STRIDE);
    else return;
    event.preventDefault();
  }

  #stride([across, down], by) {
    const from = this.#places[this.#thing] ?? { x: 0.5, y: 0.5 };
    this.#add({ x: inside(from.x + across * by), y: inside(from.y + down * by) }, false);
  }

  /** @param {Point} place @param {boolean} begins whether a new path starts here */
  #add(place, begins) {
    this.#places[this.#thing] = place;
    this.#trails[this.#thing].push({ ...place, at: performance.now(), begins });
    this.#fresh = [...this.#fresh, place].slice(-MOST);
    this.#batch ||= setTimeout(() => this.#handOn(), BATCH_MS);
    this.#redraw();
  }

  #handOn() {
    clearTimeout(this.#batch);
    this.#batch = 0;
    const points = this.#fresh;
    this.#fresh = [];
    if (points.length) this.#said.points(this.#thing, points);
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
    const pen = canvas.getContext("2d");
    const { left, top, width, height } = this.#picture();
    const on = ({ x, y }) => [left + x * width, top + y * height];
    pen.scale(dots, dots);
    this.#places.forEach((place, thing) => {
      this.#drawTrail(pen, thing, on);
      if (place) drawPlace(pen, on(place), thing, thing === this.#thing);
    });
    if (this.#trails.some((trail) => trail.length)) this.#redraw();
  }

  #drawTrail(pen, thing, on) {
    const now = performance.now();
    const trail = (this.#trails[thing] = this.#trails[thing].filter(({ at }) => now - at < FADE_MS));
    Object.assign(pen, { lineWidth: 5, lineCap: "round", strokeStyle: INKS[thing] });
    trail.forEach((mark, index) => {
      if (!index || mark.begins) return;
      pen.globalAlpha = 0.8 * (1 - (now - mark.at) / FADE_MS);
      pen.beginPath();
      pen.moveTo(...on(trail[index - 1]));
      pen.lineTo(...on(mark));
      pen.stroke();
    });
    pen.globalAlpha = 1;
  }
}

const inside = (share) => Math.round(1e4 * Math.min(1, Math.max(0, share))) / 1e4;

/** A ring with the thing's number, filled if it is selected. */
function drawPlace(pen, [x, y], thing, chosen) {
  pen.beginPath();
  pen.arc(x, y, 11, 0, 2 * Math.PI);
  pen.fillStyle = chosen ? INKS[thing] : "rgb(0 0 0 / 55%)";
  pen.fill();
  Object.assign(pen, { lineWidth: 2, strokeStyle: chosen ? "#ffffff" : INKS[thing] });
  pen.stroke();
  Object.assign(pen, { font: "600 13px system-ui, sans-serif", textAlign: "center", textBaseline: "middle" });
  pen.fillStyle = chosen ? "#06231f" : "#ffffff";
  pen.fillText(String(thing + 1), x, y + 0.5);
}
