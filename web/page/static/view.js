/** Shows a call's state, statistics, notices and problems. */

import { clock } from "./captions.js";

const STATES = {
  idle: "Ready",
  opening: "Opening the camera",
  connecting: "Connecting",
  live: "Live",
  muted: "Live, muted",
  reconnecting: "Reconnecting",
  lost: "Connection lost",
  failed: "Not connected",
  ended: "Stopped",
};
const NONE = "–";
const known = (value) => value !== null && value !== undefined && Number.isFinite(value);
const shown = (value, write) => (known(value) ? write(value) : NONE);
const pair = (one, two, unit = "") => {
  if (!known(one) && !known(two)) return NONE;
  return `${shown(one, String)} / ${shown(two, String)}${unit}`;
};
const rounded = (value, digits = 0) => (known(value) ? Number(value.toFixed(digits)) : value);

/** The parts of the page by the names in its `data-part` attributes. @param {Element} root */
export function partsOf(root) {
  const named = [...root.querySelectorAll("[data-part]")].map((each) => [each.dataset.part, each]);
  return Object.fromEntries(named);
}

/** @param {Record<string, HTMLElement>} page @param {import("./types.js").Stats} stats */
export function drawStats(page, stats) {
  const kbps = (value) => rounded(known(value) ? value / 1000 : value);
  page.fps.textContent = pair(rounded(stats.fps_in), rounded(stats.fps_out), " fps");
  page["round-trip"].textContent = shown(stats.round_trip, (value) => `${Math.round(value * 1000)} ms`);
  page.loss.textContent = shown(stats.loss, (value) => `${rounded(value * 100, 1)} %`);
  page.bitrate.textContent = pair(kbps(stats.bitrate_in), kbps(stats.bitrate_out), " kbit/s");
  page.lag.textContent = shown(stats.caption_lag, (value) => `${value.toFixed(1)} s`);
  page.dropped.textContent = droppedText(stats);
  page.time.textContent = shown(stats.seconds, clock);
}

/**
 * Show the state of the call; a call that is `late`, in the server's words, is not live.
 * @param {Record<string, any>} page @param {string} state @param {string} late @param {string} advice what to do then
 */
export function drawState(page, state, late, advice) {
  page["late-advice"].hidden = !late;
  page["late-advice"].textContent = advice;
  if (state !== "live" && state !== "muted") drawQuality(page, { grade: "", words: "" });
  page.state.textContent = late ? STATES[state].replace("Live", "Behind") : STATES[state];
  page.late.hidden = !late;
  page.late.textContent = late && `${sentence(late)}.`;
}

/** @param {Record<string, any>} page @param {{grade: string, words: string}} quality of the connection */
export function drawQuality(page, { grade, words }) {
  page.quality.textContent = words;
  page.status.dataset.grade = grade;
}

function droppedText({ dropped_frames: frames, dropped_audio: sound }) {
  const counts = [[frames, "frames"], [sound, "sound chunks"]].filter(([count]) => count > 0);
  if (counts.length) return counts.map(([count, name]) => `${count} ${name}`).join(", ");
  return known(frames) ? "none" : NONE;
}

const ANSWERS = /^answers come from ((?:an? )?(.+?))(?:: (.+))?$/; // the model: what it can do
const DRAWS = /^(?:no )?video is (?:drawn|generated)\b/; // shown in the Draw tab
export const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1);
/** Whether a notice says what a model can do, which is shown beside it. @param {string} message */
export const aboutModel = (message) => ANSWERS.test(message) || DRAWS.test(message);

/** @param {Record<string, HTMLElement>} page @param {Map<string, string>} notices message to level */
export function drawNotices(page, notices) {
  const general = [...notices].filter(([message]) => !aboutModel(message));
  const items = general.map(([message, level]) => element("li", sentence(message), level));
  page.notices.replaceChildren(...items);
}

/**
 * Show which model answers questions and what it can do, if `message` says so.
 * @param {Record<string, HTMLElement>} page
 * @param {string | null} message null: nothing is known yet
 */
export function drawModel(page, message) {
  const found = message === null ? ["", "", "", ""] : ANSWERS.exec(message);
  if (!found) return;
  const [, who, name, limits = ""] = found;
  page.model.hidden = !name;
  page.model.classList.toggle("stand-in", name.startsWith("stand-in"));
  page["model-name"].textContent = sentence(name);
  page["model-limits"].textContent = limits && `${sentence(limits)}.`;
  page["hint-limits"].textContent = who && `Answers come from ${who}. ${page["model-limits"].textContent}`;
}

/**
 * Show a problem and its advice, or nothing.
 * @param {Record<string, HTMLElement>} page
 * @param {{what: string, advice?: string, offer?: "sample" | "reconnect" | "key" | "resume"} | null} problem
 */
export function drawProblem(page, problem) {
  page.problem.hidden = !problem;
  page["problem-what"].textContent = problem?.what ?? "";
  page["problem-advice"].textContent = problem?.advice ?? "";
  page["offer-sample"].hidden = problem?.offer !== "sample";
  page.reconnect.hidden = problem?.offer !== "reconnect";
  page["key-form"].hidden = problem?.offer !== "key";
  page.resume.hidden = page.decline.hidden = problem?.offer !== "resume";
}

/** An item of a list with a button. @param {string} text @param {() => void} act */
export function pressable(text, act) {
  const [item, button] = [document.createElement("li"), element("button", text)];
  button.type = "button";
  button.onclick = act;
  item.append(button);
  return item;
}

/** An element with text. @param {string} tag @param {string} text @param {string} [className] */
export function element(tag, text, className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  if (className) made.className = className;
  return made;
}
