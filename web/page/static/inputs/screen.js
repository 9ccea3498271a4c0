/** Shares a screen, a window or a tab as the picture, with the tab's sound if the user allows it. */

import { explained, insecure, InputError } from "./errors.js";

/** @typedef {import("./source.js").Source} Source */

const WANTED = {
  video: { width: { max: 1280 }, height: { max: 1280 }, frameRate: { ideal: 10, max: 15 } },
  audio: true,
  selfBrowserSurface: "exclude", // a picture of itself in itself
  systemAudio: "exclude", // it would hear its own answers
};

/** Whether this browser can share a screen; those of phones cannot. */
export function canShareScreen() {
  return Boolean(navigator.mediaDevices?.getDisplayMedia);
}

/**
 * Ask the user for a screen.
 * @returns {Promise<Source>}
 * @throws {InputError} none was chosen, or the browser cannot
 */
export async function openScreen() {
  if (!window.isSecureContext) throw insecure(location);
  if (!canShareScreen()) {
    throw new InputError("missing", "This browser cannot share a screen.", "Use a browser on a computer, or a file.");
  }
  try {
    const stream = await navigator.mediaDevices.getDisplayMedia(WANTED);
    const [track] = stream.getVideoTracks();
    track.contentHint = "detail"; // text stays readable
    return { kind: "screen", name: surface(track), stream, close: () => stream.getTracks().forEach((each) => each.stop()) };
  } catch (error) {
    throw explained(/** @type {DOMException} */ (error), "screen", "share again");
  }
}

/** @param {MediaStreamTrack} track */
function surface(track) {
  const { displaySurface: shared = "" } = track.getSettings();
  return { monitor: "Your screen", window: "A window", browser: "A tab" }[shared] ?? "Your screen";
}
