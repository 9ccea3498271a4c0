/** Where the model looks, as a veil over the picture that is sent. */

const CELL = 32; // pixels of the drawing for each cell of the map: smooth edges
const TINT = [45, 212, 191];
const STRONGEST = 0.5; // opacity where the map is 1

/** @typedef {import("./types.js").Relevance} Relevance */

/** Draws the newest map over a video, where a person wants that. */
export class RelevanceVeil {
  #canvas;
  #video;
  #about;
  #shown = false;
  /** @type {Relevance | null} */ #newest = null;

  /**
   * @param {HTMLCanvasElement} canvas lies over `video` and fits its picture in the same way
   * @param {HTMLVideoElement} video
   * @param {HTMLElement} about says in words what is looked for
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
    this.#about.textContent = `looks for ${about || "what there is"}`;
    const size = [CELL * values[0].length, CELL * values.length];
    const shape = (this.#video.videoWidth || 16) / (this.#video.videoHeight || 9);
    // As wide as the video in shape, so that both are fitted into the page alike.
    [this.#canvas.width, this.#canvas.height] = [Math.round(size[1] * shape), size[1]];
    const pen = this.#canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(tinted(values), 0, 0, this.#canvas.width, this.#canvas.height);
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
