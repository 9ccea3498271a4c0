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
 * a page on another site, add its origin to the server's setting EYELINE_ORIGINS.
 */

import { readStats } from "./browser_stats.js";
import { Steering } from "./steering.js";

const CHANNEL = "oai-events"; // the data channel's name in the OpenAI Realtime protocol
const OPUS = /^a=rtpmap:(\d+) opus\/48000\/2\r\n/gm; // the browser is asked to send lost sound again
const GATHERING_MS = 1000; // maximum wait for relay candidates before the offer is sent
const BREAK_MS = 15000; // maximum interruption of a connection; the service waits for 30 s
const OPENING_MS = 15000; // maximum wait for a connection after the answer

/** State of the client: `lost` after an interrupted call, `ended` after a stopped one. */
/** @typedef {"idle" | "connecting" | "live" | "lost" | "ended"} CallState */
/** @typedef {import("./types.js").Caption} Caption, and so the others that are named below */
/** The call failed; `status` is the HTTP status, 0 without an answer. */
export class CallError extends Error {
  /** @param {string} message @param {number} [status] */
  constructor(message, status = 0) {
    super(message);
    this.name = "CallError";
    this.status = status;
  }
}

/**
 * One call. Events, each with its payload in `detail`:
 *   state {state: CallState, reason: string}; caption Caption; stats Stats; moment Moment;
 *   evidence Evidence; relevance Relevance; requests {requests: string[]}; notice {level, message};
 *   delay Delay; steering SteeringEvent, which the client follows by itself;
 *   error {message, code, event_id}; event: every message of the server.
 */
