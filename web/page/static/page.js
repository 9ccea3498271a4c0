/** The demo page: one call at a time, of a camera or the sample clip. */

import { Conversation } from "./asking.js";
import { CameraError, openCamera } from "./camera.js";
import { CaptionList } from "./captions.js";
import { DrawingBoard } from "./drawing.js";
import { CallError, EyelineClient } from "./eyeline.js";
import { LanguageChoice } from "./languages.js";
import { problemOf } from "./problems.js";
import { download } from "./recorder.js";
import { RelevanceVeil } from "./relevance.js";
import { drawRequests, stopping } from "./requests.js";
import { openSample } from "./sample.js";
import { SpendingLine } from "./spending.js";
import { Timeline } from "./timeline.js";
import { drawCaptions, drawModel, drawNotices, drawProblem, drawState, drawStats, partsOf, pressable } from "./view.js";

const QUESTIONS = ["What do you see?", "Is anyone there?", "What did you see first?"];
const PAUSE_MS = 1000; // turns end late, so that sentences stay in one caption
const CREDIT = "Big Buck Bunny © Blender Foundation, CC BY 3.0";
const WAITING = "The session is kept for a while, with all it knows: trying to get back to it.";

/** Start the page in `root`; its markup is page.html. @param {HTMLElement} root */
export function mount(root) {
  new Page(root.querySelector(".eyeline"));
}

class Page {
  #root;
  #page;
  #captions = new CaptionList();
  #drawn = new Map();
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

  constructor(root) {
    this.#root = root;
    const page = (this.#page = partsOf(root));
    page.icon.src = new URL("icon.svg", import.meta.url).href;
    page.start.onclick = page.reconnect.onclick = () => this.#start();
    page.stop.onclick = () => this.#client?.stop();
    page.sample.onchange = () => this.#nameSource();
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
    page.suggestions.append(...QUESTIONS.map((question) => this.#suggestion(question)));
    this.#show("idle"); // enables Start
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
    const conversation = (this.#conversation = new Conversation(this.#page, client, this.#timeline));
    const on = (name, act) => client.addEventListener(name, ({ detail }) => act(detail));
    conversation.spoken = this.#page.talk.checked;
    this.#board.attach(client);
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
    const page = this.#page;
    const live = state === "live" || state === "muted";
    const away = state === "reconnecting";
    const busy = live || away || state === "opening" || state === "connecting";
    this.#root.dataset.state = state;
    if (!live) this.#late = "";
    this.#root.dataset.behind = String(this.#late !== "");
    drawState(page, state, this.#late);
    page.start.disabled = page.sample.disabled = busy;
    page.mute.disabled = page.question.disabled = page.send.disabled = !live;
    for (const { firstElementChild: button } of page.suggestions.children) button.disabled = !live;
    page.stop.disabled = !(live || away || state === "connecting");
    page.mute.textContent = state === "muted" ? "Unmute" : "Mute";
    page.mute.ariaPressed = String(state === "muted");
    page["camera-empty"].hidden = page["generated-empty"].hidden = live || away;
    this.#nameSource();
  }

  #nameSource() {
    const page = this.#page;
    const sample = page.sample.checked;
    page["camera-name"].textContent = sample ? "Sample clip" : "Camera";
    page["camera-what"].textContent = sample ? CREDIT : "sent to the server";
    const source = sample ? "play the sample clip" : "open the camera and the microphone";
    page["camera-empty"].textContent = `Press Start to ${source}.`;
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
    drawCaptions(this.#page, this.#captions.lines, this.#drawn, this.#captions.names);
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

  /** The session configuration: answers to typed questions only, or also to speech and as speech. */
  #session() {
    const { checked: talk } = this.#page.talk;
    // Without it, speech in the room must not interrupt a text answer.
    const voice = { create_response: talk, interrupt_response: talk };
    // In a conversation the words decide when a turn is over; captions alone have time.
    const detection = talk
      ? { type: "semantic_vad", eagerness: "auto", ...voice }
      : { type: "server_vad", silence_duration_ms: PAUSE_MS, ...voice };
    const { transcription, eyeline } = this.#languages.session;
    const output_modalities = [talk ? "audio" : "text"];
    return { type: "realtime", output_modalities, audio: { input: { turn_detection: detection, transcription } }, eyeline };
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
    this.#page.answers.replaceChildren();
    this.#page["answers-empty"].hidden = false;
    this.#drawCaptions();
  }

  /** A new call has new moments: those of earlier answers cannot be shown. */
  #forgetSeen() {
    for (const button of this.#page.answers.querySelectorAll(".evidence button")) button.disabled = true;
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
