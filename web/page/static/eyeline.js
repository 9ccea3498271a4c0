/**
 * A call to an eyeline server from any web page: sends audio and video, receives captions and video.
 *
 *     import { EyelineClient } from "https://your-server/static/eyeline.js";
 *     const client = new EyelineClient();
 *     client.addEventListener("caption", ({ detail }) => console.log(detail.text, detail.final));
 *     await client.connect({ stream: await navigator.mediaDevices.getUserMedia({ audio: true, video: true }) });
 *     video.srcObject = client.remote;
 *
 * It needs no build step, loads what it needs from its own folder, and does not touch the page. For a page on another
 * site, add its origin to the server's setting EYELINE_ORIGINS. A connection that breaks is made again: the session goes on.
 */

import { readStats } from "./browser_stats.js";
import { Connection, KINDS, trackOf } from "./connection.js";
import { Emitter } from "./events.js";
import { answerTo, numberOf, opening, questionIn, questionOf } from "./messages.js";
import { isFinal, isOver, pauseBefore, stopped, whyLost } from "./retrying.js";
import { CallError, request } from "./signaling.js";

export { CallError };

const WAIT_MS = 60000; // for which a server keeps a session, unless it says so

/** @typedef {import("./types.js").ClientEvents} ClientEvents */
/** @typedef {import("./types.js").Received} Received */

/**
 * State of the client: `reconnecting` while an interrupted call is continued, `lost` if that failed,
 * `ended` after a stopped one.
 * @typedef {"idle" | "connecting" | "live" | "reconnecting" | "lost" | "ended"} CallState
 */

/**
 * One call; `ClientEvents` has its events.
 * @extends {Emitter<ClientEvents>}
 */
export class EyelineClient extends Emitter {
  /** @type {Connection | null} */ #connection = null;
  #sent = new MediaStream(); // what is sent, also after a break
  /** @type {Record<string, string>} */ #headers = {};
  #root = new URL(import.meta.url);
  #location = "";
  #lastEvent = "";
  #waits = WAIT_MS;
  /** @type {import("./types.js").SteeringEvent | null} the newest */ #steering = null;
  #muted = false;
  #questions = 0; // the highest number of one, also of an earlier page
  #repeated = 0; // when the event arrived that is handled again; 0: none is
  #leave = () => this.#hangUp();

  /** @type {CallState} */ state = "idle";
  /** The returned video and audio; tracks are added when the call connects. */
  remote = new MediaStream();
  /** When the call became live, in ms since 1970; 0 before. */
  began = 0;

