/** The demo page: one call at a time, of a camera or the sample clip. */

import { CameraError, openCamera } from "./camera.js";
import { CaptionList } from "./captions.js";
import { enable, nameSource } from "./controls.js";
import { Conversation } from "./conversation/asking.js";
import { CaptionLines } from "./conversation/caption_lines.js";
import { drawRequests, stopping } from "./conversation/requests.js";
import { Stream } from "./conversation/stream.js";
import { DrawingBoard } from "./drawing.js";
import { CallError, EyelineClient } from "./eyeline.js";
import { LanguageChoice } from "./languages.js";
import { Timeline } from "./memory/timeline.js";
import { problemOf } from "./problems.js";
import { download } from "./recorder.js";
import { RelevanceVeil } from "./relevance.js";
import { openSample } from "./sample.js";
import { sessionFields } from "./session_fields.js";
import { SpendingLine } from "./spending.js";
import { Stage } from "./stage.js";
import { Tabs } from "./tabs.js";
import { drawModel, drawNotices, drawProblem, drawState, drawStats, partsOf, pressable } from "./view.js";

const QUESTIONS = ["What do you see?", "Is anyone there?", "What did you see first?"];
const WAITING = "The session is kept for a while, with all it knows: trying to get back to it.";

/** Start the page in `root`; its markup is page.html. @param {HTMLElement} root */
export const mount = (root) => void new Page(root.querySelector(".eyeline"));

class Page {
  #root;
  #page;
  #captions = new CaptionList();
  #stream;
  #lines;
  #notices = new Map();
  #key = "";
  #began = 0; // start of the caption list on the browser's clock
  #continued = false; // the next call continues the list: the user has not stopped the last one
  #spending;
  #late = ""; // what the server says while it does not keep up
  /** @type {EyelineClient | null} */ #client = null;
  /** @type {import("./sample.js").Source | null} */ #source = null;
  /** @type {Conversation | null} */ #conversation = null;
  #timeline;
  #languages;
  #veil;
  #board;
  #tabs;
  #calls = new EventTarget(); // events: open {client}, state {state, reason}, in `detail`

