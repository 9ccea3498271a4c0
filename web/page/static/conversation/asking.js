/** The conversation: questions in order, answers as they are generated, and their moments. */

import { clock } from "../captions.js";
import { pictureOf } from "../memory/timeline.js";
import { element } from "../view.js";

const KEPT = 100; // questions on the page; the oldest go first
const BUSY = "conversation_already_has_active_response";
const OVER = "response_cancel_not_active"; // the response ended before the cancellation arrived
const DELTAS = new Set(["response.output_text.delta", "response.output_audio_transcript.delta"]);
const PLAYING = { "output_audio_buffer.started": true, "output_audio_buffer.stopped": false, "output_audio_buffer.cleared": false };

/** @typedef {import("../eyeline.js").EyelineClient} EyelineClient */
/** @typedef {import("../memory/timeline.js").Timeline} Timeline */
/** @typedef {{text: string, item: HTMLElement, id: string}} Asked */

/** The questions and answers of one call. The server answers one at a time; the others wait here. */
export class Conversation {
  #page;
  #client;
  #timeline;
  #stream;
  #now;
  /** @type {HTMLElement[]} the items on the page, oldest first */ #items = [];
  /** @type {Map<string, HTMLElement>} answers in progress, by response id */ #open = new Map();
  /** @type {Asked[]} */ #waiting = [];
  /** @type {Asked | null} its response has not started */ #sent = null;
  /** @type {{reference: object, button: HTMLElement}[]} moments whose images have not arrived */ #pictureless = [];
  /** @type {HTMLElement[]} answers to speech whose words are not known yet */ #unheard = [];
  #playing = false;
  spoken = false; // whether answers are also spoken

  /**
   * @param {Record<string, HTMLElement>} page
   * @param {EyelineClient} client
   * @param {{timeline: Timeline, stream: import("./stream.js").Stream, now: () => number}} shown
   *   where moments and answers are shown; `now` gives the time in seconds of the session
   */
  constructor(page, client, { timeline, stream, now }) {
    this.#page = page;
    this.#client = client;
    this.#timeline = timeline;
    this.#stream = stream;
    this.#now = now;
  }

  /** @param {string} text */
  ask(text) {
    const item = this.#add(text);
    this.#waiting.push({ text, item, id: "" });
    this.#next();
  }

