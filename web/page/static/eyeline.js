/**
 * A call to an eyeline server from any web page: sound and picture out, captions and picture back.
 *
 *     import { EyelineClient } from "https://your-server/static/eyeline.js";
 *     const client = new EyelineClient();
 *     client.addEventListener("caption", ({ detail }) => console.log(detail.text, detail.final));
 *     await client.connect({ stream: await navigator.mediaDevices.getUserMedia({ audio: true, video: true }) });
 *     video.srcObject = client.remote;
 *
 * It needs no build step and no other file, and touches nothing of the page. A page from another
 * site needs that site's origin in the server's setting EYELINE_ORIGINS.
 */

const CHANNEL = "oai-events"; // the data channel's name in the OpenAI Realtime protocol
const GATHERING_MS = 1000; // longest wait for relay candidates before the offer goes out
const BREAK_MS = 4000; // longest break that is waited out
const OPENING_MS = 15000; // longest wait for a connection after the answer

/** What the client is doing: `lost` means that a live call broke; `ended` that it was stopped. */
/** @typedef {"idle" | "connecting" | "live" | "lost" | "ended"} CallState */
/** @typedef {import("./types.js").Caption} Caption, and so the others that are named below */
/** A call that could not be made; `status` is the HTTP status, or 0 where there was no answer. */
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
 *   error {message, code, event_id}; event: every message of the server, whole.
 */
export class EyelineClient extends EventTarget {
  /** @type {RTCPeerConnection | null} */ #peer = null;
  /** @type {RTCDataChannel | null} */ #channel = null;
  /** @type {MediaStream | null} */ #stream = null;
  #headers = {};
  #location = "";
  #muted = false;
  #patience = 0;
  #questions = 0;
  #leave = () => this.#hangUp();

  /** @type {CallState} */ state = "idle";
  /** The returned picture and sound; tracks arrive as the call connects. */
  remote = new MediaStream();

  /**
   * Make the call and return once it is live.
   * @param {object} options
   * @param {MediaStream} options.stream what to send; stays the caller's, `stop` does not end it
   * @param {string} [options.url] where the service is; by default where this module came from
   * @param {string} [options.key] the server's API key, where it wants one
   * @param {object} [options.session] fields of the first `session.update`
   * @throws {CallError} the server refused, did not answer, or no connection came about
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
      await peer.setLocalDescription();
      if (iceServers?.length) await gathered(peer);
      await peer.setRemoteDescription({ type: "answer", sdp: await this.#offer(peer, root) });
      await this.#live();
    } catch (error) {
      this.#hangUp();
      if (this.state === "ended") throw stopped(); // whatever failed did so because of that
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
   * Ask about what is or was seen; the response has the id that is returned in its metadata.
   * @param {string} text @param {{spoken?: boolean}} [options] `spoken`: as sound too, in `remote`
   */
  ask(text, options) {
    const id = `question_${(this.#questions += 1)}`;
    const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
    this.send({ type: "conversation.item.create", event_id: `${id}_item`, item });
    this.respond(id, options);
    return id;
  }

  /** Ask for an answer to the newest question, where another response was in progress. @param {string} id */
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
   * What the browser itself measures: of the returned picture, and of the way to the server.
   * @returns {Promise<{fps: number | null, width: number, height: number, roundTrip: number | null}>}
   */
  async measure() {
    const found = { fps: null, width: 0, height: 0, roundTrip: null };
    const report = this.#peer ? await this.#peer.getStats() : [];
    report.forEach((entry) => {
      if (entry.type === "inbound-rtp" && entry.kind === "video") {
        found.fps = entry.framesPerSecond ?? 0;
        found.width = entry.frameWidth ?? 0;
        found.height = entry.frameHeight ?? 0;
      } else if (entry.type === "candidate-pair" && entry.nominated) {
        found.roundTrip = entry.currentRoundTripTime ?? null;
      }
    });
    return found;
  }

  #open(iceServers, session) {
    const peer = new RTCPeerConnection({ iceServers });
    this.#peer = peer;
    for (const kind of ["audio", "video"]) {
      const [track] = this.#stream.getTracks().filter((each) => each.kind === kind);
      if (track) peer.addTransceiver(track, { direction: "sendrecv", streams: [this.#stream] });
      else if (kind === "audio") peer.addTransceiver(kind, { direction: "recvonly" });
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

  /** Return once sound and picture flow and the data channel is open. */
  #live() {
    const channel = this.#channel;
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        const way = "UDP between this browser and the server is blocked; a TURN server gets around that";
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

  /** A short break heals by itself; a longer one does not, and browsers take 30 s to say so. */
  #watch(peer) {
    clearTimeout(this.#patience);
    const broken = () => {
      if (peer === this.#peer) this.#lose("The connection to the server broke.");
    };
    if (peer.connectionState === "failed") broken();
    if (peer.connectionState === "disconnected") this.#patience = setTimeout(broken, BREAK_MS);
  }

  #lose(reason, location = this.#location) {
    if (!this.#peer) return;
    this.#location = location; // empty where the server has no such call any more
    this.#hangUp();
    this.#change("lost", reason);
  }

  /** Close our side and tell the server, even while the page goes away. */
  #hangUp() {
    clearTimeout(this.#patience);
    removeEventListener("pagehide", this.#leave);
    const [peer, location] = [this.#peer, this.#location];
    this.#peer = this.#channel = null;
    this.#location = "";
    peer?.close();
    this.remote.getTracks().forEach((track) => this.remote.removeTrack(track));
    if (!location) return Promise.resolve();
    const options = { method: "DELETE", keepalive: true, headers: this.#headers };
    return fetch(location, options).catch(() => undefined); // it ends there by itself, only later
  }

  #receive(data) {
    const message = JSON.parse(data);
    const [kind, ...names] = message.type.split(".");
    if (kind === "error") this.#tell("error", message.error);
    if (kind === "eyeline") this.#tell(names.at(-1), message); // eyeline.memory.moment: moment
    this.#tell("event", message);
  }

  #change(state, reason = "") {
    if (this.state === state) return;
    this.state = state;
    this.#tell("state", { state, reason });
  }

  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}

/** The first event of a call: captions as own events, and answers only to what is asked. */
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

/** Return once the offer holds every candidate, or after a while: a silent TURN server never ends. */
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
  let response;
  try {
    response = await fetch(target, options);
  } catch {
    throw new CallError(`${target.origin} does not answer: is the server running?`);
  }
  if (response.ok) return response;
  throw new CallError(await reason(response), response.status);
}

/** What the server says went wrong, from problem JSON or an OpenAI error, else its status. */
async function reason(response) {
  const text = await response.text();
  try {
    const body = JSON.parse(text);
    const said = body.detail ?? body.error?.message ?? body.title;
    if (typeof said === "string") return said;
  } catch {
    // not JSON: the status has to do
  }
  return `the server answered ${response.status} ${response.statusText}`.trim();
}
