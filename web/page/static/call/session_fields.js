/** What a call asks of its session. */

const PAUSE_MS = 1000; // turns end late, so that sentences stay in one caption

/**
 * The fields of a session: answers to typed questions only, or to speech too and as speech.
 * @param {{talk: boolean, languages: import("../languages.js").LanguageChoice}} choice
 */
export function sessionFields({ talk, languages }) {
  // Without it, speech in the room must not interrupt a text answer.
  const voice = { create_response: talk, interrupt_response: talk };
  // In a conversation the words decide when a turn is over; captions alone have time.
  const detection = talk
    ? { type: "semantic_vad", eagerness: "auto", ...voice }
    : { type: "server_vad", silence_duration_ms: PAUSE_MS, ...voice };
  const { transcription, eyeline } = languages.session;
  const output_modalities = [talk ? "audio" : "text"];
  return { type: "realtime", output_modalities, audio: { input: { turn_detection: detection, transcription } }, eyeline };
}