  /**
   * Connect, and return when the call is live.
   * @param {object} options
   * @param {MediaStream} options.stream what to send; `stop` does not end its tracks
   * @param {string} [options.url] URL of the service; by default the origin of this module
   * @param {string} [options.key] the server's API key, if it needs one
   * @param {object} [options.session] fields of the first `session.update`
   * @param {boolean} [options.resumable] the call outlives this page, which does not end it: another one `restore`s it
   * @throws {CallError | DOMException} the server refused or did not answer; AbortError: `stop` was called meanwhile
   */
  async connect({ stream, url = new URL("../", import.meta.url).href, key = "", session = {}, resumable = false }) {
    if (this.#is("connecting", "live", "reconnecting")) {
      throw new CallError("this client is in a call already: stop it first");
    }
    this.#root = new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI);
    this.#headers = key ? { Authorization: `Bearer ${key}` } : {};
    this.#sent = new MediaStream(stream.getTracks());
    if (this.#muted) this.mute(true);
    this.#steering = null;
    const before = this.#location; // of a restored call
    if (!before) [this.#lastEvent, this.began] = ["", 0];
    this.#change("connecting");
    if (!resumable) addEventListener("pagehide", this.#leave);
    try {
      await this.#open(before || new URL(`v1/realtime/calls?eyeline=1${resumable ? "&resumable=1" : ""}`, this.#root));
      if (!this.#is("connecting")) throw stopped();
      this.send(opening(session));
      this.began ||= this.now;
      this.#change("live");
    } catch (error) {
      if (before && !this.#is("ended")) this.#location = ""; // it waits on
      this.#hangUp();
      if (this.#is("ended")) throw stopped(); // the failure is a consequence of stop()
      if (!isOver(error)) this.#location = before;
      this.#change("ended", /** @type {Error} */ (error).message);
      throw error;
    }
  }

  /** Where the call is gone on with or ended, empty if it is over. */
  get location() {
    return this.#location;
  }

  /** Whether events of an earlier page are handled again. */
  get restoring() {
    return this.#repeated > 0;
  }

  /** Milliseconds since 1970; while an event is handled again, when it arrived. */
  get now() {
    return this.#repeated || performance.timeOrigin + performance.now();
  }

  /** Seconds since the call became live. */
  get seconds() {
    return this.began ? (this.now - this.began) / 1000 : 0;
  }

  /** Take over a call of an earlier page: its events are handled again, `connect` goes on with it. @param {{location: string, began: number, events: readonly Received[]}} call */
  restore({ location, began, events }) {
    if (!this.#is("idle")) throw new CallError("this client has a call of its own");
    this.#location = location;
    this.#lastEvent = "event_0"; // without any, the service sends what it has
    this.began = began;
    for (const { at, event } of events) {
      this.#repeated = at;
      this.#handle(event);
    }
    this.#repeated = 0;
  }

  /** Stop or resume sending sound. @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    for (const track of this.#sent.getAudioTracks()) track.enabled = !muted;
  }

  /**
   * Send another track in the middle of the call: another camera, a screen, a clip. The call goes on.
   * @param {"audio" | "video"} kind
   * @param {MediaStreamTrack | null} track null: nothing of this kind
   */
  async replace(kind, track) {
    for (const each of this.#sent.getTracks()) if (each.kind === kind) this.#sent.removeTrack(each);
    if (track) this.#sent.addTrack(track);
    if (kind === "audio" && this.#muted && track) track.enabled = false;
    await this.#connection?.replace(kind, track);
  }

  get muted() {
    return this.#muted;
  }

  /** Send a client event of the Realtime protocol. @param {object} event */
  send(event) {
    if (!this.#connection?.open) throw new CallError("no call is live");
    this.#connection.send(JSON.stringify(event));
  }

  /**
   * Ask about the video so far; the metadata of the response has the returned id.
   * @param {string} text
   * @param {{spoken?: boolean, id?: string}} [options] `spoken`: as sound too, in `remote`; `id`: of `newQuestion`
   */
  ask(text, { id = this.newQuestion(), ...options } = {}) {
    this.send(questionOf(id, text));
    this.respond(id, options);
    return id;
  }

  /** An id that no other question of the session has. */
  newQuestion() {
    return `question_${(this.#questions += 1)}`;
  }

  /** Request an answer to the last question, after another response was in progress. @param {string} id */
  respond(id, { spoken = false } = {}) {
    this.send(answerTo(id, spoken));
  }

  /** End the call, here and on the server. */
  async stop() {
    if (!this.#is("connecting", "live", "reconnecting")) return;
    const ended = this.#hangUp();
    this.#change("ended");
    await ended;
  }

  /** Statistics, and what steering led to. @returns {Promise<import("./browser_stats.js").Measured & {done: {focused: boolean, lacking: Set<string>}}>} */
  async measure() {
    const { focused = false, lacking = new Set() } = this.#connection?.steering ?? {};
    return { ...(await readStats(this.#connection)), done: { focused, lacking } };
  }

  /** Make a connection and use it, in place of an earlier one. @param {URL | string} target for the offer */
  async #open(target) {
    const { iceServers } = await (await request(new URL("ice-servers", this.#root), { headers: this.#headers })).json();
    if (this.#is("ended")) throw stopped();
    const sent = new MediaStream(this.#sent.getTracks());
    const connection = new Connection(iceServers ?? [], sent);
    connection.addEventListener("message", ({ detail }) => this.#receive(detail.data));
    connection.addEventListener("broken", ({ detail }) => this.#interrupt(connection, detail.reason, this.#waits));
    connection.addEventListener("closed", () => this.#interrupt(connection, "The server ended the call.", 0));
    const before = this.#connection;
    this.#connection ??= connection; // it can be stopped
    try {
      await connection.connect((sdp) => this.#offer(target, sdp));
      if (this.#is("ended")) throw stopped();
    } catch (error) {
      connection.close();
      throw error;
    }
    this.#connection = connection; // before the other one is closed
    before?.close();
    for (const kind of KINDS) {
      const track = trackOf(this.#sent, kind);
      if (track !== trackOf(sent, kind)) await connection.replace(kind, track); // it was replaced meanwhile
    }
    this.remote.getTracks().forEach((track) => this.remote.removeTrack(track));
    connection.tracks.forEach((track) => this.remote.addTrack(track));
    if (this.#steering) connection.steering?.apply(this.#steering);
  }

  /** @param {URL | string} target @param {string} body */
  async #offer(target, body) {
    /** @type {Record<string, string>} */
    const headers = { ...this.#headers, "Content-Type": "application/sdp" };
    if (this.#lastEvent) headers["Last-Event-ID"] = this.#lastEvent;
    const response = await request(target, { method: "POST", headers, body });
    const location = response.headers.get("Location");
    if (location) this.#location = new URL(location, target).href;
    return response.text();
  }

  /**
   * The connection broke: continue the call over another one, or lose it after some tries.
   * @param {Connection} connection @param {string} reason @param {number} patience in ms
   */
  async #interrupt(connection, reason, patience) {
    if (connection !== this.#connection || !this.#is("live")) return;
    this.#change("reconnecting", reason);
    const end = performance.now() + patience;
    for (let tries = 0; this.#is("reconnecting"); tries += 1) {
      await pauseBefore(tries);
      if (!this.#is("reconnecting")) return;
      try {
        await this.#open(this.#location);
        this.#change("live");
      } catch (error) {
        if (!isFinal(error) && performance.now() < end) continue;
        if (!this.#is("reconnecting")) return; // stopped meanwhile
        const location = isFinal(error) ? "" : this.#location; // where `connect` tries it again
        this.#location = ""; // no server to end it
        this.#hangUp();
        this.#location = location;
        this.#change("lost", whyLost(error) || reason);
      }
    }
  }

  /** Close the connection and end the call on the server, also while the page unloads. */
  #hangUp() {
    removeEventListener("pagehide", this.#leave);
    const [connection, location] = [this.#connection, this.#location];
    this.#connection = null;
    this.#location = "";
    connection?.close();
    this.remote.getTracks().forEach((track) => this.remote.removeTrack(track));
    if (!location) return Promise.resolve();
    const options = { method: "DELETE", keepalive: true, headers: this.#headers };
    return fetch(location, options).catch(() => undefined); // the server ends the call later by itself
  }

  /** @param {string} data */
  #receive(data) {
    const message = JSON.parse(data);
    if (!(numberOf(message.event_id) <= numberOf(this.#lastEvent))) this.#handle(message); // else it was sent again
  }

  /** @param {any} message that was not handled before */
  #handle(message) {
    this.#lastEvent = message.event_id ?? this.#lastEvent;
    this.#questions = Math.max(this.#questions, questionIn(message));
    if (message.type === "error") this.emit("error", message.error);
    if (message.type === "eyeline.steering") this.#connection?.steering?.apply((this.#steering = message));
    if (message.type === "eyeline.stats") this.#connection?.steering?.check();
    if (message.type === "eyeline.connection") this.#waits = 1000 * message.waits;
    const name = /** @type {keyof ClientEvents} */ (message.type.split(".").at(-1)); // eyeline.memory.moment: moment
    if (message.type.startsWith("eyeline.")) this.emit(name, message);
    this.emit("event", message);
  }

  /** @param {CallState[]} states */
  #is(...states) {
    return states.includes(this.state);
  }

  /** @param {CallState} state @param {string} [reason] */
  #change(state, reason = "") {
    if (this.state === state) return;
    this.state = state;
    this.emit("state", { state, reason });
  }
}
