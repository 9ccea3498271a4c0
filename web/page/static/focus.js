/**
 * Spends the bits of a video on its relevant regions: a worker blurs the rest before the encoder.
 *
 * Browsers have no quality for parts of a picture; what is blurred costs their encoder few bits.
 */

/** @typedef {import("./types.js").Region} Region */

/** Whether this browser gives a worker the frames of a track (Chromium does). */
export function canFocus() {
  const needed = ["MediaStreamTrackProcessor", "MediaStreamTrackGenerator", "OffscreenCanvas", "Worker"];
  return needed.every((name) => name in globalThis);
}

/** A filtered copy of a track, in `track`. */
export class FocusFilter {
  #source;
  #worker;
  /** @type {MediaStreamTrack} */ track;

  /**
   * @param {MediaStreamTrack} source is not changed
   * @param {() => void} failed is called if the worker fails
   * @throws {DOMException} the worker or the copy cannot be made
   */
  constructor(source, failed) {
    this.#worker = new Worker(ofThisSite(new URL("focus_worker.js", import.meta.url)), { type: "module" });
    this.#worker.onerror = failed;
    this.#worker.onmessageerror = failed;
    this.#source = source.clone();
    const { readable } = new MediaStreamTrackProcessor({ track: this.#source, maxBufferSize: 1 });
    const generator = new MediaStreamTrackGenerator({ kind: "video" });
    this.track = generator;
    this.#worker.postMessage({ readable, writable: generator.writable }, [readable, generator.writable]);
  }

  /** Keep these regions sharp, the others by their offset. @param {readonly Region[]} regions */
  show(regions) {
    this.#worker.postMessage({ regions });
  }

  /** End the copy. The worker closes the last frame and then itself. */
  stop() {
    this.#worker.onerror = this.#worker.onmessageerror = null;
    this.#source.stop(); // ends the worker's stream
  }
}

/** A URL of the page's own site for a worker: browsers start no others. @param {URL} module */
function ofThisSite(module) {
  if (module.origin === location.origin) return module;
  const loads = new Blob([`import ${JSON.stringify(module.href)};`], { type: "text/javascript" });
  return URL.createObjectURL(loads);
}
