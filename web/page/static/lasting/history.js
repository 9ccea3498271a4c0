/**
 * What happens in a call, as the entries that the server's history has too: final captions, translations,
 * speakers, moments, questions, whole answers, and standing requests that were met.
 */

/** @typedef {{type: string, [field: string]: any}} Entry */

const TYPES = {
  caption: "eyeline.caption",
  translation: "eyeline.translation",
  speakers: "eyeline.speakers",
  moment: "eyeline.memory.moment",
};

/** Listens to a client, and calls `add` with each entry. */
export class CallHistory {
  #client;
  #add;
  /** @type {Map<string, object[]>} by response */ #evidence = new Map();

  /** @param {import("../eyeline.js").EyelineClient} client @param {(entry: Entry) => void} add */
  constructor(client, add) {
    this.#client = client;
    this.#add = add;
    const on = (name, act) => client.addEventListener(name, ({ detail }) => act(detail));
    for (const [name, type] of Object.entries(TYPES)) on(name, (event) => this.#told(type, event));
    on("event", (event) => this.#receive(event));
  }

  #told(type, event) {
    if (event.final === false || (type === TYPES.caption && !event.text)) return;
    const { event_id: _, ...fields } = event;
    this.#add({ ...fields, type });
  }

  #receive(event) {
    if (event.type === "conversation.item.added") this.#asked(event.item);
    else if (event.type === "eyeline.answer.evidence") this.#evidence.set(event.response_id, event.moments);
    else if (event.type === "response.done") this.#answered(event.response);
  }

  #asked({ id, type, role, content }) {
    const text = (content ?? []).map((part) => part.text ?? "").join("").trim();
    if (type === "message" && role === "user" && text) this.#add({ type: "question", id, text, time: this.#client.seconds, pictures: 0 });
  }

  #answered({ id, status, output, metadata, status_details: details }) {
    const parts = (output ?? []).flatMap((item) => item.content ?? []);
    const text = parts.map((part) => part.text ?? part.transcript ?? "").join("").trim();
    const moments = this.#evidence.get(id) ?? [];
    this.#evidence.delete(id);
    const request = metadata?.["eyeline.request"];
    if (request) this.#add({ type: "request_met", request, text, moment: { time: this.#client.seconds, ...moments[0] } });
    else if (text || status !== "completed") this.#add({ type: "answer", id, text, time: this.#client.seconds, status, reason: details?.error?.message ?? "", moments });
  }
}
