/**
 * A call to an eyeline server from any web page: sends audio and video, receives captions and video.
 *
 *     import { EyelineClient } from "https://your-server/static/eyeline.js";
 *     const client = new EyelineClient();
 *     client.addEventListener("caption", ({ detail }) => console.log(detail.text, detail.final));
 *     await client.connect({ stream: await navigator.mediaDevices.getUserMedia({ audio: true, video: true }) });
 *     video.srcObject = client.remote;
 *
 * It needs no build step, loads what it needs from its own folder, and does not touch the page. For
 * a page on another site, add its origin to the server's setting EYELINE_ORIGINS. When the connection
 * breaks, it makes another one, and the session goes on: the server keeps it for a while.
 */

import { readStats } from "./browser_stats.js";
import { Connection, KINDS, trackOf } from "./connection.js";
import { Emitter } from "./events.js";
import { CallError, request } from "./signaling.js";

export { CallError };

const WAIT_MS = 60000; // for which a server keeps a session, unless it says so
const PAUSES_MS = [0, 500, 1000, 2000, 4000]; // before each try to continue a call, then the last
const FINAL = [401, 403, 404, 409, 410]; // statuses after which there is nothing to continue

/** @typedef {import("./types.js").ClientEvents} ClientEvents */

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
  #questions = 0;
  #leave = () => this.#hangUp();

  /** @type {CallState} */ state = "idle";
  /** The returned video and audio; tracks are added when the call connects. */
  remote = new MediaStream();

  /**
   * Connect, and return when the call is live.
   * @param {object} options
   * @param {MediaStream} options.stream what to send; `stop` does not end its tracks
   * @param {string} [options.url] URL of the service; by default the origin of this module
   * @param {string} [options.key] the server's API key, if it needs one
   * @param {object} [options.session] fields of the first `session.update`
   * @throws {CallError} the server refused, did not answer, or could not be connected
   * @throws {DOMException} AbortError: `stop` was called meanwhile
   */
  async connect({ stream, url = new URL("../", import.meta.url).href, key = "", session = {} }) {
    if (this.#is("connecting", "live", "reconnecting")) {
      throw new CallError("this client is in a call already: stop it first");
    }
    this.#root = new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI);
    this.#headers = key ? { Authorization: `Bearer ${key}` } : {};
    this.#sent = new MediaStream(stream.getTracks());
    this.#lastEvent = "";
    this.#steering = null;
    this.#change("connecting");
    addEventListener("pagehide", this.#leave);
    try {
      await this.#open(new URL("v1/realtime/calls?eyeline=1", this.#root));
      if (!this.#is("connecting")) throw stopped();
      this.send(opening(session));
      this.#change("live");
    } catch (error) {
      this.#hangUp();
      if (this.#is("ended")) throw stopped(); // the failure is a consequence of stop()
      this.#change("ended", /** @type {Error} */ (error).message);
      throw error;
    }
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
   * @param {string} text @param {{spoken?: boolean}} [options] `spoken`: as sound too, in `remote`
   */
  ask(text, options) {
    const id = `question_${(this.#questions += 1)}`;
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    this.send({ type: "conversation.item.create", event_id: `${id}_item`, item });
    this.respond(id, options);
    return id;
  }

  /** Request an answer to the last question, after another response was in progress. @param {string} id */
  respond(id, { spoken = false } = {}) {
    const response = { output_modalities: [spoken ? "audio" : "text"], metadata: { "eyeline.question": id } };
    this.send({ type: "response.create", event_id: `${id}_response`, response });
  }

  /** End the call, here and on the server. */
  async stop() {
    if (!this.#is("connecting", "live", "reconnecting")) return;
    const ended = this.#hangUp();
    this.#change("ended");
    await ended;
  }

  /**
   * Statistics of the browser, and what the server's steering led to.
   * @returns {Promise<import("./browser_stats.js").Measured & {done: {focused: boolean, lacking: Set<string>}}>}
   */
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
      await pause(PAUSES_MS[Math.min(tries, PAUSES_MS.length - 1)]);
      if (!this.#is("reconnecting")) return;
      try {
        await this.#open(this.#location);
        this.#change("live");
      } catch (error) {
        if (error instanceof CallError && FINAL.includes(error.status)) this.#location = ""; // the server has ended the call
        else if (performance.now() < end) continue;
        if (!this.#is("reconnecting")) return; // stopped meanwhile
        this.#hangUp();
        this.#change("lost", reason);
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
    const number = numberOf(message.event_id);
    if (number <= numberOf(this.#lastEvent)) return; // sent again over another connection
    this.#lastEvent = message.event_id ?? this.#lastEvent;
    const [kind, ...names] = message.type.split(".");
    if (kind === "error") this.emit("error", message.error);
    if (message.type === "eyeline.steering") this.#steer(message);
    if (message.type === "eyeline.stats") this.#connection?.steering?.check();
    if (message.type === "eyeline.connection") this.#waits = 1000 * message.waits;
    const name = /** @type {keyof ClientEvents} */ (names.at(-1)); // eyeline.memory.moment: moment
    if (kind === "eyeline") this.emit(name, message);
    this.emit("event", message);
  }

  /** @param {import("./types.js").SteeringEvent} steering */
  #steer(steering) {
    this.#steering = steering;
    this.#connection?.steering?.apply(steering);
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

/** The first event of a call: captions as events of their own, answers only on request. @param {object} session */
function opening(session) {
  return {
    type: "session.update",
    session: {
      type: "realtime",
      output_modalities: ["text"],
      audio: { input: { turn_detection: { type: "server_vad", create_response: false } } },
      eyeline: { events: true },
      ...session,
    },
  };
}

/** The number of an event, which grows in a session. @param {string | undefined} id */
function numberOf(id) {
  return id ? Number(id.slice(id.lastIndexOf("_") + 1)) : NaN;
}

function stopped() {
  return new DOMException("the call was stopped", "AbortError");
}

/** Wait, but no longer than until the browser has a network again. @param {number} ms */
function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener("online", resolve, { once: true });
  });
}
