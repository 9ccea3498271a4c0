/** Shows the Draw tab: what the server can generate, and its status. */

import { element } from "./view.js";

const STATES = {
  off: "",
  waiting: "Waiting for a prompt",
  refused: "Not drawn",
  drawing: "Drawing",
  paused: "Paused",
  full: "Waiting: the maximum number of sessions is generating video",
};
const SAMPLERS = {
  "motion-stream": "MotionStream: fastest",
  "rolling-forcing": "Rolling Forcing: most stable",
  "stream-dit": "StreamDiT: moving buffer",
};
const BEFORE =
  "Press Start, then enter a prompt and drag a path with mouse or finger: a small model generates the video live, if this server has one.";
const NONE = "This server generates no video";
export const UNAVAILABLE = /^no video is generated: (.+)$/; // the notice with the reason
const DOZEN = 12;

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** @typedef {import("./types.js").Draws} Draws */
/** @typedef {import("./types.js").DrawingStatus} DrawingStatus */

/**
 * Show the generation model and list its samplers.
 * @param {Record<string, any>} page
 * @param {Draws | null | undefined} draws null: nothing; undefined: not known without a call
 * @param {string} reason why no video is generated, if known
 * @param {import("./draw/palette.js").Palette} palette has examples with pictures
 * @param {(prompt: string) => void} suggest called with an example prompt
 */
export function drawOffer(page, draws, reason, palette, suggest) {
  const none = `${NONE}${reason && `: ${reason}`}.`;
  const hint = draws ? `${sentence(draws.about)}.` : draws === null ? none : BEFORE;
  page["draw-hint"].textContent = hint;
  page["draw-hint"].classList.toggle("none", draws === null || Boolean(draws?.stand_in));
  page["draw-model"].hidden = !draws;
  page["draw-suggestions"].hidden = !draws;
  if (!draws) return;
  page["draw-model"].classList.toggle("stand-in", draws.stand_in);
  page["draw-model-name"].textContent = draws.stand_in ? "Stand-in" : "Small model";
  page["draw-knows"].textContent = `It knows ${listed(draws.things)}; on ${listed(draws.backgrounds)}.`;
  const { value } = page.sampler;
  page.sampler.replaceChildren(...Object.keys(draws.samplers).map(option));
  if (value in draws.samplers) page.sampler.value = value;
  page.steps.placeholder = String(draws.samplers[page.sampler.value]);
  const prompts = palette.presets.length ? palette.presets : promptsOf(draws);
  page["draw-suggestions"].replaceChildren(...prompts.map((prompt) => suggestion(prompt, suggest, palette.picture(prompt))));
}

/**
 * Label the paths with the first two things in `prompt` that the model knows.
 * @param {Record<string, any>} page @param {string[]} things @param {string} prompt
 */
export function drawThings(page, things, prompt) {
  nameThings(page, thingsIn(prompt, things));
}

/** Label the paths. @param {Record<string, any>} page @param {string[]} names of the first two things */
export function nameThings(page, [first = "first thing", second = "second thing"]) {
  page["thing-first-name"].textContent = first;
  page["thing-second-name"].textContent = second;
}

/** The things that `prompt` names, in its order. @param {string} prompt @param {string[]} things */
export function thingsIn(prompt, things) {
  const names = [...things].sort((one, other) => other.length - one.length).map((name) => name.replace(/[^\w ]/g, "."));
  if (!names.length) return [];
  const found = prompt.toLowerCase().matchAll(new RegExp(`\\b(${names.join("|")})s?\\b`, "g"));
  return [...found].map((match) => match[1]).slice(0, 2);
}

/**
 * Show the generation status; null if nothing is generated.
 * @param {Record<string, any>} page
 * @param {DrawingStatus | null} status
 * @param {{steps: number | null, rate: number, refusal: string}} also the requested values and the last error
 */
export function drawReport(page, status, { refusal, ...wished }) {
  page["draw-state"].textContent = status ? STATES[status.state] : "";
  page.performance.hidden = !status;
  const remarks = [...(refusal ? [[sentence(refusal), "warning"]] : [])];
  if (status) {
    page["draw-fps"].textContent = `${Math.round(status.fps)} fps`;
    page["draw-delay"].textContent = status.delay_ms === null ? "–" : `${status.delay_ms} ms`;
    page["draw-steps"].textContent = String(status.steps);
    page["draw-pictures"].textContent = String(status.pictures);
    if (status.degraded) remarks.push([behind(status, wished), "warning"]);
    const level = status.state === "refused" ? "warning" : "";
    remarks.push(...status.notices.filter((notice) => notice !== refusal).map((notice) => [sentence(notice), level]));
  }
  const text = JSON.stringify(remarks);
  if (page["draw-remarks"].dataset.shown === text) return; // screen readers read it once, not each second
  page["draw-remarks"].dataset.shown = text;
  page["draw-remarks"].replaceChildren(...remarks.map(([text, level]) => element("li", `${text.replace(/\.$/, "")}.`, level)));
}

function behind({ steps, rate }, wished) {
  const fewer = [];
  if (wished.steps !== null && steps < wished.steps) fewer.push(`${steps} of ${wished.steps} steps`);
  if (rate < wished.rate) fewer.push(`${rate.toFixed(1)} of ${wished.rate} frames per second`);
  return `This machine is too slow: ${fewer.join(" and ")}`;
}

function listed(names) {
  const rest = names.length - DOZEN;
  return names.slice(0, DOZEN).join(", ") + (rest > 0 ? ` and ${rest} more` : "");
}

function promptsOf({ things, backgrounds }) {
  // Also from the middle of the lists: neighbors are often synonyms.
  const [one, two] = [things[0], things[Math.floor(things.length / 2)]].map(withArticle);
  const [ground, other] = [backgrounds[Math.floor(backgrounds.length / 3)], backgrounds.at(-1)];
  if (!one || !ground) return [];
  return [`${one} on ${ground}, moving in a circle`, ...(one === two ? [] : [`${one} and ${two} on ${other}`])];
}

function withArticle(name) {
  return name && `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`;
}

function option(name) {
  const made = element("option", SAMPLERS[name] ?? name);
  made.value = name;
  return made;
}

function suggestion(prompt, suggest, picture) {
  const item = document.createElement("li");
  const button = element("button", prompt);
  button.type = "button";
  if (picture) button.prepend(picture);
  button.onclick = () => suggest(prompt);
  item.append(button);
  return item;
}
