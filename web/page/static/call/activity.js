/** What the service does now, in a word: it listens, hears somebody, thinks or speaks. */

const PLAYING = {
  "output_audio_buffer.started": true,
  "output_audio_buffer.stopped": false,
  "output_audio_buffer.cleared": false,
};
const HEARING = { "input_audio_buffer.speech_started": true, "input_audio_buffer.speech_stopped": false };

/**
 * @typedef {object} ActivityState
 * @property {boolean} hearing somebody speaks
 * @property {boolean} playing an answer is heard
 * @property {boolean} interrupted the last answer was, by speech
 * @property {readonly string[]} answering ids of the responses in progress
 */

/** @type {ActivityState} */
export const QUIET = { hearing: false, playing: false, interrupted: false, answering: [] };

/** The state after a server event. @param {ActivityState} state @param {any} event @returns {ActivityState} */
export function after(state, event) {
  if (event.type in HEARING) {
    const hearing = HEARING[event.type];
    return { ...state, hearing, interrupted: state.interrupted && hearing };
  }
  if (event.type in PLAYING) {
    const cut = event.type === "output_audio_buffer.cleared" && state.hearing;
    return { ...state, playing: PLAYING[event.type], interrupted: state.interrupted || cut };
  }
  if (event.type === "response.created") return { ...state, answering: [...state.answering, event.response.id] };
  if (event.type !== "response.done") return state;
  const { id, status_details: details } = event.response;
  const cut = details?.reason === "turn_detected";
  return { ...state, answering: state.answering.filter((each) => each !== id), interrupted: state.interrupted || cut };
}

/**
 * The state in words, and its kind for the picture.
 * @param {ActivityState} state
 * @param {{muted: boolean, holds: boolean, talks: boolean}} microphone `holds`: it is open while a key is held;
 *   `talks`: what is said is answered
 * @returns {{kind: "listening" | "hearing" | "thinking" | "speaking" | "muted", words: string}}
 */
export function described({ hearing, playing, interrupted, answering }, { muted, holds, talks }) {
  if (hearing && !muted) return { kind: "hearing", words: interrupted ? "Interrupted: listening to you" : "Hears you" };
  if (playing) return { kind: "speaking", words: talks && !muted ? "Speaking: talk to interrupt" : "Speaking" };
  if (answering.length) return { kind: "thinking", words: "Thinking" };
  if (muted) return { kind: "muted", words: holds ? "Hold space to talk" : "Muted" };
  return { kind: "listening", words: "Listening" };
}
