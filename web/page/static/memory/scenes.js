/** Moments that show the same are one scene: "brown cat, 0:09 to 0:42". Independent of the page. */

import { clock } from "../captions.js";

const COLOR = /^(?:red|orange|yellow|green|blue|purple|pink|brown|black|white|gr[ae]y) (?=\S)/; // which light changes
const PEOPLE = /\b(?:one person|(?:two|three|four|five|six|seven|eight|nine|\d+) people)\b/;

/** @typedef {import("../types.js").Moment} Moment */
/** @typedef {{name: string, from: number, to: number, moments: Moment[]}} Scene times in seconds of the session */

/**
 * What a moment shows, without where and how: "brown cat, one person".
 * @param {string} text of a moment, as "brown cat, middle; one person, waving"
 */
export function nameOf(text) {
  const [thing] = text.split(/[,;]/, 1);
  const [people] = PEOPLE.exec(text) ?? [""];
  return [thing.trim(), people].filter((each, at, all) => each && all.indexOf(each) === at).join(", ") || text;
}

/** What tells one scene from the next: its name without the color, of which models are less sure. @param {string} name */
export const subjectOf = (name) => name.replace(COLOR, "");

/** @param {readonly Moment[]} moments in order of time @returns {Scene[]} */
export function scenesOf(moments) {
  /** @type {Scene[]} */ const scenes = [];
  for (const moment of moments) {
    const name = nameOf(moment.text);
    const last = scenes.at(-1);
    if (last && subjectOf(last.name) === subjectOf(name)) {
      last.moments.push(moment);
      last.to = moment.time;
    } else scenes.push({ name, from: moment.time, to: moment.time, moments: [moment] });
  }
  return scenes;
}

/** When a scene was: "0:09 to 0:42". @param {Scene} scene */
export function timesOf({ from, to }) {
  const [first, last] = [clock(from), clock(to)];
  return first === last ? first : `${first} to ${last}`;
}

/** The index of the scene at `time`, or of the last one before it; -1 if there is none. @param {readonly Scene[]} scenes @param {number} time */
export function sceneAt(scenes, time) {
  const at = scenes.findLastIndex(({ from }) => from <= time);
  return at < 0 && scenes.length ? 0 : at;
}
