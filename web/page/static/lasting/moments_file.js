/** The moments of a history as a ZIP file: their pictures, and an index to look at and one to read by program. */

import { clock } from "../captions.js";
import { zipOf } from "./zip.js";

const utf8 = (text) => new TextEncoder().encode(text);
const escaped = (text) => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

/**
 * @param {readonly import("./history.js").Entry[]} entries @param {string} title @param {Date} at
 * @returns {Blob | null} null if nothing was remembered
 */
export function momentsFile(entries, title, at) {
  const moments = entries.filter((entry) => entry.type === "eyeline.memory.moment").sort((one, two) => one.time - two.time);
  if (!moments.length) return null;
  const seen = moments.map((moment, n) => ({ ...moment, file: moment.image ? `pictures/${String(n + 1).padStart(5, "0")}.jpg` : null }));
  const pictures = seen.filter(({ file }) => file).map(({ file, image }) => ({ name: file, bytes: bytesOf(image) }));
  const index = seen.map(({ number, time, text, file }) => ({ number, time, text, file }));
  const files = [
    { name: "index.html", bytes: utf8(pageOf(seen, title)) },
    { name: "moments.json", bytes: utf8(`${JSON.stringify(index, null, 1)}\n`) },
    ...pictures,
  ];
  return zipOf(files, at);
}

/** @param {string} url a data URL in base64 */
function bytesOf(url) {
  return Uint8Array.from(atob(url.slice(url.indexOf(",") + 1)), (letter) => letter.charCodeAt(0));
}

function pageOf(seen, title) {
  const items = seen.map(({ time, text, file }) => {
    const picture = file ? `<img src="${file}" alt="" width="160" />` : "";
    return `<li>${picture}<br />${clock(time)} ${escaped(text)}</li>`;
  });
  return `<!doctype html><html lang="en"><meta charset="utf-8" /><title>${escaped(title)}</title><h1>${escaped(title)}</h1><ol>${items.join("\n")}</ol></html>\n`;
}
