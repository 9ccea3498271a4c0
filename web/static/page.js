/** The demo page: one call at a time, of a camera or the sample clip. */

import { Conversation } from "./asking.js";
import { CameraError, openCamera } from "./camera.js";
import { CaptionList } from "./captions.js";
import { CallError, EyelineClient } from "./eyeline.js";
import { openSample } from "./sample.js";
import { drawCaptions, drawNotices, drawProblem, drawStats, partsOf } from "./view.js";

const STATES = {
  idle: "Ready",
  opening: "Opening the camera",
  connecting: "Connecting",
  live: "Live",
  muted: "Live, muted",
  lost: "Connection lost",
  ended: "Stopped",
};
// A speaker who pauses for effect is not done: sentences stay whole, and partial captions hide no time.
const SESSION = {
  audio: {
    input: {
      turn_detection: { type: "server_vad", create_response: false, silence_duration_ms: 1000 },
    },
  },
};
const CREDIT = "Big Buck Bunny © Blender Foundation, CC BY 3.0";
const FULL = "All places of this server are taken: try again in a while.";

/** Make the page in `root` work; its markup is page.html. @param {HTMLElement} root */
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
  #began = 0; // when the caption list's second 0 was, in the browser's own time
  /** @type {EyelineClient | null} */ #client = null;
  /** @type {import("./sample.js").Source | null} */ #source = null;
  /** @type {Conversation | null} */ #conversation = null;

  constructor(root) {
    this.#root = root;
    const page = (this.#page = partsOf(root));
    page.icon.src = new URL("icon.svg", import.meta.url).href;
    page.start.onclick = () => this.#start({ again: false });
    page.reconnect.onclick = () => this.#start({ again: true });
    page.stop.onclick = () => this.#client?.stop();
    page.sample.onchange = () => this.#nameSource();
    page.mute.onclick = () => this.#mute(!this.#client.muted);
    page.download.onclick = () => this.#download();
    page["offer-sample"].onclick = () => this.#startSample();
    page["key-form"].onsubmit = (event) => this.#useKey(event);
    page.ask.onsubmit = (event) => this.#ask(event);
    this.#show("idle"); // until now Start was disabled: it would have done nothing
  }

  async #start({ again }) {
    drawProblem(this.#page, null);
    this.#show("opening");
    if (again) this.#captions.continueAt((performance.now() - this.#began) / 1000);
    else this.#forget();
    const client = (this.#client = new EyelineClient());
    try {
      this.#source = this.#page.sample.checked ? await openSample() : await this.#openCamera();
      this.#page.camera.srcObject = this.#source.stream;
      this.#listen(client);
      this.#page.generated.srcObject = client.remote;
      await client.connect({ stream: this.#source.stream, key: this.#key, session: SESSION });
    } catch (error) {
      this.#fail(error);
    }
  }

  #startSample() {
    this.#page.sample.checked = true;
    this.#start({ again: false });
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
    const conversation = (this.#conversation = new Conversation(this.#page));
    const on = (name, act) => client.addEventListener(name, ({ detail }) => act(detail));
    on("state", (detail) => this.#change(detail));
    on("caption", (caption) => this.#captions.apply(caption) && this.#drawCaptions());
    on("stats", (stats) => this.#client === client && this.#drawStats(stats));
    on("notice", ({ message, level }) => this.#notice(message, level));
    on("event", (event) => conversation.receive(event));
    on("error", ({ message }) => {
      conversation.close("(no answer)");
      drawProblem(this.#page, { what: "The server reports an error.", advice: message });
    });
  }

  #change({ state, reason }) {
    this.#show(state);
    if (state === "live" && !this.#captions.lines.length) this.#began = performance.now();
    if (state !== "lost" && state !== "ended") return;
    this.#conversation.close("(the call ended)");
    this.#closeSource();
    if (state !== "lost") return;
    drawProblem(this.#page, { what: reason, advice: "The captions so far are kept.", offer: "reconnect" });
  }

  /** Show `state` and enable what makes sense in it. */
  #show(state) {
    const page = this.#page;
    const live = state === "live" || state === "muted";
    const busy = live || state === "opening" || state === "connecting";
    this.#root.dataset.state = state;
    page.state.textContent = STATES[state];
    page.start.disabled = page.sample.disabled = busy;
    page.mute.disabled = page.question.disabled = page.send.disabled = !live;
    page.stop.disabled = !(live || state === "connecting");
    page.mute.textContent = state === "muted" ? "Unmute" : "Mute";
    page.mute.ariaPressed = String(state === "muted");
    page["camera-empty"].hidden = page["generated-empty"].hidden = live;
    this.#nameSource();
  }

  #nameSource() {
    const page = this.#page;
    const sample = page.sample.checked;
    page["camera-name"].textContent = sample ? "Sample clip" : "Camera";
    page["camera-what"].textContent = sample ? CREDIT : "what you send";
    const source = sample ? "play the sample clip" : "open the camera and the microphone";
    page["camera-empty"].textContent = `Press Start to ${source}.`;
  }

  #mute(muted) {
    this.#client.mute(muted);
    this.#show(muted ? "muted" : "live");
  }

  async #drawStats(stats) {
    const own = await this.#client.measure();
    drawStats(this.#page, { ...stats, round_trip: stats.round_trip ?? own.roundTrip });
  }

  #drawCaptions() {
    drawCaptions(this.#page, this.#captions.lines, this.#drawn);
  }

  #notice(message, level) {
    this.#notices.set(message, level);
    this.#page["stand-in"].hidden = ![...this.#notices.keys()].some((text) => text.includes("echo"));
    drawNotices(this.#page, this.#notices);
  }

  #ask(event) {
    event.preventDefault();
    const text = this.#page.question.value.trim();
    if (!text) return;
    this.#conversation.ask(text);
    this.#client.ask(text);
    this.#page.question.value = "";
  }

  #useKey(event) {
    event.preventDefault();
    this.#key = this.#page.key.value;
    this.#start({ again: false });
  }

  #download() {
    const file = new Blob([this.#captions.toWebVTT()], { type: "text/vtt" });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = "captions.vtt";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000); // the download has begun by then
  }

  #forget() {
    this.#captions.clear();
    this.#notices.clear();
    this.#page.answers.replaceChildren();
    this.#page["answers-empty"].hidden = false;
    this.#drawCaptions();
  }

  #closeSource() {
    this.#source?.close();
    this.#source = null;
    this.#page.camera.srcObject = this.#page.generated.srcObject = null;
  }

  #fail(error) {
    if (error.name === "AbortError") return; // stopped by a person: `#change` has seen to it
    this.#closeSource();
    this.#show("idle");
    drawProblem(this.#page, problemOf(error, this.#key));
    if (!(error instanceof CameraError || error instanceof CallError)) throw error;
  }
}

function problemOf(error, key) {
  if (error instanceof CameraError) return { what: error.message, advice: error.advice, offer: "sample" };
  const status = error instanceof CallError ? error.status : 0;
  if (status === 401) {
    const what = key ? "This server does not accept that key." : "This server wants an API key.";
    return { what, offer: "key" };
  }
  if (status === 503) return { what: FULL, advice: error.message };
  return { what: "The call could not be made.", advice: error.message };
}
