/** Standing requests as chips with a stop button. */

import { element } from "../view.js";

const TELL_REQUEST =
  /^.*?\b(?:tell|warn|alert|notify|inform|let|remind|ping|call|give) (?:me|us)\b.*?\b(when(?:ever)?|if|once|as soon as|every time|each time|the moment|next time|in case)\b\s*(.+)$/i;
const LOOKING = /^.*?\b(?:watch|look|wait|keep an eye|looking|watching)(?: out)? for\b\s*(.+)$/i;

const NOBODY = /\b(?:nobody|no[ -]one|everybody|everyone)\b/i;

/**
 * The sentence that ends a standing request: the server parses it like any other.
 * @param {string} request its original words
 */
export function stopping(request) {
  const words = request.trim().replace(/[\s.!?]+$/, "");
  if (NOBODY.test(words)) return "Stop watching for someone."; // also for requests about nobody being there
  const match = TELL_REQUEST.exec(words);
  if (match) return `Stop telling me ${match[1].toLowerCase() === "if" ? "if" : "when"} ${match[2]}.`;
  const looked = LOOKING.exec(words);
  return `Stop watching for ${looked ? looked[1] : words}.`;
}

/**
 * Show the standing requests; `stop` is called with the one to end.
 * @param {HTMLElement} list @param {string[]} requests @param {(request: string) => void} stop
 */
export function drawRequests(list, requests, stop) {
  const focused = list.contains(document.activeElement);
  list.hidden = requests.length === 0;
  list.replaceChildren(...requests.map((request) => chip(request, stop)));
  if (focused) list.querySelector("button")?.focus();
}

function chip(request, stop) {
  const item = document.createElement("li");
  const button = element("button", "×", "remove");
  button.type = "button";
  button.ariaLabel = `Stop: ${request}`;
  button.onclick = () => stop(request);
  const words = element("span", request);
  words.title = request;
  item.append(words, button);
  return item;
}
