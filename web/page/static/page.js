/** The demo page: one call at a time, of a camera or the sample clip. */

import { KeptCall } from "./call/kept_call.js";
import { listenToKeys } from "./call/keys.js";
import { Presence } from "./call/presence.js";
import { KEPT, expected, problemOf } from "./call/problems.js";
import { qualityOf } from "./call/quality.js";
import { Resuming } from "./call/resuming.js";
import { Returning } from "./call/returning.js";
import { sessionFields } from "./call/session_fields.js";
import { ShownState } from "./call/shown_state.js";
import { ConversationPanel } from "./conversation/panel.js";
import { DrawingBoard } from "./drawing.js";
import { EyelineClient } from "./eyeline.js";
import { LanguageChoice } from "./languages.js";
import { addLasting } from "./lasting/lasting.js";
import { Timeline } from "./memory/timeline.js";
import { RelevanceVeil } from "./relevance.js";
import { addAppearance } from "./sources/appearance.js";
import { Sources } from "./sources/sources.js";
import { addViewButtons } from "./sources/view_buttons.js";
import { SpendingLine } from "./spending.js";
import { Stage } from "./stage.js";
import { Tabs } from "./tabs.js";
import { drawProblem, drawQuality, drawStats, partsOf } from "./view.js";

/** Start the page in `root`; its markup is page.html. @param {HTMLElement} root @param {{key?: string}} [options] the server's key */
export const mount = (root, { key = "" } = {}) => void new Page(root.querySelector(".eyeline"), key);

class Page {
  #root;
  #page;
  #key;
  #state;
  /** @type {EyelineClient | null} */ #client = null;
  #lost = false; // the last call broke: the page offers to take it up again
  /** @type {EyelineClient | null} of a call of the page before, which is not gone on with yet */ #waiting = null;
  #kept;
  #resuming;
  #timeline;
  #conversation;
  #languages;
  #presence;
  #returning;
  #spending;
  #veil;
  #board;
  #sources;
  #tabs;
  #calls = new EventTarget(); // events: open {client}, state {state, reason}, in `detail`

