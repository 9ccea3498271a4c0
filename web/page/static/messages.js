/** What a client sends of the Realtime protocol, and how it reads what comes. */

/** The first event of a call: captions as events of their own, answers only on request. @param {object} session */
export function opening(session) {
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

/** A typed question as an item of the conversation. @param {string} id @param {string} text */
export function questionOf(id, text) {
  const item = { id, type: "message", role: "user", content: [{ type: "input_text", text }] };
  return { type: "conversation.item.create", event_id: `${id}_item`, item };
}

/** The request for its answer. @param {string} id @param {boolean} spoken */
export function answerTo(id, spoken) {
  const response = { output_modalities: [spoken ? "audio" : "text"], metadata: { "eyeline.question": id } };
  return { type: "response.create", event_id: `${id}_response`, response };
}

/** The number of an event, which grows in a session; NaN without an id. @param {string | undefined} id */
export function numberOf(id) {
  return id ? Number(id.slice(id.lastIndexOf("_") + 1)) : NaN;
}

/** The number of the typed question that an event has, 0 if it has none. @param {any} event */
export function questionIn({ id, item }) {
  return Number(/^question_(\d+)$/.exec(item?.id ?? id ?? "")?.[1] ?? 0);
}
