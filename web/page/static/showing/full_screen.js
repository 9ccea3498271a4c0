/** Full screen and picture-in-picture, each where the browser has it. */

/** @typedef {HTMLVideoElement & {webkitEnterFullscreen?: () => void}} Video */

/** Whether `video` can fill the screen, with its page around it or alone, as on an iPhone. @param {Video} video */
export function canFillScreen(video) {
  return Boolean(document.fullscreenEnabled || video.webkitEnterFullscreen);
}

/**
 * Fill the screen with `element`, or leave it.
 * @param {Element} element @param {Video} video what an iPhone shows instead
 */
export async function toggleFullScreen(element, video) {
  if (document.fullscreenElement) return document.exitFullscreen();
  if (document.fullscreenEnabled) return element.requestFullscreen({ navigationUI: "hide" });
  return video.webkitEnterFullscreen?.();
}

/** Whether this browser shows a video above other windows at a page's wish; Firefox has a button of its own. */
export function canFloat() {
  return Boolean(document.pictureInPictureEnabled);
}

/**
 * Show `video` above other windows, or no more.
 * @param {HTMLVideoElement} video
 * @returns {Promise<boolean>} whether it floats now
 * @throws {DOMException} it has no picture yet
 */
export async function toggleFloating(video) {
  if (document.pictureInPictureElement) {
    await document.exitPictureInPicture();
    return false;
  }
  await video.requestPictureInPicture();
  return true;
}
