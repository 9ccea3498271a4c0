/** The relevance map of the model as an overlay on the sent video, and the regions made of it. */

const CELL = 64; // canvas pixels for each cell of the map, for smooth edges
const TINT = [45, 212, 191];
const STRONGEST = 0.5; // opacity where the map is 1

const LINE = "rgb(255 255 255 / 70%)";
const FONT = "18px system-ui, sans-serif";

/** @typedef {import("./types.js").Relevance} Relevance */
/** @typedef {import("./types.js").Region} Region */

/** Draws the newest map and regions over a video, if it is switched on. */
export class RelevanceVeil {
  #canvas;
  #video;
  #about;
  #shown = false;
  /** @type {Relevance | null} */ #newest = null;
  /** @type {readonly Region[]} */ #regions = [];

  /**
   * @param {HTMLCanvasElement} canvas lies over `video` with the same object-fit
   * @param {HTMLVideoElement} video
   * @param {HTMLElement} about shows what the map is about
   */
  constructor(canvas, video, about) {
    this.#canvas = canvas;
    this.#video = video;
    this.#about = about;
  }

  /** @param {boolean} shown */
  show(shown) {
    this.#shown = shown;
    this.#draw();
  }

  /** @param {Relevance} relevance */
  receive(relevance) {
    this.#newest = relevance;
    this.#draw();
  }

  /** Show the regions by which bits are spent. @param {{regions: readonly Region[]}} steering */
  divide({ regions }) {
    this.#regions = regions;
    this.#draw();
  }

  clear() {
    this.#newest = null;
    this.#regions = [];
    this.#draw();
  }

  #draw() {
    const visible = this.#shown && this.#newest !== null;
    this.#canvas.hidden = this.#about.hidden = !visible;
    if (!visible) return;
    const { values, about } = this.#newest;
    this.#about.textContent = `relevance to ${about || "the scene"}`;
    const size = [CELL * values[0].length, CELL * values.length];
    const shape = (this.#video.videoWidth || 16) / (this.#video.videoHeight || 9);
    // The same aspect ratio as the video, so that both have the same place.
    [this.#canvas.width, this.#canvas.height] = [Math.round(size[1] * shape), size[1]];
    const context = this.#canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(tinted(values), 0, 0, this.#canvas.width, this.#canvas.height);
    for (const region of [...this.#regions].reverse()) outline(context, region);
  }
}

/** Draw the edge of a region and what is added to its quantizer, over the regions behind it. */
function outline(context, { left, top, right, bottom, offset }) {
  const { width, height } = context.canvas;
  const [x, y] = [left * width, top * height];
  context.strokeStyle = context.fillStyle = LINE;
  context.lineWidth = 2;
  context.strokeRect(x + 1, y + 1, (right - left) * width - 2, (bottom - top) * height - 2);
  context.font = FONT;
  context.textBaseline = "bottom";
  context.fillText(offset ? `QP +${offset}` : "best", x + 6, bottom * height - 4);
}

/** A small picture with a pixel for each cell. @param {number[][]} values rows, 0 to 1 */
function tinted(values) {
  const [height, width] = [values.length, values[0].length];
  const small = new OffscreenCanvas(width, height);
  const pixels = new ImageData(width, height);
  values.flat().forEach((value, index) => {
    pixels.data.set([...TINT, Math.round(255 * STRONGEST * value)], 4 * index);
  });
  small.getContext("2d").putImageData(pixels, 0, 0);
  return small;
}
