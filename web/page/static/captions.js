/** Captions as a bounded list of lines, and as WebVTT. Independent of the page and the network. */

const CUE_CHARS = 84; // two lines of 42: what a player shows without covering the picture
const CUE_SECONDS = 7;

/** @typedef {import("./types.js").Caption} Caption */

/** The lines of a session, oldest first; the last one may still change. */
export class CaptionList {
  /** @type {Caption[]} */ #lines = [];
  #dropped = 0;
  #offset = 0; // seconds from the start of the list to that of the call
  #turns = 0; // turns of earlier calls
  #limit;
  /** @type {Map<number, string>} names of speakers by number */ #names = new Map();

  /** @param {number} [limit] maximum number of lines; the oldest are dropped */
  constructor(limit = 2000) {
    this.#limit = limit;
  }

  /** @returns {readonly Caption[]} */
  get lines() {
    return this.#lines;
  }

  /** The names of the speakers by number; none while one person speaks alone. */
  get names() {
    return this.#names.size > 1 ? this.#names : new Map();
  }

  /**
   * Take who speaks, and whose words of earlier lines are; the lines are new objects then.
   * @param {import("./types.js").Speakers} event
   */
  tell({ speakers, corrected }) {
    this.#names = new Map(speakers.map(({ number, name }) => [number, name]));
    const numbers = new Map(corrected.map((each) => [each.turn + this.#turns, each.speakers]));
    this.#lines = this.#lines.map((line) => {
      const told = numbers.get(line.turn);
      const words = line.words.map((word, n) => ({ ...word, speaker: told ? told[n] : (word.speaker ?? 1) }));
      return { ...line, words };
    });
  }

  /** The number of dropped lines. */
  get dropped() {
    return this.#dropped;
  }

  /**
   * Add `caption`, or replace that of its turn; a final caption without words is removed.
   * @param {Caption} caption
   * @returns {boolean} false if its turn is already final
   */
  apply(caption) {
    const moved = this.#moved(caption);
    const at = this.#lines.findLastIndex((line) => line.turn === moved.turn);
    if (at >= 0 && this.#lines[at].final) return false;
    const { english, settled } = this.#lines[at] ?? {};
    const line = english ? { ...moved, english, settled } : moved;
    const kept = moved.final && !moved.text ? [] : [line];
    if (at >= 0) this.#lines.splice(at, 1, ...kept);
    else this.#lines.push(...kept);
    if (this.#lines.length > this.#limit) {
      this.#lines.shift();
      this.#dropped += 1;
    }
    return true;
  }

  /**
   * Add what a turn says in English, in place of what was known before.
   * @param {import("./types.js").Translation} translation
   * @returns {boolean} false if there is no line of its turn
   */
  translate({ turn, text, final }) {
    const at = this.#lines.findLastIndex((line) => line.turn === turn + this.#turns);
    if (at >= 0) this.#lines[at] = { ...this.#lines[at], english: text, settled: final };
    return at >= 0;
  }

  /**
   * Continue with another call in the same list: its turns follow those so far, and its second 0
   * is second `seconds` here. A line that is not final stays unchanged.
   * @param {number} seconds
   */
  continueAt(seconds) {
    this.#lines = this.#lines.map((line) => ({ ...line, final: true }));
    this.#turns = Math.max(0, ...this.#lines.map((line) => line.turn));
    this.#offset = seconds;
  }

  clear() {
    this.#lines = [];
    this.#names = new Map();
    this.#dropped = this.#offset = this.#turns = 0;
  }

  /** The final lines as a WebVTT file, long ones split between words, with their translations. @returns {string} */
  toWebVTT() {
    const note = this.#dropped ? [`NOTE ${this.#dropped} earlier lines are not in this file`] : [];
    const cues = this.#lines.filter((line) => line.final).flatMap((line) => subtitles(line, this.names));
    return `${["WEBVTT", ...note, ...cues.map(written)].join("\n\n")}\n`;
  }

  /** @param {Caption} caption @returns {Caption} */
  #moved(caption) {
    const by = this.#offset;
    const words = caption.words.map((word) => ({ ...word, start: word.start + by, end: word.end + by }));
    const [start, end] = [caption.start + by, caption.end + by];
    return { ...caption, words, start, end, turn: caption.turn + this.#turns };
  }
}

/** The stable and the changing words of a caption. @param {Caption} caption */
export function parts(caption) {
  if (caption.final) return { solid: caption.text, light: "" };
  /** @param {Caption["words"]} words */
  const text = (words) => words.map((word) => word.text).join("");
  const solid = text(caption.words.slice(0, caption.stable)).trimStart();
  const light = text(caption.words.slice(caption.stable));
  return { solid, light: solid ? light : light.trimStart() };
}

/** Seconds for display: 0:07, 12:34, 1:02:03. @param {number} seconds */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const tail = `${String(whole % 60).padStart(2, "0")}`;
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${tail}` : `${minutes}:${tail}`;
}

/** Seconds in WebVTT: 00:00:07.250. @param {number} seconds */
export function timestamp(seconds) {
  const ms = Math.max(0, Math.round(seconds * 1000));
  /** @param {number} value */
  const two = (value) => String(Math.floor(value)).padStart(2, "0");
  const rest = String(ms % 1000).padStart(3, "0");
  return `${two(ms / 3600000)}:${two((ms / 60000) % 60)}:${two((ms / 1000) % 60)}.${rest}`;
}

/** @typedef {{number: number, name: string, from: number, words: Caption["words"]}} Run of one speaker */
/** @typedef {{start: number, end: number, text: string, name: string}} Cue */

/**
 * The parts of a line that each one person says, with their speakers' numbers and names.
 * @param {Caption} line
 * @param {Map<number, string>} names
 */
export function spoken(line, names) {
  /** @type {Run[]} */
  const runs = [];
  line.words.forEach((word, n) => {
    const number = names.has(word.speaker ?? 0) ? (word.speaker ?? 0) : 0;
    const last = runs.at(-1);
    if (last?.number === number) last.words.push(word);
    else runs.push({ number, name: names.get(number) ?? "", from: n, words: [word] });
  });
  return runs;
}

/**
 * The cues of a line, and of its translation: that is shown for as long, in equal parts.
 * @param {Caption} line @param {Map<number, string>} names @returns {Cue[]}
 */
export function subtitles(line, names) {
  const texts = line.english?.split(/\s+/).filter(Boolean) ?? [];
  const length = Math.max(0.1, line.end - line.start) / texts.length;
  const at = (/** @type {number} */ n) => line.start + n * length;
  const words = texts.map((text, n) => ({ text: ` ${text}`, start: at(n), end: at(n + 1) }));
  const translated = words.length ? cuesOf({ ...line, words }, new Map()) : [];
  return [...cuesOf(line, names), ...translated].sort((one, two) => one.start - two.start);
}

/** @param {Caption} line @param {Map<number, string>} names @returns {Cue[]} */
function cuesOf(line, names) {
  if (!line.words.length) return [{ start: line.start, end: line.end, text: line.text, name: "" }];
  /** @type {Cue[]} */
  const cues = [];
  for (const word of line.words) {
    const last = cues.at(-1);
    const name = names.get(word.speaker ?? 0) ?? "";
    const fits =
      last &&
      last.name === name &&
      (last.text + word.text).trim().length <= CUE_CHARS &&
      word.end - last.start <= CUE_SECONDS;
    if (fits) Object.assign(last, { text: last.text + word.text, end: word.end });
    else cues.push({ start: word.start, end: word.end, text: word.text, name });
  }
  return cues;
}

/** @param {Cue} cue */
function written({ start, end, text, name }) {
  /** @param {string} part */
  const safe = (part) => part.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const escaped = (name && `<v ${safe(name)}>`) + safe(text.trim());
  // A cue must end after it starts, or players drop it.
  return `${timestamp(start)} --> ${timestamp(Math.max(end, start + 0.1))}\n${escaped}`;
}
