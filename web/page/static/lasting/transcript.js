/** A history as files: WebVTT, SubRip, plain text and JSON of what was said, Markdown of the conversation. */

import { CaptionList, clock, spoken, subtitles, timestamp } from "../captions.js";

/** @typedef {import("./history.js").Entry} Entry */

/** The captions of a history, with speakers and translations. @param {readonly Entry[]} entries */
export function captionsOf(entries) {
  const list = new CaptionList(Infinity);
  for (const entry of entries) {
    if (entry.type === "eyeline.caption") list.apply(/** @type {any} */ (entry));
    else if (entry.type === "eyeline.speakers") list.tell(/** @type {any} */ (entry));
    else if (entry.type === "eyeline.translation") list.translate(/** @type {any} */ (entry));
  }
  return list;
}

/** The files of what was said: the text of each by the ending of its name. */
export const TRANSCRIPTS = {
  vtt: { type: "text/vtt", write: (list) => list.toWebVTT() },
  srt: { type: "application/x-subrip", write: (list) => cues(list).map(srtCue).join("\n") },
  txt: { type: "text/plain", write: (list) => list.lines.map((line) => textLine(line, list.names)).join("") },
  json: { type: "application/json", write: (list) => `${JSON.stringify(jsonOf(list), null, 1)}\n` },
};

const cues = (list) => list.lines.flatMap((line) => subtitles(line, list.names));
const later = ({ start, end }) => Math.max(start + 0.1, end);

function srtCue(cue, n) {
  const time = (seconds) => timestamp(seconds).replace(".", ",");
  const text = cue.name ? `${cue.name}: ${cue.text.trim()}` : cue.text.trim();
  return `${n + 1}\n${time(cue.start)} --> ${time(later(cue))}\n${text}\n`;
}

function textLine(line, names) {
  const runs = names.size ? spoken(line, names) : [{ name: "", words: [{ text: line.text }] }];
  const said = runs.map(({ name, words }) => (name ? `${name}: ` : "") + words.map((word) => word.text).join("").trim());
  return [...said, ...(line.english ? [`(${line.english})`] : [])].map((text) => `${text}\n`).join("");
}

function jsonOf(list) {
  const named = ({ text, start, end, speaker }) => ({ text: text.trim(), start, end, ...(list.names.has(speaker) && { speaker: list.names.get(speaker) }) });
  return list.lines.map((line) => ({
    start: line.start,
    end: line.end,
    text: line.text,
    language: line.language,
    words: line.words.map(named),
    ...(line.english && { english: line.english }),
  }));
}

const SPECIAL = /[\\`*_[\]<>#|~&]/g; // of Markdown
const BREAK = /[\r\n\u2028\u2029]+/g; // after one, text could begin a list or code
const plain = (text) => text.replace(SPECIAL, "\\$&").replace(BREAK, " ");

/** The conversation as Markdown. @param {readonly Entry[]} entries @param {string} title */
export function markdownOf(entries, title) {
  const list = captionsOf(entries);
  const said = new Map(list.lines.map((line) => [line.turn, line]));
  let last = "";
  const parts = entries.map((entry) => {
    const repeated = entry.type === "question" && entry.text.trim() === last; // asked by voice
    if (entry.type === "eyeline.caption") last = entry.text.trim();
    return repeated ? "" : paragraph(entry, said, list.names);
  });
  return `# ${plain(title)}\n\n${parts.filter(Boolean).join("\n\n")}\n`;
}

function paragraph(entry, said, names) {
  switch (entry.type) {
    case "eyeline.caption": {
      const line = said.get(entry.turn) ?? entry;
      const runs = names.size ? spoken(line, names) : [{ name: "", words: [{ text: line.text }] }];
      const text = runs.map(({ name, words }) => (name ? `*${plain(name)}:* ` : "") + plain(words.map((word) => word.text).join("").trim()));
      return `${clock(line.start)} ${text.join(" ")}${line.english ? `\n> ${plain(line.english)}` : ""}`;
    }
    case "question":
      return `**${clock(entry.time)} You asked:** ${plain(entry.text)}`;
    case "answer": {
      const based = entry.moments.map((moment) => `${clock(moment.time)} ${plain(moment.text)}`).join("; ");
      const ended = entry.status === "completed" ? "" : ` *(${plain(entry.reason || entry.status)})*`;
      return `**Answer:** ${plain(entry.text)}${ended}${based ? `  \nBased on: ${based}` : ""}`;
    }
    case "request_met":
      return `**${clock(entry.moment.time)} As you asked (${plain(entry.request)}):** ${plain(entry.text)}`;
    default:
      return "";
  }
}