  constructor(root) {
    this.#root = root;
    const page = (this.#page = partsOf(root));
    this.#stream = new Stream(page);
    this.#lines = new CaptionLines(this.#stream);
    page.icon.src = new URL("icon.svg", import.meta.url).href;
    page.start.onclick = page.reconnect.onclick = () => this.#start();
    page.stop.onclick = () => this.#client?.stop();
    page.sample.onchange = () => nameSource(page);
    page.mute.onclick = () => this.#mute(!this.#client.muted);
    page.download.onclick = () => this.#download();
    page["offer-sample"].onclick = () => this.#startSample();
    page["key-form"].onsubmit = (event) => this.#useKey(event);
    page.ask.onsubmit = (event) => this.#submit(event);
    page.cancel.onclick = () => this.#conversation?.cancel();
    page.talk.onchange = () => this.#configure();
    this.#languages = new LanguageChoice(page.language, page.translate, () => this.#configure());
    page.look.onchange = () => this.#look(page.look.checked);
    this.#spending = new SpendingLine(page.spending);
    this.#timeline = new Timeline(page, (question) => this.#suggest(question));
    this.#veil = new RelevanceVeil(page.veil, page.camera, page["veil-about"]);
    this.#board = new DrawingBoard(page);
    const stage = new Stage(page);
    this.#tabs = new Tabs(root, page.tabs, (view) => stage.follow(view === "draw"));
    this.#fill();
    page.suggestions.append(...QUESTIONS.map((question) => this.#suggestion(question)));
    this.#show("idle"); // enables Start
  }

  /** Parts with modules of their own, a line each: they fill their slots (`data-slot` in page.html). */
  #fill() {
    /** @type {import("./here.js").Here} */
    const here = {
      root: this.#root,
      page: this.#page,
      slot: (name) => this.#root.querySelector(`[data-slot="${name}"]`),
      tabs: this.#tabs,
      stream: this.#stream,
      captions: this.#captions,
      calls: this.#calls,
    };
    void here; // nobody yet
  }

  /** Open a call. What is on the page stays until it is live. */
  async #start() {
    drawProblem(this.#page, null);
    this.#show("opening");
    const client = (this.#client = new EyelineClient());
    try {
      this.#source = this.#page.sample.checked ? await openSample() : await this.#openCamera();
      this.#page.camera.srcObject = this.#source.stream;
      this.#listen(client);
      this.#page.generated.srcObject = client.remote;
      await client.connect({ stream: this.#source.stream, key: this.#key, session: this.#session() });
    } catch (error) {
      this.#fail(error);
    }
  }

  #startSample() {
    this.#page.sample.checked = true;
    this.#start();
  }

  async #openCamera() {
    const source = await openCamera();
    if (source.lacking) {
      const kept = source.lacking === "camera" ? "sound" : "the picture";
      drawProblem(this.#page, { what: `No ${source.lacking} was found.`, advice: `Only ${kept} is sent.` });
    }
    return source;
  }

  #listen(client) {
    const conversation = (this.#conversation = new Conversation(this.#page, client, {
      timeline: this.#timeline,
      stream: this.#stream,
      now: () => (performance.now() - this.#began) / 1000,
    }));
    const on = (name, act) => client.addEventListener(name, ({ detail }) => act(detail));
    conversation.spoken = this.#page.talk.checked;
    this.#board.attach(client);
    this.#calls.dispatchEvent(new CustomEvent("open", { detail: { client } }));
    on("state", (detail) => this.#change(detail));
    on("caption", (caption) => this.#captions.apply(caption) && this.#drawCaptions());
    on("speakers", (event) => (this.#captions.tell(event), this.#drawCaptions()));
    on("translation", (text) => this.#captions.translate(text) && this.#drawCaptions());
    on("stats", (stats) => this.#client === client && this.#drawStats(stats));
    on("delay", (delay) => this.#client === client && this.#keepUp(delay));
    on("notice", ({ message, level }) => this.#notice(message, level));
    on("moment", (moment) => this.#timeline.add(moment));
    on("relevance", (relevance) => this.#veil.receive(relevance));
    on("steering", (steering) => (this.#veil.divide(steering), this.#spending.steer(steering)));
    on("requests", ({ requests }) => this.#drawRequests(requests));
    on("event", (event) => (conversation.receive(event), this.#board.receive(event)));
    on("error", (error) => {
      if (conversation.refused(error) || this.#board.refused(error)) return;
      drawProblem(this.#page, { what: "The server reports an error.", advice: error.message });
    });
  }

  #change({ state, reason }) {
    this.#calls.dispatchEvent(new CustomEvent("state", { detail: { state, reason } }));
    const before = this.#root.dataset.state;
    if (before === "reconnecting") drawProblem(this.#page, null);
    else if (state === "live") this.#begin();
    this.#show(state === "live" && this.#client.muted ? "muted" : state);
    if (state === "reconnecting") drawProblem(this.#page, { what: reason, advice: WAITING });
    if (state !== "lost" && state !== "ended") return;
    if (state === "lost" || ["live", "muted", "reconnecting"].includes(before)) this.#continued = state === "lost";
    this.#conversation.close("(the call ended)");
    this.#drawRequests([]);
    this.#closeSource();
    if (state !== "lost") return;
    drawProblem(this.#page, { what: reason, advice: "The captions so far are kept.", offer: "reconnect" });
  }

  /** The call is live: continue the captions of one that was lost, or begin anew. */
  #begin() {
    this.#forgetSeen();
    if (!this.#continued) this.#forget();
    if (this.#captions.lines.length) this.#captions.continueAt((performance.now() - this.#began) / 1000);
    else this.#began = performance.now();
  }

  #keepUp({ state, message }) {
    this.#late = state === "behind" ? message : "";
    this.#show(this.#root.dataset.state);
  }

  /** Show `state` and enable its controls. */
  #show(state) {
    if (state !== "live" && state !== "muted") this.#late = "";
    this.#root.dataset.state = state;
    this.#root.dataset.behind = String(this.#late !== "");
    drawState(this.#page, state, this.#late);
    enable(this.#page, state);
    nameSource(this.#page);
  }

  #mute(muted) {
    this.#client.mute(muted);
    this.#show(muted ? "muted" : "live");
  }

  #look(shown) {
    this.#veil.show(shown);
    this.#spending.show(shown);
  }

  async #drawStats(stats) {
    const own = await this.#client.measure();
    this.#spending.measured(own);
    drawStats(this.#page, { ...stats, round_trip: stats.round_trip ?? own.roundTrip });
  }

  #drawCaptions() {
    this.#lines.draw(this.#captions.lines, this.#captions.names);
    this.#page.download.disabled = !this.#captions.lines.some((line) => line.final);
  }

  #drawRequests(requests) {
    drawRequests(this.#page.requests, requests, (request) => this.#conversation.ask(stopping(request)));
  }

  #notice(message, level) {
    this.#notices.set(message, level);
    drawNotices(this.#page, this.#notices);
    drawModel(this.#page, message);
  }

  #submit(event) {
    event.preventDefault();
    const text = this.#page.question.value.trim();
    if (!text) return;
    this.#page.question.value = "";
    this.#conversation.ask(text);
  }

  #suggestion(question) {
    return pressable(question, () => {
      this.#conversation.ask(question);
      this.#page.question.focus();
    });
  }

  /** Put a question into the input field. */
  #suggest(question) {
    this.#page.question.value = question;
    this.#page.question.focus();
  }

  #session() {
    return sessionFields({ talk: this.#page.talk.checked, languages: this.#languages });
  }

  #configure() {
    if (this.#client?.state !== "live") return;
    this.#conversation.spoken = this.#page.talk.checked;
    this.#client.send({ type: "session.update", session: this.#session() });
  }

  #useKey(event) {
    event.preventDefault();
    this.#key = this.#page.key.value;
    this.#start();
  }

  #download() {
    const file = new Blob([this.#captions.toWebVTT()], { type: "text/vtt" });
    download(file, "captions.vtt");
  }

  #forget() {
    this.#captions.clear();
    this.#notices.clear();
    drawModel(this.#page, null);
    this.#drawCaptions();
    this.#stream.clear();
  }

  /** A new call has new moments: those of earlier answers cannot be shown. */
  #forgetSeen() {
    for (const button of this.#page.stream.querySelectorAll(".evidence button")) button.disabled = true;
    this.#timeline.clear();
    this.#veil.clear();
    this.#drawRequests([]);
  }

  #closeSource() {
    this.#board.detach();
    this.#source?.close();
    this.#source = null;
    this.#page.camera.srcObject = this.#page.generated.srcObject = null;
    this.#spending.clear();
    this.#veil.clear();
  }

  #fail(error) {
    if (error.name === "AbortError") return; // stopped by the user: `#change` handles it
    this.#closeSource();
    this.#show(this.#continued ? "failed" : "idle");
    const offer = this.#continued ? "reconnect" : undefined;
    drawProblem(this.#page, { offer, ...problemOf(error, this.#key) });
    if (!(error instanceof CameraError || error instanceof CallError)) throw error;
  }
}
