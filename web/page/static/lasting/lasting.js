/** What lasts: settings, the last calls, past sessions, files of them, and links for viewers. */

import { CLEARED } from "../conversation/panel.js";
import { keep, kept, isSwitch } from "../store.js";
import { About } from "./about.js";
import { dated } from "./dates.js";
import { CallHistory } from "./history.js";
import { joined } from "./joining.js";
import { button, saveButtons, saveCaptions } from "./saving.js";
import { Service } from "./service.js";
import { SessionsTab } from "./sessions.js";
import { Sharing } from "./sharing.js";
import { Vault } from "./vault.js";
import { Watching, watched } from "./watching.js";

const SWITCHES = ["talk", "hold", "look"]; // of the page that are as they were left
const RECENT = 86_400; // seconds for which the last call is offered
const MAX_ENTRIES = 20_000; // of a call that goes on, kept by the page

/** @typedef {import("../here.js").Here} Here */

/** @param {Here} here */
export function addLasting(here) {
  const link = watched(location.hash);
  if (link) return void new Watching(here, link);
  for (const name of SWITCHES) keepSwitch(here.page[name], name);
  const service = new Service(here.key);
  const vault = new Vault();
  const calls = new KeptCalls(vault);
  here.calls.addEventListener("open", ({ detail }) => calls.follow(detail.client));
  saving(here, calls);
  const sessions = new SessionsTab(here.slot("sessions"), service, vault);
  offerSessions(here, sessions);
  offerLast(here, vault, sessions);
  here.slot("about").append(new About(service).root);
  here.slot("exports").append(new Sharing(service, () => calls.live).root);
}

/** A switch of the page that is as it was left. */
function keepSwitch(input, name) {
  const before = kept(name, isSwitch);
  if (before !== undefined && before !== input.checked) {
    input.checked = before;
    input.dispatchEvent(new Event("change"));
  }
  input.addEventListener("change", () => keep(name, input.checked));
}

/** The calls of this page, one after another: their entries, which the vault has too. */
class KeptCalls {
  /** @type {import("./joining.js").PageCall[]} */ calls = [];
  #vault;
  /** @type {import("../eyeline.js").EyelineClient | null} */ #client = null;

  /** @param {Vault} vault */
  constructor(vault) {
    this.#vault = vault;
  }

  /** @param {import("../eyeline.js").EyelineClient} client */
  follow(client) {
    this.#client = client;
    new CallHistory(client, (entry) => this.#add(entry));
    client.addEventListener("event", ({ detail }) => {
      if (detail.type === "session.created" && detail.session.id !== this.calls.at(-1)?.id) this.#begin(detail.session.id, client.now);
      if (detail.type === CLEARED) this.clear(); // before the page was loaded again
    });
  }

  /** The id of the session that goes on, or empty. */
  get live() {
    return this.#client?.state === "live" ? (this.calls.at(-1)?.id ?? "") : "";
  }

  /** The user clears the conversation; the vault keeps its calls. */
  clear() {
    const last = this.calls.at(-1);
    this.calls = last ? [{ ...last, entries: [] }] : [];
  }

  #begin(id, at) {
    this.calls.push({ id, at: new Date(at), entries: [] });
    this.#vault.begin(id, at);
  }

  #add(entry) {
    const entries = this.calls.at(-1)?.entries;
    if (!entries) return;
    entries.push(entry);
    if (entries.length > MAX_ENTRIES) entries.shift();
    this.#vault.add(entry);
  }
}

/** @param {Here} here @param {KeptCalls} kept */
function saving(here, kept) {
  const current = () => {
    const at = kept.calls[0]?.at ?? new Date();
    const title = `Conversation of ${dated(at.getTime() / 1000)}`;
    return { entries: joined(kept.calls), title, at, name: kept.calls[0]?.id ?? "conversation" };
  };
  here.page.download.onclick = () => saveCaptions(current(), "vtt");
  here.page.clearing.addEventListener("close", () => here.page.clearing.returnValue === "clear" && kept.clear());
  here.slot("exports").append(...saveButtons(current, ["srt", "txt", "json"]));
}

/** @param {Here} here @param {SessionsTab} sessions */
function offerSessions(here, sessions) {
  here.tabs.offer("sessions");
  const tab = here.page.tabs.querySelector('[data-tab="sessions"]');
  tab.addEventListener("click", () => sessions.show());
  tab.addEventListener("focus", () => here.tabs.shown === "sessions" && sessions.show());
}

/** After a reload: the call before it is a click away. @param {Here} here @param {Vault} vault @param {SessionsTab} sessions */
async function offerLast(here, vault, sessions) {
  const [last] = await vault.calls();
  if (!last?.title || Date.now() / 1000 - last.started > RECENT) return;
  const open = button("Open your last call", () => (here.tabs.show("sessions"), sessions.openKept(last)));
  here.page["stream-empty"].append(open);
}
