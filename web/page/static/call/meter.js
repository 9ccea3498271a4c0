/** How loud the microphone is, and whether anything comes from it at all. */

const FLOOR_DB = -60; // shown as nothing
const SIZE = 1024; // samples for one look: 21 ms at 48 kHz
const LOOK_MS = 80;
const SILENT_MS = 6000; // of nothing but zeros, which no room is

/** Measures the sound of one stream at a time. */
export class LevelMeter {
  #show;
  /** @type {AudioContext | null} */ #sound = null;
  #looks = 0;

  /** @param {(level: number, dead: boolean) => void} show `level` from 0 to 1; `dead`: nothing has come for seconds */
  constructor(show) {
    this.#show = show;
  }

  /** @param {MediaStream} stream */
  open(stream) {
    this.close();
    if (!stream.getAudioTracks().length) return;
    const sound = (this.#sound = new AudioContext());
    const analyser = new AnalyserNode(sound, { fftSize: SIZE });
    sound.createMediaStreamSource(stream).connect(analyser);
    const samples = new Float32Array(SIZE);
    let heard = performance.now();
    this.#looks = setInterval(() => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, each) => sum + each * each, 0) / SIZE;
      const open = stream.getAudioTracks().some((track) => track.enabled);
      if (power > 0 || !open || sound.state !== "running") heard = performance.now();
      this.#show(levelOf(power), performance.now() - heard > SILENT_MS);
    }, LOOK_MS);
  }

  close() {
    clearInterval(this.#looks);
    this.#sound?.close();
    this.#sound = null;
    this.#show(0, false);
  }
}

/** Loudness from 0 to 1, by decibels. @param {number} power mean square of samples in [-1, 1] */
export function levelOf(power) {
  const decibels = 10 * Math.log10(power || Number.MIN_VALUE);
  return Math.min(1, Math.max(0, 1 - decibels / FLOOR_DB));
}
