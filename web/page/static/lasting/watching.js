/** The page as a link for a viewer opens it: the session of somebody else, to see, hear and read. */

import { request } from "../signaling.js";
import { drawProblem, element } from "../view.js";
import { showHistory } from "./history_view.js";
import { button } from "./saving.js";
import { Service } from "./service.js";

const OVER = { what: "There is nothing to watch any more.", advice: "The session is over, or the link has expired or was withdrawn." };

const CHECK_MS = 3000; // between two looks at whether it goes on
const GONE = [401, 403, 404]; // statuses after which there is nothing to watch

/** What a link names, null if the page was not opened by one. @param {string} hash */
export function watched(hash) {
  const fields = new URLSearchParams(hash.replace(/^#/, ""));
  const [session, secret] = [fields.get("watch"), fields.get("secret")];
  return session && secret && /^sess_[0-9a-f]{16}$/.test(session) ? { session, secret } : null;
}

export class Watching {
  #here;
  #service;
  #session;
  /** @type {RTCPeerConnection | null} */ #peer = null;
  /** @type {import("./history.js").Entry[]} */ #entries = [];
  #drawing = 0;
  #reading = new AbortController();

  /** @param {import("../here.js").Here} here @param {{session: string, secret: string}} link */
  constructor(here, { session, secret }) {
    this.#here = here;
    this.#session = session;
    this.#service = new Service(() => secret);
    here.root.dataset.watching = "true";
    const start = button("Watch", () => this.#watch(start));
    start.className = "primary";
    here.page.welcome.replaceChildren(element("p", "You were sent a link to watch a session", "lead"), element("p", "You see, hear and read it; nothing of you is sent."), start);
  }

  async #watch(start) {
    start.disabled = true;
    drawProblem(this.#here.page, null);
    this.#here.page.state.textContent = "Watching";
    const video = this.#see().catch((error) => this.#note(`No video of this session: ${error.message}`));
    await Promise.race([Promise.all([video, this.#read()]), this.#untilOver()]);
    this.#reading.abort();
    this.#peer?.close();
    this.#here.page.camera.srcObject = null;
    this.#here.root.dataset.state = "ended";
    this.#here.page.state.textContent = "Over";
    drawProblem(this.#here.page, OVER);
    start.disabled = false;
  }

  /** Video and speech, by WHEP. */
  async #see() {
    const { iceServers } = await this.#service.get("ice-servers");
    const peer = (this.#peer = new RTCPeerConnection({ iceServers, bundlePolicy: "max-bundle" }));
    for (const kind of ["video", "audio"]) peer.addTransceiver(kind, { direction: "recvonly" });
    const stream = new MediaStream();
    peer.ontrack = ({ track }) => stream.addTrack(track);
    await peer.setLocalDescription();
    const headers = { ...this.#service.headers, "Content-Type": "application/sdp" };
    const options = { method: "POST", headers, body: peer.localDescription.sdp };
    const answer = await request(this.#service.url(`whep/${this.#session}`), options);
    await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
    const { camera, welcome } = this.#here.page;
    Object.assign(camera, { srcObject: stream, muted: false, ariaLabel: "Video of the session that you watch" });
    this.#here.page["camera-name"].textContent = "Session";
    this.#here.page["camera-what"].textContent = "of somebody else";
    this.#here.root.dataset.state = "live";
    welcome.hidden = true;
  }

  /** Return when the session has ended, or the link is no good any more: streams may be silent then. */
  async #untilOver() {
    for (;;) {
      await new Promise((resolve) => setTimeout(resolve, CHECK_MS));
      try {
        if ((await this.#service.get(`sessions/${this.#session}`)).state === "ended") return;
      } catch (error) {
        if (GONE.includes(error.status)) return;
      }
    }
  }

  /** What was said, asked and answered, and what is; return when that is over. */
  async #read() {
    const { signal } = (this.#reading = new AbortController());
    const options = { headers: { ...this.#service.headers, Accept: "text/event-stream" }, signal };
    try {
      const response = await request(this.#service.url(`sessions/${this.#session}/history`), options);
      for await (const entry of entriesOf(response.body)) this.#add(entry);
    } catch (error) {
      if (!signal.aborted) this.#note(error.message);
    }
  }

  #add(entry) {
    this.#entries.push(entry);
    this.#drawing ||= requestAnimationFrame(() => {
      this.#drawing = 0;
      this.#here.page["stream-empty"].hidden = true;
      showHistory(this.#here.page.stream, this.#entries, null);
      this.#here.stream.follow();
    });
  }

  #note(text) {
    this.#here.page.late.hidden = false;
    this.#here.page.late.textContent = text;
  }
}

/** The entries among server-sent events. @param {ReadableStream<Uint8Array>} body */
async function* entriesOf(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    text += part.value.replaceAll("\r\n", "\n");
    const events = text.split("\n\n");
    text = events.pop() ?? "";
    for (const event of events) {
      if (!/^event: entry$/m.test(event)) continue;
      yield JSON.parse(event.match(/^data: (.*)$/m)[1]);
    }
  }
}
