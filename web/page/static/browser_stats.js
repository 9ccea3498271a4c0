/** Reads what a call needs of a browser's statistics. */

/**
 * @typedef {object} Measured
 * @property {number | null} fps of the returned video
 * @property {number} width
 * @property {number} height
 * @property {number | null} roundTrip seconds
 * @property {{fps: number | null, width: number, height: number, bytes: number, at: number}} sent
 *   the sent video; `bytes` counts up to `at`, in ms
 */

/** @param {{getStats: () => Promise<RTCStatsReport>} | null} peer @returns {Promise<Measured>} */
export async function readStats(peer) {
  /** @type {Measured["sent"]} */
  const sent = { fps: null, width: 0, height: 0, bytes: 0, at: 0 };
  /** @type {Measured} */
  const found = { fps: null, width: 0, height: 0, roundTrip: null, sent };
  const report = await peer?.getStats();
  report?.forEach((entry) => {
    if (entry.type === "inbound-rtp" && entry.kind === "video") Object.assign(found, shape(entry));
    else if (entry.type === "outbound-rtp" && entry.kind === "video") {
      Object.assign(sent, shape(entry), { bytes: entry.bytesSent, at: entry.timestamp });
    } else if (entry.type === "candidate-pair" && entry.nominated) {
      found.roundTrip = entry.currentRoundTripTime ?? null;
    }
  });
  return found;
}

/** @param {RTCInboundRtpStreamStats & RTCOutboundRtpStreamStats} entry */
function shape(entry) {
  return {
    fps: entry.framesPerSecond ?? 0,
    width: entry.frameWidth ?? 0,
    height: entry.frameHeight ?? 0,
  };
}
