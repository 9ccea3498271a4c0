/** The language that is spoken, and whether it is translated: chosen once, and remembered. */

import { isObject, keep, kept } from "./store.js";

const KEPT = "language"; // its name in the settings of the page
const DETECT = "auto";

/** A choice of language with a switch of translation; `changed` is called when the user changes one. */
export class LanguageChoice {
  #select;
  #translate;

  /** @param {HTMLSelectElement} select @param {HTMLInputElement} translate @param {() => void} changed */
  constructor(select, translate, changed) {
    this.#select = select;
    this.#translate = translate;
    const before = kept(KEPT, isObject) ?? {};
    translate.checked = before.translate === true;
    select.onchange = translate.onchange = () => {
      keep(KEPT, { language: select.value, translate: translate.checked });
      changed();
    };
    this.#offer(before.language);
  }

  /** The fields of a session: the choice, or nothing while the server's own is in effect. */
  get session() {
    const language = this.#select.value;
    return {
      transcription: language ? { language } : {},
      eyeline: { events: true, translate: this.#translate.checked },
    };
  }

  /** Offer the languages of the server, its default first; the one of `before` is chosen. */
  async #offer(before) {
    const response = await fetch(new URL("../health", import.meta.url)).catch(() => null);
    if (!response?.ok) return; // the call will say what is wrong
    const { languages } = await response.json();
    const codes = languages.available.length > 1 ? [...languages.available, DETECT] : languages.available;
    this.#select.replaceChildren(...codes.map((code) => new Option(named(code), code)));
    this.#select.value = codes.includes(before) ? before : languages.default;
    this.#select.disabled = this.#translate.disabled = codes.length < 2;
  }
}

/** A language in itself: Deutsch. @param {string} code */
function named(code) {
  if (code === DETECT) return "Detect";
  const name = new Intl.DisplayNames([code], { type: "language", fallback: "code" }).of(code);
  return name.charAt(0).toLocaleUpperCase(code) + name.slice(1);
}
