/** The relevance map of the model as an overlay on the sent video. */

const CELL = 32; // canvas pixels for each cell of the map, for smooth edges
const TINT = [45, 212, 191];
const STRONGEST = 0.5; // opacity where the map is 1

/** @typedef {import("./types.js").Relevance} Relevance */

/** Draws the newest map over a video, if it is switched on. */
export class RelevanceVeil {
  #canvas;
  #video;
  #about;
  #shown = false;
  /** @type {Relevance | null} */ #newest = null;

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

  clear() {
    this.#newest = null;
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
  }
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
