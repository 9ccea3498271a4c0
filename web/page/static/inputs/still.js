/** A picture as a camera that does not move. */

import { InputError } from "./errors.js";

const FPS = 5;
const LONGEST = 1280; // pixels of its longer side

/**
 * @param {string} url
 * @param {string} name
 * @returns {Promise<import("./source.js").Source>}
 * @throws {InputError} it is no picture that this browser shows
 */
export async function openPicture(url, name) {
  const image = Object.assign(new Image(), { crossOrigin: "anonymous", src: url });
  try {
    await image.decode();
  } catch {
    throw new InputError("clip", `This browser cannot show ${name}.`, "Browsers show JPEG, PNG and WebP.");
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, fitted(image.naturalWidth, image.naturalHeight));
  const context = canvas.getContext("2d");
  const draw = () => context?.drawImage(image, 0, 0, canvas.width, canvas.height);
  const stream = canvas.captureStream(FPS);
  draw();
  const timer = setInterval(draw, 1000 / FPS); // a track sends a frame when something was drawn
  const close = () => {
    clearInterval(timer);
    stream.getTracks().forEach((track) => track.stop());
  };
  return { kind: "picture", name, stream, close };
}

/** Even numbers of pixels, which encoders need. @param {number} width @param {number} height */
export function fitted(width, height) {
  const scale = Math.min(1, LONGEST / Math.max(width, height));
  /** @param {number} side */
  const even = (side) => Math.max(2, 2 * Math.round((side * scale) / 2));
  return { width: even(width), height: even(height) };
}
