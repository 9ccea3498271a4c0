/** A past history as the items of a conversation. */

import { clock } from "../captions.js";
import { captionItem } from "../conversation/caption_lines.js";
import { MomentList } from "../memory/moments.js";
import { pictureOf } from "../memory/scene_row.js";
import { element } from "../view.js";
import { captionsOf } from "./transcript.js";

const AT_ONCE = 400; // items; more are shown on request

/** @typedef {import("./history.js").Entry} Entry */

/**
 * Show `entries` in `list`; `seek` is called with the time of what the user chooses.
 * @param {HTMLElement} list @param {readonly Entry[]} entries @param {((time: number) => void) | null} seek
 */
export function showHistory(list, entries, seek) {
  const captions = captionsOf(entries);
  const lines = new Map(captions.lines.map((line) => [line.turn, line]));
  const moments = new MomentList(Infinity);
  for (const entry of entries) if (entry.type === "eyeline.memory.moment") moments.add(/** @type {any} */ (entry));
  const shown = shownOf(entries);
  const draw = (from) => {
    const items = shown.slice(from, from + AT_ONCE).map((entry) => itemOf(entry, { lines, names: captions.names, moments, seek }));
    list.append(...items);
    if (from + AT_ONCE < shown.length) list.append(more(shown.length - from - AT_ONCE, () => draw(from + AT_ONCE)));
  };
  list.replaceChildren();
  draw(0);
}

/** Speech that was a question has a caption already. */
function shownOf(entries) {
  let said = "";
  return entries.filter((entry) => {
    if (entry.type === "question") return entry.text.trim() !== said;
    if (entry.type === "eyeline.caption") said = entry.text.trim();
    return ["eyeline.caption", "answer", "request_met"].includes(entry.type);
  });
}

function more(count, act) {
  const item = document.createElement("li");
  const button = element("button", `Show ${Math.min(count, AT_ONCE)} more`);
  button.onclick = () => (item.remove(), act());
  item.append(button);
  return item;
}

function itemOf(entry, { lines, names, moments, seek }) {
  if (entry.type === "eyeline.caption") {
    const item = captionItem(lines.get(entry.turn) ?? entry, names);
    if (seek) item.firstElementChild.replaceWith(seekButton(entry.start, seek));
    return item;
  }
  const item = document.createElement("li");
  item.className = entry.type === "request_met" ? "exchange unasked" : "exchange";
  if (entry.type === "question") {
    item.append(element("p", entry.text, "question"));
    return item;
  }
  if (entry.type === "request_met") item.append(element("p", `As you asked: ${entry.request}`, "because"));
  const answer = element("p", entry.text, "answer");
  if (entry.status && entry.status !== "completed") answer.append(element("span", ` (${entry.reason || entry.status})`, "reason"));
  item.append(answer);
  const based = entry.type === "request_met" ? [entry.moment] : entry.moments;
  if (based.length) item.append(evidence(based, moments, seek));
  return item;
}

/** @param {{number: number, time: number, text: string}[]} references @param {MomentList} moments */
export function evidence(references, moments, seek) {
  const list = element("ul", "", "evidence");
  list.ariaLabel = "Based on these moments";
  list.append(
    ...references.map((reference) => {
      const item = document.createElement("li");
      const button = /** @type {HTMLButtonElement} */ (element("button", ""));
      button.type = "button";
      button.title = reference.text ?? "";
      button.ariaLabel = `${clock(reference.time)}, ${reference.text ?? ""}`;
      button.append(pictureOf(moments.find(reference)), element("time", clock(reference.time)));
      button.disabled = !seek;
      button.onclick = () => seek?.(reference.time);
      item.append(button);
      return item;
    }),
  );
  return list;
}

function seekButton(time, seek) {
  const button = /** @type {HTMLButtonElement} */ (element("button", clock(time), "seek"));
  button.type = "button";
  button.title = "Play from here";
  button.onclick = () => seek(time);
  return button;
}