  constructor(root, key) {
    this.#key = key;
    this.#root = root;
    const page = (this.#page = partsOf(root));
    this.#state = new ShownState(root, page);
    page.icon.src = new URL("icon.svg", import.meta.url).href;
    this.#timeline = new Timeline(page, (question) => this.#suggest(question));
    this.#kept = new KeptCall(() => ({ muted: this.#client.muted, picture: this.#sources.wanted, drawing: this.#tabs.shown === "draw" }));
    this.#conversation = new ConversationPanel(page, this.#timeline, (event) => this.#kept.note(event));
    this.#languages = new LanguageChoice(page.language, page.translate, () => this.#configure());
    this.#presence = new Presence(page, () => this.#microphone());
    this.#returning = new Returning(page);
    this.#spending = new SpendingLine(page.spending);
    this.#veil = new RelevanceVeil(page.veil, page.camera, page["veil-about"]);
    this.#board = new DrawingBoard(page, (event) => this.#kept.note(event));
    this.#sources = new Sources(page, (problem) => drawProblem(page, problem));
    this.#sources.inputs.addEventListener("track", ({ detail }) => this.#send(detail));
    const stage = new Stage(page);
    this.#tabs = new Tabs(root, page.tabs, (view) => stage.follow(view === "draw"));
    this.#listenToControls();
    this.#fill();
    this.#show("idle"); // enables Start
    const idle = () => this.#state.name === "idle";
    this.#resuming = new Resuming(page, this.#kept, { key: () => this.#key, idle, resume: (record) => this.#resume(record) });
    if (!root.dataset.watching) this.#resuming.begin();
  }

  #listenToControls() {
    const page = this.#page;
    page.start.onclick = page.reconnect.onclick = () => this.#start();
    page.stop.onclick = () => this.#client?.stop();
    page.mute.onclick = () => page.hold.checked || this.#mute(!this.#client.muted);
    page["offer-sample"].onclick = () => this.#startSample();
    page["key-form"].onsubmit = (event) => this.#useKey(event);
    page.talk.onchange = () => this.#configure();
    page.hold.onchange = () => this.#state.live && this.#mute(page.hold.checked);
    page.look.onchange = () => (this.#veil.show(page.look.checked), this.#spending.show(page.look.checked));
    page.skip.onclick = (event) => (event.preventDefault(), this.#tabs.show("talk"), page.stream.focus());
    listenToKeys(this.#root, page.mute, {
      mute: () => page.mute.disabled || page.hold.checked || this.#mute(!this.#client.muted),
      cancel: () => this.#conversation.cancel(),
      ask: () => this.#suggest(""),
      talk: (talking) => this.#state.live && this.#mute(!talking),
      holds: () => page.hold.checked && this.#state.live,
    });
  }

  /** Parts with modules of their own, a line each: they fill their slots (`data-slot` in page.html). */
  #fill() {
    /** @type {import("./here.js").Here} */
    const here = {
      root: this.#root,
      page: this.#page,
      slot: (name) => this.#root.querySelector(`[data-slot="${name}"]`),
      tabs: this.#tabs,
      stream: this.#conversation.stream,
      captions: this.#conversation.captions,
      calls: this.#calls,
      key: () => this.#key,
    };
    addLasting(here);
    addViewButtons(here, this.#sources);
    addAppearance(here);
    const tell = ({ detail }) => this.#root.dispatchEvent(new CustomEvent("eyeline:call", { detail, bubbles: true }));
    this.#calls.addEventListener("open", tell); // pages around this one listen too
  }

  /** Open a call. What is on the page stays. */
  async #start() {
    this.#resuming.close();
    this.#page.countdown.textContent = "";
    drawProblem(this.#page, null);
    this.#show("opening");
    const client = (this.#client = this.#waiting ?? new EyelineClient());
    try {
      const stream = (this.#page.camera.srcObject = await this.#sources.open());
      if (client !== this.#waiting) this.#listen(client);
      this.#page.generated.srcObject = client.remote;
      await client.connect({ stream, key: this.#key, session: this.#session(), resumable: this.#kept.possible });
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Show what the page before this one has shown, and go on with its call. @param {import("./call/kept_call.js").Record} record */
  async #resume(record) {
    this.#show("opening");
    if (record.drawing) this.#tabs.show("draw");
    for (const call of await this.#kept.past(record)) {
      if (this.#waiting) this.#conversation.close();
      const client = (this.#client = this.#waiting = new EyelineClient());
      this.#listen(client);
      client.mute(record.muted);
      this.#anew(call.began);
      client.restore(call);
    }
    if (record.picture.kind !== "file") await this.#sources.choose(record.picture);
    this.#start();
  }

  async #startSample() {
    await this.#sources.choose({ kind: "sample" });
    this.#start();
  }

  /** Send another track in the middle of the call. */
  #send({ kind, track }) {
    this.#client?.replace(kind, track);
    if (kind === "audio" && this.#state.live) this.#presence.open(this.#sources.inputs.stream);
  }

  #listen(client) {
    const on = (name, act) => client.addEventListener(name, ({ detail }) => act(detail));
    this.#board.attach(client);
    this.#kept.follow(client);
    this.#tell("open", { client });
    on("state", (detail) => this.#change(detail));
    this.#conversation.attach(client, this.#page.talk.checked);
    on("stats", (stats) => this.#client === client && this.#drawStats(stats));
    on("delay", (delay) => this.#client === client && this.#state.keepUp(delay));
    on("moment", (moment) => this.#timeline.add(moment));
    on("relevance", (relevance) => this.#veil.receive(relevance));
    on("steering", (steering) => (this.#veil.divide(steering), this.#spending.steer(steering)));
    on("connection", (presence) => (this.#returning.keepFor(presence.waits), this.#conversation.resume()));
    on("event", (event) => {
      if (client.restoring) this.#timeline.reach(client.seconds);
      this.#presence.receive(event);
      this.#board.receive(event);
    });
    on("error", (error) => {
      if (this.#conversation.refused(error) || this.#board.refused(error) || client.restoring) return;
      drawProblem(this.#page, { what: "The server reports an error.", advice: error.message });
    });
  }

  #change({ state, reason }) {
    const before = this.#state.name;
    this.#tell("state", { state, reason });
    if (before === "reconnecting") {
      drawProblem(this.#page, null);
      this.#configure(); // a service that was started again has the session's settings no more
    } else if (state === "live") this.#begin();
    if (state === "reconnecting") this.#returning.begin(reason);
    else this.#returning.end();
    this.#show(state === "live" && this.#client.muted ? "muted" : state);
    if (state !== "lost" && state !== "ended") return;
    if (state === "lost" && this.#client.location) this.#waiting = this.#client;
    if (this.#waiting?.location) {
      this.#sources.close(); // it can be tried again
      if (state === "lost") drawProblem(this.#page, { what: reason, advice: KEPT, offer: "reconnect" });
      return;
    }
    const over = this.#waiting !== null && reason !== ""; // its session was there no more
    this.#waiting = null;
    this.#lost = state === "lost" || over || (this.#lost && before === "connecting");
    this.#conversation.close();
    this.#closeSource();
    if (state !== "lost") return;
    drawProblem(this.#page, { what: reason, advice: KEPT, offer: "reconnect" });
  }

  /** The call is live. */
  #begin() {
    this.#lost = false;
    if (this.#client !== this.#waiting) this.#anew(this.#client.began);
    this.#waiting = null;
    this.#presence.open(this.#sources.inputs.stream);
    if (this.#page.hold.checked) this.#client.mute(true);
  }

  /** Continue the conversation with a call that has a memory of its own. */
  #anew(began) {
    this.#timeline.clear();
    this.#veil.clear();
    this.#conversation.begin(began);
  }

  #show(state) {
    this.#state.show(state);
    this.#presence.show();
  }

  #microphone() {
    const { hold, talk } = this.#page;
    return { live: this.#state.live, sent: this.#sources.inputs.hears, muted: this.#state.name === "muted", holds: hold.checked, talks: talk.checked };
  }

  #mute(muted) {
    this.#client.mute(muted);
    this.#kept.update();
    this.#show(muted ? "muted" : "live");
  }

  async #drawStats(stats) {
    const own = await this.#client.measure();
    const all = { ...stats, round_trip: stats.round_trip ?? own.roundTrip };
    this.#spending.measured(own);
    this.#timeline.reach(stats.seconds);
    drawStats(this.#page, all);
    if (this.#state.live) drawQuality(this.#page, qualityOf(all));
  }

  /** Put a question into the input field. */
  #suggest(question) {
    this.#tabs.show("talk");
    this.#conversation.suggest(question);
  }

  #session() {
    return sessionFields({ talk: this.#page.talk.checked, languages: this.#languages });
  }

  #configure() {
    this.#presence.show();
    if (this.#client?.state !== "live") return;
    this.#conversation.spoken = this.#page.talk.checked;
    this.#client.send({ type: "session.update", session: this.#session() });
  }

  #useKey(event) {
    event.preventDefault();
    this.#key = this.#page.key.value;
    this.#start();
  }

  #closeSource() {
    this.#board.detach();
    this.#presence.close();
    this.#sources.close();
    this.#page.camera.srcObject = this.#page.generated.srcObject = null;
    this.#spending.clear();
    this.#veil.clear();
  }

  #fail(error) {
    if (error.name === "AbortError") return; // stopped by the user: `#change` handles it
    if (!this.#waiting) this.#closeSource();
    this.#page.camera.srcObject = null;
    const again = this.#lost || this.#waiting !== null;
    this.#show(again ? "failed" : "idle");
    drawProblem(this.#page, { offer: again ? "reconnect" : undefined, ...problemOf(error, this.#key, again) });
    if (!expected(error)) throw error;
  }

  #tell(name, detail) {
    this.#calls.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
