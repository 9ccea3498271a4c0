/** How good the connection is, and what to do when the machine is behind, in words. */

const SLOW = 0.3; // seconds of round trip from which a conversation suffers, ITU-T G.114 for both ways
const VERY_SLOW = 0.8;
const LOSSY = 0.03; // share of lost packets that can be seen and heard
const VERY_LOSSY = 0.12;

/** @typedef {import("../types.js").Stats} Stats */

/**
 * @param {Stats} stats
 * @returns {{grade: "" | "good" | "weak" | "bad", words: string}} empty while nothing is known
 */
export function qualityOf({ round_trip: trip, loss }) {
  if (trip == null && loss == null) return { grade: "", words: "" };
  const reasons = [];
  if (loss >= LOSSY) reasons.push(`${Math.round(100 * loss)} % is lost on the way`);
  if (trip >= SLOW) reasons.push(`${trip.toFixed(1)} s to the server and back`);
  if (!reasons.length) return { grade: "good", words: "good connection" };
  const bad = loss >= VERY_LOSSY || trip >= VERY_SLOW;
  return { grade: bad ? "bad" : "weak", words: `${bad ? "bad" : "weak"} connection: ${reasons.join(", ")}` };
}

/**
 * What to do about a server that is behind.
 * @param {{drawing: boolean}} now whether this call generates video
 */
export function adviceFor({ drawing }) {
  if (drawing) return "Ending the drawing gives it time to catch up.";
  return "It catches up in pauses. Other calls or programs on the server may take its time; a smaller model needs less.";
}