export class EyelineClient extends EventTarget {
  /** @type {RTCPeerConnection | null} */ #peer = null;
  /** @type {RTCDataChannel | null} */ #channel = null;
  /** @type {MediaStream | null} */ #stream = null;
  /** @type {Steering | null} */ #steering = null;
  #headers = {};
  #location = "";
  #muted = false;
  #breakTimer = 0;
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
    if (this.state === "connecting" || this.state === "live") {
      throw new CallError("this client is in a call already: stop it first");
    }
    const root = new URL(url.endsWith("/") ? url : `${url}/`, document.baseURI);
    this.#headers = key ? { Authorization: `Bearer ${key}` } : {};
    this.#stream = stream;
    this.#change("connecting");
    try {
      const { iceServers } = await this.#getJson(new URL("ice-servers", root));
      if (this.state !== "connecting") throw stopped();
      const peer = this.#open(iceServers ?? [], session);
      const { type, sdp } = await peer.createOffer();
      await peer.setLocalDescription({ type, sdp: sdp.replace(OPUS, "$&a=rtcp-fb:$1 nack\r\n") });
      if (iceServers?.length) await gathered(peer);
      await peer.setRemoteDescription({ type: "answer", sdp: await this.#offer(peer, root) });
      await this.#live();
    } catch (error) {
      this.#hangUp();
      if (this.state === "ended") throw stopped(); // the failure is a consequence of stop()
      this.#change("ended", error.message);
      throw error;
    }
  }

  /** Stop or resume sending sound. @param {boolean} muted */
  mute(muted) {
    this.#muted = muted;
    for (const track of this.#stream?.getAudioTracks() ?? []) track.enabled = !muted;
  }

  get muted() {
    return this.#muted;
  }

  /** Send a client event of the Realtime protocol. @param {object} event */
  send(event) {
    if (this.#channel?.readyState !== "open") throw new CallError("no call is live");
    this.#channel.send(JSON.stringify(event));
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
    if (this.state !== "connecting" && this.state !== "live") return;
    const ended = this.#hangUp();
    this.#change("ended");
    await ended;
  }

  /**
   * Statistics of the browser, and what the server's steering led to.
   * @returns {Promise<import("./browser_stats.js").Measured & {done: {focused: boolean, lacking: Set<string>}}>}
   */
  async measure() {
    const { focused = false, lacking = new Set() } = this.#steering ?? {};
    return { ...(await readStats(this.#peer)), done: { focused, lacking } };
  }

  #open(iceServers, session) {
    const peer = new RTCPeerConnection({ iceServers });
    this.#peer = peer;
    for (const kind of ["audio", "video"]) {
      const [track] = this.#stream.getTracks().filter((each) => each.kind === kind);
      const sends = track && peer.addTransceiver(track, { direction: "sendrecv", streams: [this.#stream] });
      if (track && kind === "video") this.#steering = new Steering(sends.sender, track);
      if (!track && kind === "audio") peer.addTransceiver(kind, { direction: "recvonly" });
    }
    peer.addEventListener("track", ({ track }) => this.remote.addTrack(track));
    peer.addEventListener("connectionstatechange", () => this.#watch(peer));
    this.#channel = peer.createDataChannel(CHANNEL);
    this.#channel.addEventListener("open", () => this.send(opening(session)));
    this.#channel.addEventListener("message", ({ data }) => this.#receive(data));
    this.#channel.addEventListener("close", () => this.#lose("The server ended the call.", ""));
    addEventListener("pagehide", this.#leave);
    return peer;
  }

  async #offer(peer, root) {
    const target = new URL("v1/realtime/calls?eyeline=1", root);
    const headers = { ...this.#headers, "Content-Type": "application/sdp" };
    const body = peer.localDescription.sdp;
    const response = await request(target, { method: "POST", headers, body });
    const location = response.headers.get("Location");
    if (location) this.#location = new URL(location, target).href;
    return response.text();
  }

  async #getJson(target) {
    return (await request(target, { headers: this.#headers })).json();
  }

  /** Return when media flow and the data channel is open. */
  #live() {
    const channel = this.#channel;
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        const way = "UDP between this browser and the server is blocked; a TURN server avoids that";
        reject(new CallError(`no connection after ${OPENING_MS / 1000} s: ${way}`));
      }, OPENING_MS);
      this.addEventListener("state", ({ detail }) => {
        clearTimeout(giveUp);
        if (detail.state === "live") resolve();
        else reject(new CallError(detail.reason || "the call was stopped before it was live"));
      }, { once: true });
      const ready = () => this.#change("live");
      if (channel.readyState === "open") ready();
      else channel.addEventListener("open", ready, { once: true });
    });
  }

  /** Short interruptions recover by themselves; browsers report longer ones only after 30 s. */
  #watch(peer) {
    clearTimeout(this.#breakTimer);
    const broken = () => {
      if (peer === this.#peer) this.#lose("The connection to the server broke.");
    };
    if (peer.connectionState === "failed") broken();
    if (peer.connectionState === "disconnected") this.#breakTimer = setTimeout(broken, BREAK_MS);
  }

  #lose(reason, location = this.#location) {
    if (!this.#peer) return;
    this.#location = location; // empty if the server has ended the call
    this.#hangUp();
    this.#change("lost", reason);
  }

  /** Close the connection and end the call on the server, also while the page unloads. */
  #hangUp() {
    clearTimeout(this.#breakTimer);
    removeEventListener("pagehide", this.#leave);
    const [peer, location] = [this.#peer, this.#location];
    this.#steering?.stop();
    this.#peer = this.#channel = this.#steering = null;
    this.#location = "";
    peer?.close();
    this.remote.getTracks().forEach((track) => this.remote.removeTrack(track));
    if (!location) return Promise.resolve();
    const options = { method: "DELETE", keepalive: true, headers: this.#headers };
    return fetch(location, options).catch(() => undefined); // the server ends the call later by itself
  }

  #receive(data) {
    const message = JSON.parse(data);
    const [kind, ...names] = message.type.split(".");
    if (kind === "error") this.#dispatch("error", message.error);
    if (message.type === "eyeline.steering") this.#steering?.apply(message);
    if (kind === "eyeline") this.#dispatch(names.at(-1), message); // eyeline.memory.moment: moment
    this.#dispatch("event", message);
  }

  #change(state, reason = "") {
    if (this.state === state) return;
    this.state = state;
    this.#dispatch("state", { state, reason });
  }

  #dispatch(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** The first event of a call: captions as events of their own, answers only on request. */
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

function stopped() {
  return new DOMException("the call was stopped", "AbortError");
}

/** Return when the offer has all candidates, or after a timeout: a TURN server may not answer. */
function gathered(peer) {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    setTimeout(resolve, GATHERING_MS);
    return peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") resolve();
    });
  });
}

async function request(target, options) {
  const response = await fetch(target, options).catch(() => {
    throw new CallError(`${target.origin} does not answer: is the server running?`);
  });
  if (response.ok) return response;
  throw new CallError(await reason(response), response.status);
}

/** The error message of a response: from problem JSON, from an OpenAI error, or its status. */
async function reason(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    const detail = body.detail ?? body.error?.message ?? body.title;
    if (typeof detail === "string") return detail;
  } catch {
    // not JSON: use the status
  }
  return `the server answered ${response.status} ${response.statusText}`.trim();
}
