/** The Sessions tab: past sessions that the server recorded, and calls that this browser has kept. */

import { clock } from "../captions.js";
import { element } from "../view.js";
import { dated } from "./dates.js";
import { OpenedSession } from "./opened.js";
import { button } from "./saving.js";

const STATES = { live: "being recorded", cut_off: "cut off", broken: "broken" };
const TITLE = "Untitled session";

/** @typedef {import("./vault.js").Call} Call */
/** @typedef {{id: string, title: string, started: number, seconds: number | null, image: string | null, marks: string[], kept: Call | null, recording: any}} Past */

export class SessionsTab {
  #panel;
  #service;
  #vault;
  #list = element("ol", "", "past");
  #about = element("p", "", "hint");
  #more;
  #next = "";
  /** @type {Map<string, Past>} */ #shown = new Map();
  #opened;

  /**
   * @param {HTMLElement} panel @param {import("./service.js").Service} service
   * @param {import("./vault.js").Vault} vault
   */
  constructor(panel, service, vault) {
    this.#panel = panel;
    this.#service = service;
    this.#vault = vault;
    this.#more = button("Show older ones", () => this.#load(this.#next));
    this.#about.setAttribute("role", "status");
    this.#opened = new OpenedSession(service, vault, () => this.show());
    panel.classList.add("lasting");
  }

  /** Show the list, the newest first. */
  async show() {
    const head = element("header", "");
    head.append(element("h2", "Past sessions"), button("Refresh", () => this.show()));
    this.#opened.close();
    this.#panel.replaceChildren(head, this.#about, this.#list, this.#more);
    this.#list.replaceChildren();
    this.#shown.clear();
    await this.#load("");
  }

  async #load(before) {
    this.#more.hidden = true;
    const [recorded, kept] = await Promise.all([this.#recorded(before), before ? [] : this.#vault.calls()]);
    const known = new Set(recorded.map(({ id }) => id));
    const own = kept.filter(({ session }) => !known.has(session)).map(ofBrowser);
    const past = [...recorded.map(ofServer), ...own].sort((one, two) => two.started - one.started);
    for (const each of past) this.#shown.set(each.id, each);
    this.#list.append(...past.map((each) => this.#item(each)));
    this.#more.hidden = !this.#next;
    if (!this.#shown.size && !this.#about.textContent) this.#about.textContent = "No past sessions yet.";
  }

  /** A page of the server's recordings; none if it records nothing or does not answer. */
  async #recorded(before) {
    const query = new URLSearchParams({ limit: "30", ...(before && { before }) });
    const own = (await this.#vault.works) ? "Calls are kept in this browser alone." : "This browser keeps nothing: a reload forgets the call.";
    try {
      const { recorded, recordings, next } = await this.#service.get(`recordings?${query}`);
      this.#next = next ?? "";
      this.#about.textContent = recorded ? "" : `The server records no sessions. ${own}`;
      return recordings;
    } catch (error) {
      this.#next = "";
      this.#about.textContent = `The server's recordings cannot be listed: ${error.message} ${own}`;
      return [];
    }
  }

  #item(past) {
    const item = document.createElement("li");
    const open = button("", () => this.#open(past));
    const picture = past.image ? Object.assign(document.createElement("img"), { src: past.image, alt: "" }) : element("span", "", "no-picture");
    const words = element("span", "", "words");
    words.append(element("b", past.title || TITLE), element("span", [dated(past.started), ...lasted(past.seconds), ...past.marks].join(" · "), "when"));
    open.append(picture, words);
    item.append(open);
    return item;
  }

  /** Show a call that this browser has kept. @param {Call} call */
  openKept(call) {
    return this.#open(ofBrowser(call));
  }

  async #open(past) {
    this.#panel.replaceChildren(this.#opened.root);
    await this.#opened.show({ ...past, title: past.title || TITLE });
  }
}

/** @returns {Past} */
function ofServer(recording) {
  const { id, title, started, seconds, image, state } = recording;
  const marks = [...(STATES[state] ? [STATES[state]] : []), ...(recording.rebuilt ? ["rebuilt"] : [])];
  return { id, title, started, seconds, image, marks, kept: null, recording };
}

/** @param {Call} call @returns {Past} */
function ofBrowser(call) {
  return { id: call.session, title: call.title, started: call.started, seconds: null, image: null, marks: ["in this browser"], kept: call, recording: null };
}

const lasted = (seconds) => (seconds === null ? [] : [clock(seconds)]);
