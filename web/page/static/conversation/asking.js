/** The conversation: questions in order, answers as they are generated, and their moments. */

import { element } from "../view.js";
import { EvidencePictures } from "./evidence.js";
import { WaitingAnswers } from "./waiting.js";

const TRIES = 3; // of a typed question whose answer is cut off by speech before its first word
const KEPT = 100; // questions on the page; the oldest go first
const ASKED = "page.asked"; // among the events that are kept: the question may wait
const BUSY = "conversation_already_has_active_response";
const OVER = "response_cancel_not_active"; // the response ended before the cancellation arrived
const DELTAS = new Set(["response.output_text.delta", "response.output_audio_transcript.delta"]);
const QUEUED = "Waits for the answer before it";
const SENT = "Asked";
const READING = "Looks through what it remembers";
const REASONS = { turn_detected: "you interrupted", client_cancelled: "stopped" };
const PLAYING = { "output_audio_buffer.started": true, "output_audio_buffer.stopped": false, "output_audio_buffer.cleared": false };

/** @typedef {import("../eyeline.js").EyelineClient} EyelineClient */
/** @typedef {import("../memory/timeline.js").Timeline} Timeline */
/** @typedef {{text: string, item: HTMLElement, id: string, sent: boolean, tries: number}} Asked `sent`: the server has the question */

/** The questions and answers of one call. The server answers one at a time; the others wait here. */
export class Conversation {
  #page;
  #client;
  #timeline;
  #stream;
  #now;
  #keep;
  /** @type {HTMLElement[]} the items on the page, oldest first */ #items = [];
  /** @type {Map<string, HTMLElement>} answers in progress, by response id */ #open = new Map();
  /** @type {Map<string, Asked>} typed questions that are answered, by response id */ #typed = new Map();
  /** @type {Asked[]} */ #waiting = [];
  /** @type {Asked | null} its response has not started */ #sent = null;
  #pictures;
  /** @type {HTMLElement[]} answers to speech whose words are not known yet */ #unheard = [];
  #playing = false;
  /** @type {readonly object[]} what the newest answer is made from */ #shown = [];
  #held = false; // questions wait until it is known what the page before this one has sent
  #stopped = false; // by a button or a key, not by speech
  #doing = new WaitingAnswers();
  /** @type {HTMLElement | null} the answer that is heard */ #spoken = null;
  spoken = false; // whether answers are also spoken

  /**
   * @param {Record<string, HTMLElement>} page
   * @param {EyelineClient} client
   * @param {{timeline: Timeline, stream: import("./stream.js").Stream, now: () => number, note: (event: object) => void}} shown
   *   where moments and answers are shown; `now` gives the time in seconds of the session, `note` keeps what was asked
   */
  constructor(page, client, { timeline, stream, now, note }) {
    this.#page = page;
    this.#client = client;
    this.#timeline = timeline;
    this.#pictures = new EvidencePictures(timeline);
    this.#stream = stream;
    this.#now = now;
    this.#keep = note;
  }

  /** @param {string} text */
  ask(text) {
    const id = this.#client.newQuestion();
    this.#keep({ type: ASKED, id, text });
    this.#queue(id, text);
    this.#next();
  }

