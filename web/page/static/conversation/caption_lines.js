/** Captions as items of the conversation. */

import { clock, parts, spoken } from "../captions.js";
import { element } from "../view.js";

const SPEAKER_COLORS = 6; // of names; the next person has the first again

/** @typedef {import("../types.js").Caption} Caption */

/** Shows the lines of a caption list in a stream, each of them once. */
export class CaptionLines {
  #stream;
  /** @type {Map<number, {item: HTMLElement, line: Caption}>} by turn */ #drawn = new Map();

  /** @param {import("./stream.js").Stream} stream */
  constructor(stream) {
    this.#stream = stream;
  }

  /**
   * Draw the lines that changed, and remove those that are gone.
   * @param {readonly Caption[]} lines @param {Map<number, string>} names of speakers by number
   */
  draw(lines, names) {
    const turns = new Set(lines.map((line) => line.turn));
    for (const [turn, { item }] of this.#drawn) {
      if (turns.has(turn)) continue;
      this.#stream.remove(item);
      this.#drawn.delete(turn);
    }
    for (const line of lines) {
      const before = this.#drawn.get(line.turn);
      if (before?.line === line) continue;
      const item = captionItem(line, names);
      if (before) this.#stream.replace(before.item, item);
      else this.#stream.add(item, line.start);
      this.#drawn.set(line.turn, { item, line });
    }
  }
}

export function captionItem(line, names) {
  const item = document.createElement("li");
  item.className = `caption ${line.final ? "final" : "partial"}`;
  item.ariaBusy = String(!line.final); // screen readers wait for the final words
  const time = element("time", clock(line.start));
  time.dateTime = `PT${line.start.toFixed(2)}S`;
  const text = element("p", "");
  text.dir = "auto"; // by its script: Arabic and Hebrew run to the left
  text.lang = line.language ?? "";
  if (names.size) for (const run of spoken(line, names)) text.append(...spokenParts(line, run));
  else text.append(...textParts(parts(line)));
  if (line.english) text.append(translationOf(line));
  item.append(time, text);
  return item;
}

function spokenParts(line, { number, name, from, words }) {
  const label = name ? [element("b", name, `speaker speaker-${((number - 1) % SPEAKER_COLORS) + 1}`), " "] : [];
  const part = { ...line, words, text: words.map((word) => word.text).join("").trim(), stable: Math.max(0, line.stable - from) };
  return [...label, ...textParts(parts(part)), " "];
}

function textParts({ solid, light }) {
  return [element("span", solid, "solid"), element("span", light, "light")];
}

/** The second line of a caption: what it says in English. */
function translationOf({ english, settled }) {
  const text = element("span", english, settled ? "english" : "english light");
  text.lang = "en";
  text.dir = "ltr";
  return text;
}