  /** Stop the answer in progress, and its sound. */
  cancel() {
    if (this.#open.size) this.#client.send({ type: "response.cancel" });
    else if (this.#playing) this.#client.send({ type: "output_audio_buffer.clear" });
  }

  /** Handle a server event; ignore those of other features. */
  receive(event) {
    if (event.type === "response.created") this.#begin(event.response);
    else if (DELTAS.has(event.type)) this.#append(event.response_id, event.delta);
    else if (event.type === "eyeline.answer.evidence") this.#show(event);
    else if (event.type === "eyeline.memory.moment") this.#illustrate();
    else if (event.type === "response.done") this.#finish(event.response);
    else if (event.type === "eyeline.caption" && event.final) this.#hear(event.text);
    else if (event.type in PLAYING) this.#playing = PLAYING[event.type];
    this.#updateCancel();
  }

  /**
   * Handle an error event.
   * @param {{code: string | null, event_id?: string | null}} error
   * @returns {boolean} whether it is handled
   */
  refused({ code, event_id: cause }) {
    if (code === OVER) return true;
    const asked = this.#sent;
    if (!asked || !cause?.startsWith(`${asked.id}_`)) return false;
    this.#sent = null;
    if (code === BUSY) this.#waiting.unshift(asked); // the server was already responding: ask again afterwards
    else this.#end(asked.item, "(no answer)");
    if (code !== BUSY) this.#next();
    return code === BUSY;
  }

  /** The call ended or the server failed. @param {string} reason */
  close(reason) {
    const asked = [...(this.#sent ? [this.#sent] : []), ...this.#waiting].map(({ item }) => item);
    for (const item of [...this.#open.values(), ...asked]) this.#end(item, reason);
    this.#open.clear();
    this.#unheard = [];
    this.#waiting = [];
    this.#sent = null;
    this.#playing = false;
    this.#updateCancel();
  }

  #next() {
    if (this.#sent || this.#open.size || !this.#waiting.length) return this.#updateCancel();
    const asked = (this.#sent = this.#waiting.shift());
    if (asked.id) this.#client.respond(asked.id, { spoken: this.spoken });
    else asked.id = this.#client.ask(asked.text, { spoken: this.spoken });
    this.#updateCancel();
  }

  #begin({ id, metadata }) {
    const request = metadata?.["eyeline.request"];
    const mine = this.#sent && metadata?.["eyeline.question"] === this.#sent.id;
    if (mine) {
      this.#open.set(id, this.#sent.item);
      this.#sent = null;
    } else {
      const item = this.#add("", request);
      if (!request) this.#unheard.push(item);
      this.#open.set(id, item);
    }
  }

  /** The answer to speech begins before its words are known. @param {string} text */
  #hear(text) {
    const item = this.#unheard.shift();
    if (item) item.dataset.question = text;
  }

  /** Add a question, an answer to the standing `request`, or one to speech, whose caption is the question. */
  #add(question, request = "") {
    const item = document.createElement("li");
    item.className = request ? "exchange unasked" : "exchange";
    item.ariaBusy = "true"; // screen readers wait for the complete answer
    if (request) {
      item.append(element("p", `As you asked: ${request}`, "because"));
    } else if (question) {
      item.append(element("p", question, "question"));
      item.dataset.question = question;
    }
    item.append(element("p", "", "answer waiting"));
    this.#stream.add(item, this.#now());
    this.#items.push(item);
    if (this.#items.length > KEPT) this.#stream.remove(this.#items.shift());
    return item;
  }

  #append(id, text) {
    const answer = this.#open.get(id)?.querySelector(".answer");
    if (!answer) return;
    this.#stream.change(() => {
      answer.classList.remove("waiting");
      answer.append(text);
    });
  }

  #show({ response_id: id, moments }) {
    const item = this.#open.get(id);
    item?.querySelector(".evidence")?.remove(); // what the model found later comes with all of it
    if (!item || !moments.length) return;
    const list = element("ul", "", "evidence");
    list.ariaLabel = "Based on these moments";
    list.append(...moments.map((reference) => this.#evidence(reference)));
    this.#stream.change(() => item.append(list));
  }

  #evidence(reference) {
    const item = document.createElement("li");
    const button = element("button", "");
    const moment = this.#timeline.find(reference);
    button.type = "button";
    button.title = reference.text;
    button.ariaLabel = `${clock(reference.time)}, ${reference.text}: show in memory`;
    button.append(pictureOf(moment), element("time", clock(reference.time)));
    button.onclick = () => this.#timeline.show(reference);
    if (!moment) this.#pictureless.push({ reference, button });
    item.append(button);
    return item;
  }

  /** The image of a moment may arrive after the answer that refers to it. */
  #illustrate() {
    this.#pictureless = this.#pictureless.filter(({ reference, button }) => {
      const moment = this.#timeline.find(reference);
      if (moment) button.firstElementChild.replaceWith(pictureOf(moment));
      return !moment && button.isConnected;
    });
  }

  #finish({ id, status, status_details: details }) {
    const item = this.#open.get(id);
    this.#open.delete(id);
    if (item) this.#end(item, status === "completed" ? "" : `(${details?.error?.message ?? status})`);
    this.#next();
  }

  #end(item, reason) {
    const answer = item.querySelector(".answer");
    answer.classList.remove("waiting");
    item.ariaBusy = "false";
    if (reason) this.#stream.change(() => answer.append(element("span", ` ${reason}`, "reason")));
  }

  #updateCancel() {
    this.#page.cancel.hidden = !this.#open.size && !this.#playing;
  }
}