  #queue(id, text) {
    const item = this.#add(text);
    this.#timeline.mark("asked", text);
    this.#waiting.push({ text, item, id, sent: false, tries: 1 });
  }

  /** What was asked before the page was loaded again, and is not answered yet, is asked now. */
  resume() {
    if (!this.#held) return;
    this.#held = false;
    if (this.#sent) this.#client.respond(this.#sent.id, { spoken: this.spoken });
    else this.#next();
  }

  /** A question of the page before this one has arrived at the server. @param {string} id */
  #arrived(id) {
    const at = this.#waiting.findIndex((asked) => asked.id === id);
    if (at < 0) return;
    [this.#sent] = this.#waiting.splice(at, 1);
    this.#sent.sent = true;
    this.#doing.say(answerOf(this.#sent.item), SENT);
  }

  /** Stop the answer in progress, and its sound. */
  cancel() {
    this.#stopped = true;
    if (this.#open.size) this.#client.send({ type: "response.cancel" });
    else if (this.#playing) this.#client.send({ type: "output_audio_buffer.clear" });
  }

  /** Handle a server event; ignore those of other features. */
  receive(event) {
    this.#held ||= this.#client.restoring;
    if (event.type === ASKED) this.#queue(event.id, event.text);
    else if (event.type === "conversation.item.added") this.#arrived(event.item.id);
    else if (event.type === "response.created") this.#begin(event.response);
    else if (DELTAS.has(event.type)) this.#append(event.response_id, event.delta);
    else if (event.type === "eyeline.answer.evidence") this.#show(event);
    else if (event.type === "eyeline.memory.moment") this.#pictures.illustrate();
    else if (event.type === "response.done") this.#finish(event.response);
    else if (event.type === "eyeline.caption" && event.final) this.#hear(event.text);
    else if (event.type in PLAYING) this.#play(event);
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
    if (code === BUSY) this.#again(asked); // the server was already responding
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
    if (this.#held || this.#sent || this.#open.size || !this.#waiting.length) return this.#updateCancel();
    const asked = (this.#sent = this.#waiting.shift());
    this.#doing.say(answerOf(asked.item), SENT);
    if (asked.sent) this.#client.respond(asked.id, { spoken: this.spoken });
    else this.#client.ask(asked.text, { id: asked.id, spoken: this.spoken });
    asked.sent = true;
    this.#updateCancel();
  }

  /** Ask once more, as soon as nothing else is answered. @param {Asked} asked */
  #again(asked) {
    asked.tries += 1;
    this.#waiting.unshift(asked);
    this.#doing.say(answerOf(asked.item), QUEUED);
  }

  #begin({ id, metadata }) {
    const request = metadata?.["eyeline.request"];
    this.#arrived(metadata?.["eyeline.question"]);
    const mine = this.#sent && metadata?.["eyeline.question"] === this.#sent.id;
    if (mine) {
      this.#open.set(id, this.#sent.item);
      this.#typed.set(id, this.#sent);
      this.#sent = null;
    } else {
      const item = this.#add("", request);
      if (!request) this.#unheard.push(item);
      this.#open.set(id, item);
    }
    this.#doing.say(answerOf(this.#open.get(id)), READING);
  }

  /** Speech that is cut short by the user's own was not heard to its end, and says so. */
  #play({ type, response_id: id }) {
    this.#playing = PLAYING[type];
    if (type === "output_audio_buffer.started") this.#spoken = this.#item(id);
    else if (type === "output_audio_buffer.cleared" && this.#spoken && !this.#stopped && !this.#open.has(id)) {
      this.#note(this.#spoken, `(${REASONS.turn_detected})`);
    }
    if (!this.#playing) this.#stopped = false;
  }

  #item(id) {
    return this.#open.get(id) ?? this.#items.find((item) => item.dataset.response === id) ?? null;
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
      item.dataset.request = request;
    } else if (question) {
      item.append(element("p", question, "question"));
      item.dataset.question = question;
    }
    const answer = element("p", "", "answer");
    item.append(answer);
    this.#doing.say(answer, request || !question ? READING : QUEUED);
    this.#stream.add(item, this.#now());
    this.#items.push(item);
    if (this.#items.length > KEPT) this.#stream.remove(this.#items.shift());
    return item;
  }

  #append(id, text) {
    const item = this.#open.get(id);
    if (!item) return;
    const answer = answerOf(item);
    this.#stream.change(() => {
      this.#doing.end(answer);
      answer.append(text);
    });
  }

  #show({ response_id: id, moments }) {
    const item = this.#open.get(id);
    item?.querySelector(".evidence")?.remove(); // what the model found later comes with all of it
    if (!item || !moments.length) return;
    const list = this.#pictures.list(moments);
    const [answer, count] = [answerOf(item), moments.length];
    if (this.#doing.has(answer)) this.#doing.say(answer, `Found ${count} ${count === 1 ? "moment" : "moments"}, writes`);
    this.#stream.change(() => item.append(list));
    this.#light(item, moments);
  }

  /** The newest answer has its moments lit up; another one while it is looked at. */
  #light(item, moments) {
    this.#shown = moments;
    this.#timeline.light(moments);
    item.onpointerenter = item.onfocusin = () => this.#timeline.light(moments);
    item.onpointerleave = item.onfocusout = () => this.#timeline.light(this.#shown);
    const { request, marked } = item.dataset; // what was found comes again if more is found
    if (request && !marked) this.#timeline.mark("met", request, moments.at(-1).time);
    item.dataset.marked = "true";
  }

  #finish({ id, status, status_details: details }) {
    const item = this.#open.get(id);
    this.#open.delete(id);
    const why = REASONS[details?.reason] ?? details?.error?.message ?? status;
    const asked = this.#typed.get(id);
    this.#typed.delete(id);
    if (item) item.dataset.response = id;
    const wordless = item && this.#doing.has(answerOf(item));
    const cut = status === "cancelled" && details?.reason === "turn_detected"; // the user went on speaking
    if (wordless && cut && asked && asked.tries < TRIES) this.#again(asked);
    else if (wordless && (cut || status === "completed") && !asked && !item.dataset.request) this.#forget(item); // or it was a remark
    else if (item) this.#end(item, status === "completed" ? "" : `(${why})`);
    this.#next();
  }

  #end(item, reason) {
    this.#doing.end(answerOf(item));
    item.ariaBusy = "false";
    if (reason) this.#note(item, reason);
  }

  #forget(item) {
    this.#doing.end(answerOf(item));
    this.#stream.remove(item);
    this.#items.splice(this.#items.indexOf(item), 1);
  }

  #note(item, reason) {
    if (item.querySelector(".reason")) return;
    this.#stream.change(() => answerOf(item).append(element("span", ` ${reason}`, "reason")));
  }

  #updateCancel() {
    this.#page.cancel.hidden = !this.#open.size && !this.#playing;
  }
}

/** @param {HTMLElement} item */
const answerOf = (item) => item.querySelector(".answer");
