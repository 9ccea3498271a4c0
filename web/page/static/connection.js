/** One peer connection of a call; a call that continues after a break has another one. */

import { Emitter } from "./events.js";
import { CallError } from "./signaling.js";
import { Steering } from "./steering.js";

const OPUS = /^a=rtpmap:(\d+) opus\/48000\/2\r\n/gm; // the browser is asked to send lost sound again
const CHANNEL = "oai-events"; // the data channel's name in the OpenAI Realtime protocol
const GATHERING_MS = 1000; // maximum wait for relay candidates before the offer is sent
const OPENING_MS = 15000; // maximum wait for a connection after the answer
export const KINDS = /** @type {const} */ (["audio", "video"]);
const LOOK_MS = 500; // between two looks at what has arrived
const SILENCE_MS = 3000; // without a packet, after which the connection counts as broken

/**
 * `closed`: the service closed it.
 * @typedef {{message: {data: string}, broken: {reason: string}, closed: {}}} ConnectionEvents
 */

/** @extends {Emitter<ConnectionEvents>} */
export class Connection extends Emitter {
  #peer;
  #channel;
  /** @type {Map<string, RTCRtpSender>} by kind */ #senders = new Map();
  /** @type {ReturnType<typeof setInterval> | undefined} */ #looks;
  /** @type {MediaStreamTrack[]} what is received */ tracks = [];
  /** @type {Steering | null} of the camera's sender */ steering = null;

  /** @param {RTCIceServer[]} iceServers @param {MediaStream} stream what to send */
  constructor(iceServers, stream) {
    super();
    this.#peer = new RTCPeerConnection({ iceServers });
    for (const kind of KINDS) {
      const track = trackOf(stream, kind);
      // Without a track, too: there may be one later.
      const { sender } = this.#peer.addTransceiver(track ?? kind, { direction: "sendrecv", streams: [stream] });
      this.#senders.set(kind, sender);
      if (kind === "video") this.steering = new Steering(sender, track);
    }
    this.#peer.addEventListener("track", ({ track }) => this.tracks.push(track));
    this.#peer.addEventListener("connectionstatechange", () => {
      if (this.#peer.connectionState === "failed") this.#break("The connection to the server broke.");
    });
    this.#channel = this.#peer.createDataChannel(CHANNEL);
    this.#channel.addEventListener("message", ({ data }) => this.emit("message", { data }));
    this.#channel.addEventListener("close", () => this.emit("closed", {}));
  }

  get open() {
    return this.#channel.readyState === "open";
  }

  /** Connect; return when media flow and messages can be sent. @param {(sdp: string) => Promise<string>} answer */
  async connect(answer) {
    const { type, sdp = "" } = await this.#peer.createOffer();
    await this.#peer.setLocalDescription({ type, sdp: sdp.replace(OPUS, "$&a=rtcp-fb:$1 nack\r\n") });
    if (this.#peer.getConfiguration().iceServers?.length) await gathered(this.#peer);
    await this.#peer.setRemoteDescription({ type: "answer", sdp: await answer(this.#peer.localDescription?.sdp ?? "") });
    await this.#opened();
    this.#watch();
  }

  /** Send `track` in place of the one of its kind; null: nothing. @param {"audio" | "video"} kind @param {MediaStreamTrack | null} track */
  async replace(kind, track) {
    if (kind === "video") await this.steering?.replace(track);
    else await this.#senders.get(kind)?.replaceTrack(track);
  }

  /** @param {string} text */
  send(text) {
    this.#channel.send(text);
  }

  close() {
    clearInterval(this.#looks);
    this.steering?.stop();
    this.#peer.close();
  }

  /** @returns {Promise<RTCStatsReport>} */
  getStats() {
    return this.#peer.getStats();
  }

  /** @returns {Promise<void>} */
  #opened() {
    return new Promise((resolve, reject) => {
      const giveUp = setTimeout(() => {
        const way = "UDP between this browser and the server is blocked; a TURN server avoids that";
        reject(new CallError(`no connection after ${OPENING_MS / 1000} s: ${way}`));
      }, OPENING_MS);
      const ready = () => (clearTimeout(giveUp), resolve());
      const failed = () => (clearTimeout(giveUp), reject(new CallError("the connection was closed")));
      if (this.open) return ready();
      this.#channel.addEventListener("open", ready, { once: true });
      return this.#channel.addEventListener("close", failed, { once: true });
    });
  }

  /** Browsers report a silent path after 5 s at best; the service sends something every second. */
  #watch() {
    let [count, heard] = [0, performance.now()];
    this.#looks = setInterval(async () => {
      const [before, asked] = [count, performance.now()];
      count = received(await this.#peer.getStats());
      const late = performance.now() - asked > LOOK_MS; // the page itself was held up
      if (count !== before || late) heard = performance.now();
      else if (performance.now() - heard > SILENCE_MS) this.#break("Nothing comes from the server.");
    }, LOOK_MS);
  }

  /** @param {string} reason */
  #break(reason) {
    clearInterval(this.#looks);
    this.emit("broken", { reason });
  }
}

/** The track of a kind that is sent, of which there is one at most. @param {MediaStream} stream @param {"audio" | "video"} kind */
export function trackOf(stream, kind) {
  return stream.getTracks().find((each) => each.kind === kind) ?? null;
}

/** How much has arrived, in packets and messages of any kind. @param {RTCStatsReport} report */
function received(report) {
  const names = ["packetsReceived", "messagesReceived", "requestsReceived", "responsesReceived"];
  let count = 0;
  report.forEach((entry) => {
    for (const name of names) count += entry[name] ?? 0;
  });
  return count;
}

/**
 * Return when the offer has all candidates, or after a timeout: a TURN server may not answer.
 * @param {RTCPeerConnection} peer @returns {Promise<void>}
 */
function gathered(peer) {
  return new Promise((resolve) => {
    if (peer.iceGatheringState === "complete") return resolve();
    setTimeout(resolve, GATHERING_MS);
    return peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") resolve();
    });
  });
}
