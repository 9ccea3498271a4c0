/** The buttons that save a history as files, of a call that goes on and of a past one alike. */

import { download } from "../recorder.js";
import { element } from "../view.js";
import { momentsFile } from "./moments_file.js";
import { TRANSCRIPTS, captionsOf, markdownOf } from "./transcript.js";

const LABELS = { vtt: "Captions (WebVTT)", srt: "Captions (SRT)", txt: "Captions (text)", json: "Captions (JSON)" };

/** @typedef {{entries: readonly import("./history.js").Entry[], title: string, at: Date, name: string}} Saved */

/**
 * Buttons for each kind of file. @param {() => Saved} current what is saved
 * @param {string[]} [formats] of captions @returns {HTMLButtonElement[]}
 */
export function saveButtons(current, formats = Object.keys(TRANSCRIPTS)) {
  const captions = formats.map((format) => button(LABELS[format], () => saveCaptions(current(), format)));
  return [...captions, button("Conversation (Markdown)", () => saveConversation(current())), button("Moments (ZIP)", (made) => saveMoments(current(), made))];
}

/** @param {Saved} saved @param {string} format */
export function saveCaptions({ entries, name }, format) {
  const { type, write } = TRANSCRIPTS[format];
  download(new Blob([write(captionsOf(entries))], { type }), `${name}.${format}`);
}

function saveConversation({ entries, title, name }) {
  download(new Blob([markdownOf(entries, title)], { type: "text/markdown" }), `${name}.md`);
}

function saveMoments({ entries, title, at, name }, made) {
  const file = momentsFile(entries, title, at);
  if (file) download(file, `${name}-moments.zip`);
  else made.textContent = "Moments (none yet)";
}

/** @param {string} label @param {(made: HTMLButtonElement) => void} act */
export function button(label, act) {
  const made = /** @type {HTMLButtonElement} */ (element("button", label));
  made.type = "button";
  made.onclick = () => act(made);
  return made;
}
