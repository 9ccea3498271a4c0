/** Buttons over the picture: other camera, screen, floating window, full screen; and a screen that stays on. */

import { canShareScreen } from "../inputs/screen.js";
import { canFillScreen, canFloat, toggleFloating, toggleFullScreen } from "../showing/full_screen.js";
import { WakeLock } from "../showing/wake_lock.js";

/**
 * @param {import("../here.js").Here} here
 * @param {import("./sources.js").Sources} sources
 */
export function addViewButtons({ page, calls, slot }, sources) {
  const lock = new WakeLock();
  page.flip.onclick = () => sources.flip();
  page["share-screen"].hidden = !canShareScreen();
  page["share-screen"].onclick = () => sources.toggleScreen();
  // What comes back has the captions in the picture, and the sound.
  page.float.hidden = !canFloat();
  page.float.onclick = () => toggleFloating(page.generated).catch(() => undefined); // it has no picture yet
  page["full-screen"].hidden = !canFillScreen(page.generated);
  page["full-screen"].onclick = () => toggleFullScreen(page.stage, page.generated);
  for (const [name, pressed] of [["enterpictureinpicture", "true"], ["leavepictureinpicture", "false"]]) {
    page.generated.addEventListener(name, () => (page.float.ariaPressed = pressed));
  }
  calls.addEventListener("state", ({ detail: { state } }) => {
    const running = ["live", "reconnecting"].includes(state);
    lock.want(running);
    slot("view").hidden = !running;
    if (!running && document.pictureInPictureElement === page.generated) document.exitPictureInPicture();
  });
}
