/** What the model can draw, as pictures: pressing them makes a prompt. */

import { OwnPictures } from "./own_pictures.js";
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
/** @typedef {{columns: number, rows: number, things: string[], backgrounds: string[], presets: string[], groups?: Record<string, string[]>}} Sheet of pictures */

/** The pictures of what can be drawn: pressed ones are in the prompt. */
export class Palette {
  #slot;
  #choose;
  #own;
  /** @type {Draws | null} */ #draws = null;
  /** @type {Sheet | null} */ #sheet = null;
  #group = ""; // whose things are shown
  /** @type {string[]} */ #things = [];
  #background = "";
  /** @type {Record<string, string>} the motion of each thing */ #motions = {};
  #search = Object.assign(document.createElement("input"), { type: "search", placeholder: "Find a thing", autocomplete: "off", ariaLabel: "Find a thing that can be drawn" });
  #groups = element("div", "", "known-groups");
  #lists = { things: element("div", "", "known-list"), backgrounds: element("div", "", "known-list"), motions: element("div", "", "known-list") };
  #motionTitle = element("p", "Motion", "name");
  #none = element("p", "", "known-none");
  #told = element("p", "", "own-told");

  /**
   * @param {HTMLElement} slot @param {HTMLVideoElement} camera
   * @param {(prompt: string) => void} choose called with each new prompt
   * @param {(event: {type: string, [field: string]: unknown}) => string} send sends an event, and returns its id
   */
  constructor(slot, camera, choose, send) {
    this.#slot = slot;
    this.#choose = choose;
    const own = element("div", "", "own");
    this.#own = new OwnPictures(own, camera, { send, changed: () => this.#show() });
    this.#search.oninput = () => this.#show();
    this.#search.onkeydown = (event) => event.key === "Escape" && this.#search.value && (event.stopPropagation(), this.#find(""));
    this.#groups.role = "group";
    this.#groups.ariaLabel = "Kinds of things";
    this.#none.role = this.#told.role = "status";
    slot.append(
      part("Things", element("p", "Things", "name"), this.#search, own, this.#told, this.#groups, this.#lists.things, this.#none),
      part("Backgrounds", element("p", "Backgrounds", "name"), this.#lists.backgrounds),
      part("Motion", this.#motionTitle, this.#lists.motions),
    );
  }

  /** Show what a model knows; null hides the pictures. @param {Draws | null | undefined} draws */
  async offer(draws) {
    this.#draws = draws?.things.length ? draws : null;
    this.#slot.hidden = !this.#draws;
    this.#own.offer(draws?.max_looks ?? 0);
    this.#show();
    this.#sheet ??= await pictures();
    this.#show();
  }

  /** Handle a server event. @returns {boolean} whether it is about pictures of the user's own */
  receive(event) {
    if (!this.#own.receive(event)) return false;
    this.#told.textContent = event.look ? `${OwnPictures.told(event.look)}.` : "";
    if (!event.look) this.#things = this.#things.filter((name) => name !== event.name || this.#draws?.things.includes(name));
    this.#show();
    return true;
  }

  /** Show why a picture was refused. @param {string} message @param {string | null | undefined} cause @returns {boolean} whether it was one */
  refused(message, cause) {
    return this.#own.refused(message, cause);
  }

  /** The call is over, and with it the pictures of the user's own. */
  clear() {
    this.#own.clear();
    this.#told.textContent = "";
    this.#show();
  }

  /** The names of the user's own things. */
  get own() {
    return this.#own.of("thing").map(({ name }) => name);
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

  /** The things of each group; those of another model have none. @returns {Record<string, string[]>} */
  get #grouped() {
    return (this.#pictured && this.#sheet.groups) || {};
  }

  #find(text) {
    this.#search.value = text;
    this.#show();
  }

  #show() {
    if (!this.#draws) return;
    const { backgrounds, motions = [] } = this.#draws;
    const [last, kinds] = [this.#things.at(-1), Object.keys(this.#grouped)];
    if (!kinds.includes(this.#group)) this.#group = kinds[0] ?? "";
    this.#search.hidden = !kinds.length;
    this.#groups.hidden = !kinds.length || Boolean(this.#search.value);
    this.#groups.replaceChildren(...kinds.map((name) => this.#kind(name)));
    const shown = this.#shownThings;
    this.#lists.things.replaceChildren(...this.#own.of("thing").map((look) => this.#mine(look)), ...shown.map((name) => this.#thing(name)));
    const sought = this.#search.value.trim();
    this.#none.textContent = sought && !shown.length ? `The model knows nothing called “${sought}”.` : "";
    this.#lists.backgrounds.replaceChildren(
      ...this.#own.of("background").map((look) => this.#mine(look)),
      ...backgrounds.filter((name) => !this.#own.of("background").some((look) => look.name === name)).map((name) => this.#ground(name)),
    );
    this.#motionTitle.textContent = last ? `Motion: ${last}` : "Motion";
    this.#lists.motions.replaceChildren(
      ...motions
        .filter((name) => name in PHRASES)
        .map((name) =>
          this.#button(name, this.#motions[last ?? ""] === name, () => {
            if (last) this.#motions[last] = this.#motions[last] === name ? "" : name;
          }),
        ),
    );
  }

  /** What is sought, or a group after what is pressed of others; without the user's own. */
  get #shownThings() {
    const { things } = /** @type {Draws} */ (this.#draws);
    const known = things.filter((name) => !this.own.includes(name));
    const sought = this.#search.value.trim().toLowerCase();
    if (sought) return known.filter((name) => name.includes(sought));
    const group = this.#grouped[this.#group] ?? known;
    return known.filter((name) => group.includes(name) || this.#things.includes(name)).sort((one, other) => Number(group.includes(one)) - Number(group.includes(other)));
  }

  #kind(name) {
    const button = Object.assign(element("button", name, "known-group"), { type: "button", ariaPressed: String(name === this.#group) });
    button.onclick = () => {
      this.#group = name;
      this.#show();
      [...this.#groups.children].find((each) => each.textContent === name)?.focus();
    };
    return button;
  }

  #thing(name, picture = this.picture(name)) {
    return this.#button(name, this.#things.includes(name), () => this.#toggle(name), picture);
  }

  #ground(name, picture = this.picture(name)) {
    return this.#button(name, this.#background === name, () => (this.#background = this.#background === name ? "" : name), picture);
  }

  /** A picture of the user's own, with a button that removes it. @param {import("./own_pictures.js").OwnLook} look */
  #mine(look) {
    const [cell, remove] = [element("div", "", "own-one"), element("button", "✕", "own-remove")];
    const picture = element("span", "", "known-picture own-picture");
    picture.style.backgroundImage = `url("${look.image}")`;
    Object.assign(remove, { type: "button", ariaLabel: `Remove ${look.name}`, title: `Remove ${look.name}` });
    remove.onclick = () => this.#own.remove(look.name);
    cell.append(look.role === "thing" ? this.#thing(look.name, picture) : this.#ground(look.name, picture), remove);
    return cell;
  }

  #button(name, pressed, press, shown = null) {
    const button = element("button", "", "known-one");
    Object.assign(button, { type: "button", title: name, ariaPressed: String(pressed) });
    const picture = shown ?? element("span", PHRASES[name]?.[0] ?? "", "known-sign");
    picture.ariaHidden = "true";
    button.append(picture, element("span", name, "known-name"));
    button.onclick = () => {
      press();
      this.#show();
      /** @type {HTMLElement | null} */ (this.#slot.querySelector(`.known-one[title="${CSS.escape(name)}"]`))?.focus();
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

/** A titled part of the palette. @param {string} title @param {HTMLElement[]} children */
function part(title, ...children) {
  const made = Object.assign(element("div", "", "known"), { role: "group", ariaLabel: title });
  made.append(...children);
  return made;
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
