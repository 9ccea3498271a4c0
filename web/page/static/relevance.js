/** The relevance map of the model as an overlay on the sent video, and the regions made of it. */

const CELL = 64; // canvas pixels for each cell of the map, for smooth edges
const TINT = [45, 212, 191];
const STRONGEST = 0.5; // opacity where the map is 1

const DARKEST = 0.5; // opacity over the part that gets the fewest bits
const MAX_OFFSET = 25; // of a quantizer
const LINE = "rgb(255 255 255 / 45%)";
const TEXT = "white";
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
    shade(context, this.#regions);
    context.drawImage(tinted(values), 0, 0, this.#canvas.width, this.#canvas.height);
    outline(context, this.#regions);
  }
}

/** Shade regions by what is added to their quantizers; the first apply where they overlap. */
function shade(context, regions) {
  const { width, height } = context.canvas;
  for (const { left, top, right, bottom, offset } of [...regions].reverse()) {
    const box = [left * width, top * height, (right - left) * width, (bottom - top) * height];
    context.clearRect(...box);
    context.fillStyle = `rgb(0 0 0 / ${DARKEST * (offset / MAX_OFFSET)})`;
    context.fillRect(...box);
  }
}

/** Draw the edges of regions, and their quantizers where these are seen. */
function outline(context, regions) {
  const { width, height } = context.canvas;
  Object.assign(context, { strokeStyle: LINE, fillStyle: TEXT, lineWidth: 1, font: FONT });
  Object.assign(context, { textAlign: "right", textBaseline: "bottom" });
  regions.forEach(({ left, top, right, bottom, offset }, index) => {
    context.strokeRect(left * width + 0.5, top * height + 0.5, (right - left) * width - 1, (bottom - top) * height - 1);
    const hidden = regions.slice(0, index).some((other) => other.right >= right && other.bottom >= bottom);
    if (!hidden) context.fillText(offset ? `QP +${offset}` : "best", right * width - 6, bottom * height - 4);
  });
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
