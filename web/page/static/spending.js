/** What a call spends on the video that it sends, in words. */

/** @typedef {import("./types.js").SteeringEvent} SteeringEvent */
/** @typedef {import("./browser_stats.js").Measured} Measured */

const LACKS = {
  focus: "this browser cannot blur what is not relevant",
  layers: "this codec has no temporal layers here",
  limits: "this browser cannot limit its video",
};

/** Shows what is sent in one line, if it is switched on. */
export class SpendingLine {
  #line;
  #shown = false;
  /** @type {SteeringEvent | null} */ #steering = null;
  #before = { bytes: 0, at: 0 };

  /** @param {HTMLElement} line */
  constructor(line) {
    this.#line = line;
  }

  /** @param {boolean} shown */
  show(shown) {
    this.#shown = shown;
    this.#line.hidden = !shown || !this.#line.textContent;
  }

  /** @param {SteeringEvent} steering */
  steer(steering) {
    this.#steering = steering;
  }

  /** @param {Measured & {done: {focused: boolean, lacking: Set<string>}}} own */
  measured({ sent, done }) {
    const { bytes, at } = this.#before;
    this.#before = sent;
    const counted = at && sent.at > at && sent.bytes >= bytes;
    const bitrate = counted ? (8000 * (sent.bytes - bytes)) / (sent.at - at) : null;
    this.#line.textContent = spendingText(sent, bitrate, this.#steering, done);
    this.show(this.#shown);
  }

  clear() {
    this.#steering = null;
    this.#before = { bytes: 0, at: 0 };
    this.#line.textContent = "";
    this.show(this.#shown);
  }
}

/**
 * One line about what is sent, its limits, and why they are what they are.
 * @param {{width: number, height: number, fps: number | null}} sent
 * @param {number | null} bitrate bit/s
 * @param {SteeringEvent | null} steering
 * @param {{focused: boolean, lacking: Set<string>}} done
 */
export function spendingText(sent, bitrate, steering, { focused, lacking }) {
  const parts = [];
  if (sent.width) parts.push(`${sent.width} × ${sent.height}`);
  parts.push(limited(sent.fps, steering?.encoding.maxFramerate, "fps"));
  const kbps = (value) => (value === null || value === undefined ? value : value / 1000);
  parts.push(limited(kbps(bitrate), kbps(steering?.encoding.maxBitrate), "kbit/s"));
  const notes = steering ? [steering.message] : [];
  if (focused) notes.push("blurs what is not relevant");
  for (const name of lacking) if (name !== "focus" || steering?.focus) notes.push(LACKS[name]);
  const sending = parts.filter(Boolean).join(", ");
  return notes.length ? `Sends ${sending}: ${notes.join("; ")}.` : `Sends ${sending}.`;
}

function limited(value, most, unit) {
  if (value === null || value === undefined) return "";
  const shown = Math.round(value);
  return most ? `${shown} of at most ${Math.round(most)} ${unit}` : `${shown} ${unit}`;
}
