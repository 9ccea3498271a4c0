/** The conversation beside the camera: what is said, asked, answered and noticed, call after call. */

import { CaptionList } from "../captions.js";
import { aboutModel, drawModel, drawNotices, element, pressable, sentence } from "../view.js";
import { Conversation } from "./asking.js";
import { CaptionLines } from "./caption_lines.js";
import { drawRequests, stopping } from "./requests.js";
import { Stream } from "./stream.js";

const QUESTIONS = ["What do you see?", "What did you see first?", "Tell me when someone comes in"];
export const CLEARED = "page.cleared"; // among the events that are kept
const GREETING = 3; // seconds of a call in which notices are about the server in general

/** @typedef {import("../eyeline.js").EyelineClient} EyelineClient */

/** One stream for all calls of the page; a call after another continues it. */
export class ConversationPanel {
  #page;
  #timeline;
  #lines;
  #notices = new Map();
  #began = 0; // start of the stream, in ms since 1970
  #joined = 0; // start of the call
  /** @type {EyelineClient | null} */ #client = null;
  /** @type {Conversation | null} */ #conversation = null;
  #note;
  captions = new CaptionList();
  stream;

  /**
   * @param {Record<string, any>} page its parts @param {import("../memory/timeline.js").Timeline} timeline
   * @param {(event: {type: string, [field: string]: unknown}) => void} note keeps what the user did for a page that is loaded again
   */
  constructor(page, timeline, note) {
    this.#page = page;
    this.#timeline = timeline;
    this.#note = note;
    this.stream = new Stream(page);
    this.#lines = new CaptionLines(this.stream);
    page.ask.onsubmit = (event) => this.#submit(event);
    page.cancel.onclick = () => this.cancel();
    page.clear.onclick = () => page.clearing.showModal();
    page.clearing.onclose = () => page.clearing.returnValue === "clear" && (this.#clear(), note({ type: CLEARED }));
    page.suggestions.append(...QUESTIONS.map((question) => pressable(question, () => this.#ask(question))));
  }

  /** Seconds since the stream began. */
  get now() {
    return this.#client ? (this.#client.now - this.#began) / 1000 : 0;
  }

  /** A call starts. @param {EyelineClient} client @param {boolean} spoken whether answers are spoken, too */
  attach(client, spoken) {
    const { stream, captions } = this;
    const shown = { timeline: this.#timeline, stream, now: () => this.now };
    const conversation = new Conversation(this.#page, client, { ...shown, note: this.#note });
    const on = (name, act) => client.addEventListener(name, ({ detail }) => act(detail));
    this.#client = client;
    this.#conversation = conversation;
    conversation.spoken = spoken;
    on("caption", (caption) => captions.apply(caption) && this.#draw());
    on("speakers", (event) => (captions.tell(event), this.#draw()));
    on("translation", (text) => captions.translate(text) && this.#draw());
    on("notice", ({ message, level }) => this.#notice(message, level));
    on("requests", ({ requests }) => this.#drawRequests(requests));
    on("event", (event) => (event.type === CLEARED ? this.#clear() : conversation.receive(event)));
  }

  /** The call is live: continue the stream, or begin it. @param {number} began when, in ms since 1970; 0: now */
  begin(began) {
    for (const button of this.#page.stream.querySelectorAll(".evidence button")) button.disabled = true; // of a session that is over
    this.#drawRequests([]);
    this.#notices.clear();
    this.#joined = began || this.#client.now;
    if (!this.stream.empty) {
      const joined = (this.#joined - this.#began) / 1000;
      this.captions.continueAt(joined);
      this.stream.add(element("li", "A new call: what was seen before is not remembered", "notice"), joined);
    } else this.#began = this.#joined;
  }

  /** The server has sent again what came meanwhile. */
  resume() {
    this.#conversation?.resume();
  }

  /** The call is over. */
  close() {
    this.#conversation?.close("(the call ended)");
    this.#drawRequests([]);
  }

  /** @param {boolean} spoken */
  set spoken(spoken) {
    if (this.#conversation) this.#conversation.spoken = spoken;
  }

  /** Stop the answer in progress. */
  cancel() {
    if (!this.#page.cancel.hidden) this.#conversation?.cancel();
  }

  /** @param {any} error of the server @returns {boolean} whether it is about a question, and handled */
  refused(error) {
    return this.#conversation?.refused(error) ?? false;
  }

  /** Put a question into the input field, or only the focus. @param {string} [question] */
  suggest(question) {
    if (question) this.#page.question.value = question;
    this.#page.question.focus();
  }

  #ask(text) {
    this.#page.suggestions.hidden = true;
    this.#conversation?.ask(text);
    this.stream.follow();
    this.#page.question.focus();
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#page.question.value.trim();
    if (!text) return;
    this.#page.question.value = "";
    this.#ask(text);
  }

  #draw() {
    this.#lines.draw(this.captions.lines, this.captions.names);
    this.#page.download.disabled = !this.captions.lines.some((line) => line.final);
  }

  #drawRequests(requests) {
    drawRequests(this.#page.requests, requests, (request) => this.#conversation?.ask(stopping(request)));
  }

  #notice(message, level) {
    const known = this.#notices.has(message);
    this.#notices.set(message, level);
    drawNotices(this.#page, this.#notices);
    drawModel(this.#page, message);
    const general = aboutModel(message) || this.#client.now - this.#joined < 1000 * GREETING;
    if (known || (general && level !== "warning")) return;
    this.stream.add(element("li", `${sentence(message)}.`, `notice ${level}`), this.now);
  }

  #clear() {
    this.captions.clear();
    this.stream.clear();
    this.#draw();
    this.#page.suggestions.hidden = false;
    this.#began = this.#joined; // the clock of this call alone, as in what is kept of it
  }
}
