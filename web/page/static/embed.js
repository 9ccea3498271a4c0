/** The page as a part of another one, on this site or another. */

import { mount } from "./page.js";
import { request } from "./signaling.js";

/**
 * @typedef {object} Embedding
 * @property {string} [key] the server's API key, or a client secret
 * @property {string} [height] of CSS
 * @property {(caption: import("./types.js").Caption) => void} [caption] is called with each final caption
 * @property {(answer: {text: string}) => void} [answer] is called with each complete answer
 */

/** Put the page into `element`, with its style sheet. @param {HTMLElement} element @param {Embedding} [options] */
export async function embed(element, { key = "", height = "85vh", caption, answer } = {}) {
  const [markup] = await Promise.all([request(new URL("page.html", import.meta.url), {}), styled()]);
  element.innerHTML = await markup.text();
  const root = /** @type {HTMLElement} */ (element.firstElementChild);
  root.style.height = height;
  root.addEventListener("eyeline:call", (event) => {
    const { client } = /** @type {CustomEvent<{client: import("./eyeline.js").EyelineClient}>} */ (event).detail;
    client.addEventListener("caption", ({ detail }) => detail.final && detail.text && caption?.(detail));
    client.addEventListener("event", ({ detail }) => {
      if (detail.type === "response.output_text.done") answer?.({ text: detail.text });
      if (detail.type === "response.output_audio_transcript.done") answer?.({ text: detail.transcript });
    });
  });
  mount(element, { key });
}

/** @returns {Promise<void>} when the style sheet is there: the page must not flash without it */
function styled() {
  const href = new URL("page.css", import.meta.url).href;
  if (document.querySelector(`link[href="${href}"]`)) return Promise.resolve();
  return new Promise((loaded) => {
    const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href, onload: loaded, onerror: loaded });
    document.head.append(link);
  });
}
