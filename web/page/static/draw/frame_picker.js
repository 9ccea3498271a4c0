/** Chooses a part of a picture: by dragging over it, or with the arrow keys. */

const STEP = 0.05; // of a side, that an arrow key moves
const LEAST = 0.05; // of a side, that a part has
const SHOWN = 640; // pixels of the longer side that is shown
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const DEFAULT_RATIO = 0.7; // of a camera's frame: what is in its middle

const clamp = (value, least = 0, most = 1) => Math.min(most, Math.max(least, value));

/** @typedef {{x: number, y: number, width: number, height: number}} Part of a picture, in shares of its sides */

export class FramePicker {
  #canvas;
  /** @type {HTMLCanvasElement | null} */ #picture = null;
  /** @type {Part} */ #part = { x: 0, y: 0, width: 1, height: 1 };
  /** @type {{x: number, y: number} | null} where a drag began */ #from = null;

  /** @param {HTMLCanvasElement} canvas */
  constructor(canvas) {
    this.#canvas = canvas;
    canvas.onpointerdown = (event) => {
      canvas.setPointerCapture(event.pointerId);
      this.#from = this.#place(event);
      event.preventDefault();
    };
    canvas.onpointermove = (event) => this.#from && this.#span(this.#from, this.#place(event));
    canvas.onpointerup = canvas.onpointercancel = () => (this.#from = null);
    canvas.onkeydown = (event) => this.#press(event);
  }

  /** Show a picture, whole or with its middle chosen; null: none. @param {HTMLCanvasElement | null} picture @param {boolean} [middle] */
  show(picture, middle = false) {
    this.#picture = picture;
    this.#canvas.hidden = !picture;
    const share = middle ? DEFAULT_RATIO : 1;
    this.#part = { x: (1 - share) / 2, y: (1 - share) / 2, width: share, height: share };
    this.#draw();
  }

  /** The chosen part, at most `side` pixels wide and high. @param {number} side @returns {HTMLCanvasElement | null} */
  cut(side) {
    if (!this.#picture) return null;
    const { width, height } = this.#picture;
    const [x, y, w, h] = [this.#part.x * width, this.#part.y * height, this.#part.width * width, this.#part.height * height];
    const scale = Math.min(1, side / Math.max(w, h));
    const made = Object.assign(document.createElement("canvas"), { width: Math.max(2, Math.round(w * scale)), height: Math.max(2, Math.round(h * scale)) });
    made.getContext("2d")?.drawImage(this.#picture, x, y, w, h, 0, 0, made.width, made.height);
    return made;
  }

  #place(event) {
    const box = this.#canvas.getBoundingClientRect();
    return { x: clamp((event.clientX - box.left) / box.width), y: clamp((event.clientY - box.top) / box.height) };
  }

  #span(one, other) {
    const [x, y] = [Math.min(one.x, other.x, 1 - LEAST), Math.min(one.y, other.y, 1 - LEAST)];
    this.#part = { x, y, width: Math.max(LEAST, Math.abs(one.x - other.x)), height: Math.max(LEAST, Math.abs(one.y - other.y)) };
    this.#draw();
  }

  #press(event) {
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    const [right, down] = [arrow[0] * STEP, arrow[1] * STEP];
    const { x, y, width, height } = this.#part;
    if (event.shiftKey) this.#part = { x, y, width: clamp(width + right, LEAST, 1 - x), height: clamp(height + down, LEAST, 1 - y) };
    else this.#part = { x: clamp(x + right, 0, 1 - width), y: clamp(y + down, 0, 1 - height), width, height };
    this.#draw();
  }

  #draw() {
    const [canvas, picture] = [this.#canvas, this.#picture];
    if (!picture) return;
    const scale = Math.min(1, SHOWN / Math.max(picture.width, picture.height));
    Object.assign(canvas, { width: Math.round(picture.width * scale), height: Math.round(picture.height * scale) });
    const context = canvas.getContext("2d");
    if (!context) return;
    const { x, y, width, height } = this.#part;
    const box = [x * canvas.width, y * canvas.height, width * canvas.width, height * canvas.height];
    context.drawImage(picture, 0, 0, canvas.width, canvas.height);
    context.fillStyle = "rgb(0 0 0 / 0.55)";
    context.beginPath();
    context.rect(0, 0, canvas.width, canvas.height);
    context.rect(box[0], box[1], box[2], box[3]);
    context.fill("evenodd");
    context.strokeStyle = "#fff";
    context.lineWidth = 2;
    context.strokeRect(box[0] + 1, box[1] + 1, box[2] - 2, box[3] - 2);
  }
}

/** What a video or an image shows now. @param {HTMLVideoElement | ImageBitmap} source @param {number} width @param {number} height @returns {HTMLCanvasElement} */
export function pictureOf(source, width, height) {
  const scale = Math.min(1, (2 * SHOWN) / Math.max(width, height));
  const made = Object.assign(document.createElement("canvas"), { width: Math.round(width * scale), height: Math.round(height * scale) });
  made.getContext("2d")?.drawImage(source, 0, 0, made.width, made.height);
  return made;
}
