/** The conversation: questions typed on the page, and the answers as they come. */

import { element } from "./view.js";

const KEPT = 100; // questions on the page; the oldest go first

/** Draws one call's questions and answers. */
export class Conversation {
  #page;
  /** @type {Map<string, HTMLElement>} answers in progress by response id */ #open = new Map();
  /** @type {HTMLElement[]} questions whose response has not begun */ #waiting = [];

  /** @param {Record<string, HTMLElement>} page */
  constructor(page) {
    this.#page = page;
  }

  /** @param {string} text */
  ask(text) {
    const answer = element("p", "", "answer waiting");
    const item = document.createElement("li");
    item.append(element("p", text, "question"), answer);
    const list = this.#page.answers;
    list.append(item);
    if (list.children.length > KEPT) list.firstElementChild.remove();
    this.#waiting.push(answer);
    this.#follow();
  }

  /** Take in a server event; other events than those of a response are left alone. */
  receive(event) {
    if (event.type === "response.created") {
      const answer = this.#waiting.shift();
      if (answer) this.#open.set(event.response.id, answer);
    } else if (event.type === "response.output_text.delta") {
      this.#append(event.response_id, event.delta);
    } else if (event.type === "response.done") {
      this.#finish(event.response);
    }
  }

  /** The call is over, or the server refused: nothing more comes. @param {string} reason */
  close(reason) {
    for (const answer of [...this.#open.values(), ...this.#waiting]) this.#end(answer, reason);
    this.#open.clear();
    this.#waiting = [];
  }

  #append(id, text) {
    const answer = this.#open.get(id);
    if (!answer) return;
    answer.classList.remove("waiting");
    answer.append(text);
    this.#follow();
  }

  #finish({ id, status, status_details: details }) {
    const answer = this.#open.get(id);
    if (!answer) return;
    this.#open.delete(id);
    const told = details?.error?.message ?? status;
    this.#end(answer, status === "completed" ? "" : `(${told})`);
  }

  #end(answer, reason) {
    answer.classList.remove("waiting");
    if (reason) answer.append(element("span", ` ${reason}`, "reason"));
  }

  #follow() {
    const list = this.#page.answers;
    this.#page["answers-empty"].hidden = true;
    list.scrollTop = list.scrollHeight;
  }
}
