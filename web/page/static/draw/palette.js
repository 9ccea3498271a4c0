/** What the model can draw, as pictures: pressing them makes a prompt. */

import { element } from "../view.js";

const MAX_THINGS = 2;
const PHRASES = {
  left: ["←", "moving left"],
  right: ["→", "moving right"],
  up: ["↑", "rising"],
  down: ["↓", "sinking"],
  circle: ["↻", "moving in a circle"],
  bounce: ["⤒", "bouncing"],
  wave: ["↔", "swinging from side to side"],
  still: ["■", "standing still"],
};
const PERCENT = 100;

/** @typedef {import("../types.js").Draws} Draws */
/** @typedef {{columns: number, rows: number, things: string[], backgrounds: string[], presets: string[]}} Sheet of pictures */

/** The pictures of what can be drawn: pressed ones are in the prompt. */
export class Palette {
  #slot;
  #choose;
  /** @type {Draws | null} */ #draws = null;
  /** @type {Sheet | null} */ #sheet = null;
  /** @type {string[]} */ #things = [];
  #background = "";
  /** @type {Record<string, string>} the motion of each thing */ #motions = {};

  /** @param {HTMLElement} slot @param {(prompt: string) => void} choose called with each new prompt */
  constructor(slot, choose) {
    this.#slot = slot;
    this.#choose = choose;
  }

  /** Show what a model knows; null hides the pictures. @param {Draws | null | undefined} draws */
  async offer(draws) {
    this.#draws = draws?.things.length ? draws : null;
    this.#slot.hidden = !this.#draws;
    this.#show();
    this.#sheet ??= await pictures();
    this.#show();
  }

  /** The pictured presets, if the pictures are of this model. @returns {string[]} */
  get presets() {
    return this.#pictured ? this.#sheet.presets : [];
  }

  /** A picture of a thing, a background or a preset; null: there is none. @param {string} name */
  picture(name) {
    if (!this.#pictured) return null;
    const { columns, rows, things, backgrounds, presets } = this.#sheet;
    const place = [...things, ...backgrounds, ...presets].indexOf(name);
    if (place < 0) return null;
    const shown = element("span", "", "known-picture");
    shown.style.backgroundImage = `url("${new URL("known.webp", import.meta.url)}")`;
    const [across, down] = [place % columns, Math.floor(place / columns)];
    shown.style.backgroundSize = `${columns * PERCENT}% ${rows * PERCENT}%`;
    shown.style.backgroundPosition = `${(across / (columns - 1)) * PERCENT}% ${(down / (rows - 1)) * PERCENT}%`;
    return shown;
  }

  /** Press what a prompt was read as. @param {import("../types.js").PromptReading} reading */
  press({ things, background }) {
    this.#things = things.map(({ name }) => name);
    this.#motions = Object.fromEntries(things.map(({ name, motion }) => [name, motion ?? ""]));
    this.#background = background?.replace(/^(an?|the) /, "") ?? "";
    this.#show();
  }

  get #pictured() {
    const same = (one, other) => one.join() === other.join();
    return Boolean(this.#sheet && this.#draws && same(this.#sheet.things, this.#draws.things) && same(this.#sheet.backgrounds, this.#draws.backgrounds));
  }

  #show() {
    if (!this.#draws) return this.#slot.replaceChildren();
    const { things, backgrounds, motions = [] } = this.#draws;
    const last = this.#things.at(-1);
    this.#slot.replaceChildren(
      this.#group("Things", things, (name) => this.#things.includes(name), (name) => this.#toggle(name)),
      this.#group("Backgrounds", backgrounds, (name) => this.#background === name, (name) => (this.#background = this.#background === name ? "" : name)),
      this.#group(last ? `Motion: ${last}` : "Motion", motions.filter((name) => name in PHRASES), (name) => this.#motions[last] === name, (name) => {
        if (last) this.#motions[last] = this.#motions[last] === name ? "" : name;
      }),
    );
  }

  #group(title, names, pressed, press) {
    const group = element("div", "", "known");
    group.role = "group";
    group.ariaLabel = title;
    group.append(element("p", title, "name"), ...names.map((name) => this.#button(name, pressed(name), () => press(name))));
    return group;
  }

  #button(name, pressed, press) {
    const button = element("button", "", "known-one");
    button.type = "button";
    button.title = name;
    button.ariaPressed = String(pressed);
    const picture = this.picture(name) ?? element("span", PHRASES[name]?.[0] ?? "", "known-sign");
    picture.ariaHidden = "true";
    button.append(picture, element("span", name, "known-name"));
    button.onclick = () => {
      press();
      this.#show();
      this.#slot.querySelector(`[title="${CSS.escape(name)}"]`)?.focus();
      if (this.#things.length) this.#choose(this.#prompt);
    };
    return button;
  }

  /** A third thing takes the place of the second. */
  #toggle(name) {
    if (this.#things.includes(name)) this.#things = this.#things.filter((each) => each !== name);
    else this.#things = [...this.#things.slice(0, MAX_THINGS - 1), name];
  }

  get #prompt() {
    const said = this.#things.map((name) => [withArticle(name), PHRASES[this.#motions[name]]?.[1]].filter(Boolean).join(" "));
    return said.join(" and ") + (this.#background ? ` on ${withArticle(this.#background, true)}` : "");
  }
}

/** @returns {Promise<Sheet | null>} null if there are no pictures */
async function pictures() {
  const answer = await fetch(new URL("known.json", import.meta.url)).catch(() => null);
  return answer?.ok ? answer.json() : null;
}

/** @param {string} name @param {boolean} [place] of substances and plurals there is no "a" */
function withArticle(name, place = false) {
  if (place && !/(wall|leaf|sky|background)$/.test(name)) return name;
  return `${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`;
}
