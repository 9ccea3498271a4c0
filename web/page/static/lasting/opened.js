/** One past session: what was said and answered, its video, questions about it, files of it, its deletion. */

import { MomentList } from "../memory/moments.js";
import { element } from "../view.js";
import { dated } from "./dates.js";
import { evidence, showHistory } from "./history_view.js";
import { button, saveButtons } from "./saving.js";

const POLL_MS = 1000; // while it is rebuilt
const MEMORIES = { recorded: "From the memory that was recorded.", rebuilt: "From a memory that was rebuilt from the recording.", running: "From the session, which still runs." };

/** @typedef {import("./history.js").Entry} Entry */

export class OpenedSession {
  root = element("div", "", "opened");
  #service;
  #vault;
  #back;
  /** @type {any} */ #past = null;
  /** @type {Entry[]} */ #entries = [];
  #video = document.createElement("video");
  #stream = element("ol", "", "stream");
  #about = element("p", "", "hint");
  #answers = element("ol", "", "asked");

  /**
   * @param {import("./service.js").Service} service @param {import("./vault.js").Vault} vault
   * @param {() => void} back shows the list again
   */
  constructor(service, vault, back) {
    this.#service = service;
    this.#vault = vault;
    this.#back = back;
    Object.assign(this.#video, { controls: true, playsInline: true, hidden: true });
    this.#video.ariaLabel = "Video of this session";
    this.#about.setAttribute("role", "status");
    Object.assign(this.#stream, { tabIndex: 0, ariaLabel: "What was said and answered" });
    Object.assign(this.#answers, { ariaLive: "polite", ariaLabel: "Questions about this session" });
  }

  /** @param {import("./sessions.js").Past} past */
  async show(past) {
    this.#past = past;
    this.#entries = [];
    this.#about.textContent = past.recording?.problem ? `This recording is incomplete: ${past.recording.problem}.` : "";
    this.#answers.replaceChildren();
    this.#stream.replaceChildren();
    this.#draw();
    /** @type {HTMLElement} */ (this.root.querySelector("button")).focus();
    await this.#read();
  }

  /** Stop what plays. */
  close() {
    this.#past = null;
    this.#video.removeAttribute("src");
    this.#video.hidden = true;
    this.#video.load();
  }

  #draw() {
    const { title, started, recording } = this.#past;
    const head = element("header", "");
    head.append(button("‹ All sessions", () => this.#back()), element("h2", title));
    const acts = element("div", "", "acts");
    if (recording?.has.includes("video") && !["broken", "live"].includes(recording.state)) acts.append(button("Play", () => this.#play("camera")));
    if (recording?.has.includes("generated")) acts.append(button("Play generated video", () => this.#play("generated")));
    acts.append(this.#saving(), ...this.#changing());
    const parts = [head, element("p", dated(started), "when"), this.#about, this.#video, acts, this.#stream];
    if (recording && recording.state !== "broken") parts.push(this.#answers, this.#question());
    this.root.replaceChildren(...parts);
  }

  #saving() {
    const menu = element("details", "", "save");
    const sheet = element("div", "", "sheet");
    const current = () => ({ entries: this.#entries, title: `${this.#past.title}, ${dated(this.#past.started)}`, at: new Date(1000 * this.#past.started), name: this.#past.id });
    sheet.append(...saveButtons(current));
    if (this.#past.recording?.has.includes("generated")) sheet.append(button("Generated video (MP4)", () => this.#download("generated")));
    if (this.#past.recording?.has.includes("video")) sheet.append(button("Camera video (MP4)", () => this.#download("camera")));
    menu.append(element("summary", "Save"), sheet);
    return menu;
  }

  /** What changes the recording: each asks before. */
  #changing() {
    const { recording } = this.#past;
    if (!recording) return [this.#asking("Delete", "Delete it from this browser?", () => this.#delete())];
    if (recording.state === "live") return [];
    const rebuild = this.#asking("Rebuild", "Run it again with today's models? What it remembers is replaced.", () => this.#rebuild());
    const erase = this.#asking("Delete", "Delete the recording for everybody? It cannot be brought back.", () => this.#delete());
    return recording.state === "broken" ? [erase] : [rebuild, erase];
  }

  #asking(name, question, act) {
    const made = button(name, () => {
      const sure = element("span", "", "sure");
      const yes = button(name, () => (sure.replaceWith(made), act()));
      const no = button("Keep it", () => (sure.replaceWith(made), made.focus()));
      sure.append(element("span", question), yes, no);
      made.replaceWith(sure);
      no.focus();
    });
    return made;
  }

  async #read() {
    const { recording, kept, id } = this.#past;
    try {
      this.#entries = recording ? await this.#history(id) : await this.#vault.entries(kept.id);
    } catch (error) {
      this.#tell(`It cannot be opened: ${error.message}`);
      return;
    }
    if (this.#past?.id !== id) return; // another one was opened meanwhile
    showHistory(this.#stream, this.#entries, recording?.has.includes("video") ? (time) => this.#play("camera", time) : null);
    if (!this.#entries.length && !this.#about.textContent) this.#tell(recording && !recording.has.includes("history") ? "Its history was not kept: rebuild it to have one." : "Nothing was said or asked.");
  }

  /** The whole history, a part at a time. @returns {Promise<Entry[]>} */
  async #history(id) {
    const entries = [];
    for (let more = true; more; ) {
      const part = await this.#service.get(`recordings/${id}/history?after=${entries.at(-1)?.entry ?? -1}`);
      entries.push(...part.entries);
      if (part.damaged) this.#tell(`${part.damaged} lines of it cannot be read and are left out.`);
      more = part.more && part.entries.length > 0;
    }
    return entries;
  }

  async #play(track, time = 0) {
    try {
      if (this.#video.dataset.track !== track || this.#video.hidden) {
        const { url } = await this.#service.send("POST", `recordings/${this.#past.id}/video?track=${track}`);
        this.#video.src = this.#service.url(url).href;
        this.#video.dataset.track = track;
        this.#video.hidden = false;
      }
      this.#video.currentTime = time;
      await this.#video.play();
    } catch (error) {
      if (error.name !== "AbortError") this.#tell(`It cannot be played: ${error.message}`);
    }
  }

  async #download(track) {
    try {
      const { url } = await this.#service.send("POST", `recordings/${this.#past.id}/video?track=${track}`);
      const link = Object.assign(document.createElement("a"), { href: this.#service.url(url).href, download: `${this.#past.id}-${track}.mp4` });
      link.click();
    } catch (error) {
      this.#tell(`There is no such video: ${error.message}`);
    }
  }

  async #rebuild() {
    const id = this.#past.id;
    try {
      await this.#service.send("POST", `recordings/${id}/rebuild`);
      for (;;) {
        const found = await this.#service.get(`recordings/${id}`);
        if (this.#past?.id !== id) return;
        if (found.rebuilding === null) return this.#rebuilt(found);
        this.#tell(`Rebuilding: ${Math.round(found.rebuilding)} s of it done.`);
        await new Promise((resolve) => setTimeout(resolve, POLL_MS));
      }
    } catch (error) {
      this.#tell(`It cannot be rebuilt: ${error.message}`);
    }
  }

  async #rebuilt(recording) {
    if (recording.rebuilding_failed) return this.#tell(`It was not rebuilt: ${recording.rebuilding_failed}`);
    await this.show({ ...this.#past, recording, title: recording.title || this.#past.title });
    this.#tell("It was rebuilt.");
  }

  async #delete() {
    const { id, kept, recording } = this.#past;
    try {
      if (recording) await this.#service.send("DELETE", `recordings/${id}`);
      const own = kept ?? (await this.#vault.calls()).find(({ session }) => session === id);
      if (own) await this.#vault.delete(own.id);
      this.#back();
    } catch (error) {
      this.#tell(`It was not deleted: ${error.message}`);
    }
  }

  #question() {
    const form = document.createElement("form");
    const input = Object.assign(document.createElement("input"), { type: "text", maxLength: 500, required: true, autocomplete: "off", placeholder: "Ask about this session" });
    input.ariaLabel = "Ask about this session";
    const ask = Object.assign(element("button", "Ask", "primary"), { type: "submit" });
    form.append(input, ask);
    form.onsubmit = (event) => {
      event.preventDefault();
      const text = input.value.trim();
      input.value = "";
      if (text) this.#ask(text);
    };
    return form;
  }

  async #ask(text) {
    const item = element("li", "", "exchange");
    const answer = element("p", "", "answer waiting");
    item.append(element("p", text, "question"), answer);
    this.#answers.append(item);
    item.scrollIntoView({ block: "nearest" });
    const body = { messages: [{ role: "user", content: text }], metadata: { session_id: this.#past.id } };
    try {
      const { choices } = await this.#service.send("POST", "v1/chat/completions", body);
      const { content, eyeline } = choices[0].message;
      answer.textContent = content;
      item.append(element("p", MEMORIES[eyeline?.memory] ?? "", "because"), ...this.#based(eyeline?.evidence ?? []));
    } catch (error) {
      answer.append(element("span", `(${error.message})`, "reason"));
    }
    answer.classList.remove("waiting");
    item.scrollIntoView({ block: "nearest" });
  }

  #based(references) {
    const moments = new MomentList(Infinity);
    for (const entry of this.#entries) if (entry.type === "eyeline.memory.moment") moments.add(/** @type {any} */ (entry));
    return references.length ? [evidence(references, moments, (time) => this.#play("camera", time))] : [];
  }

  #tell(text) {
    this.#about.textContent = text;
  }
}
