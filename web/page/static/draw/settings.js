/** How video is generated: sampler, steps, seed, a second prompt, the camera as a source. */

const SOON_MS = 100; // interval of the events of a dragged slider
const PERCENT = 100;

/** @typedef {import("../types.js").Draws} Draws */
/** @typedef {{text: string, weight: number}} Part of a prompt */

/** The controls of these settings, which keep their values from call to call. */
export class DrawSettings {
  #page;
  #acts;
  /** @type {Draws | null | undefined} */ #draws;
  /** @type {Map<string, number>} delayed changes by name */ #soon = new Map();

  /**
   * @param {Record<string, any>} page its parts
   * @param {{set: (changes: Record<string, unknown>) => void, say: () => void}} acts settings were changed, or the prompt was
   */
  constructor(page, acts) {
    this.#page = page;
    this.#acts = acts;
    page["prompt-second"].onchange = () => this.#second();
    page.blend.oninput = () => {
      page["blend-value"].textContent = `${page.blend.value} %`;
      this.#later("prompt", acts.say);
    };
    page.sampler.onchange = () => this.#sample();
    page.steps.onchange = () => page.steps.reportValidity() && acts.set({ steps: this.#steps });
    page.seed.onchange = () => page.seed.reportValidity() && acts.set({ seed: Number(page.seed.value) });
    page["from-camera"].onchange = () => {
      page.strength.disabled = !page["from-camera"].checked;
      acts.set({ source: this.#source });
    };
    page.strength.oninput = () => {
      page["strength-value"].textContent = `${page.strength.value} %`;
      this.#later("strength", () => acts.set({ strength: this.#strength }));
    };
  }

  /** @param {Draws | null | undefined} draws what the server can generate */
  offer(draws) {
    this.#draws = draws;
  }

  /** Whether all can be sent; the browser shows what cannot. */
  get valid() {
    return this.#page.steps.reportValidity() && this.#page.seed.reportValidity();
  }

  /** All of them, as a message has them. */
  get values() {
    const { sampler, seed } = this.#page;
    return { sampler: sampler.value, steps: this.#steps, seed: Number(seed.value), source: this.#source, strength: this.#strength };
  }

  /** The number of steps that is asked for, or that the sampler has; null if neither is known. */
  get steps() {
    return this.#steps ?? this.#draws?.samplers[this.#page.sampler.value] ?? null;
  }

  /** A prompt, or two with their weights, as a message has them. @param {string} text */
  blended(text) {
    const page = this.#page;
    const [second, share] = [page["prompt-second"].value.trim(), Number(page.blend.value) / PERCENT];
    /** @type {Part[]} */
    const blend = [{ text, weight: 1 - share }, { text: second, weight: share }];
    return second ? { blend } : { text };
  }

  /** Show what is in effect. @param {any} generation of `eyeline.generation.updated` */
  show({ prompt, sampler, steps, seed, source, strength }) {
    const page = this.#page;
    const [, second] = prompt;
    page["prompt-second"].value = second?.text ?? "";
    page.blend.value = String(Math.round(PERCENT * (second?.weight ?? 0)));
    page.blend.disabled = !second;
    page.sampler.value = sampler;
    page.steps.value = steps ?? "";
    page.seed.value = seed;
    page["from-camera"].checked = source === "camera";
    page.strength.value = String(Math.round(PERCENT * strength));
    page.strength.disabled = source !== "camera";
    page["blend-value"].textContent = `${page.blend.value} %`;
    page["strength-value"].textContent = `${page.strength.value} %`;
  }

  /** Nothing of a dragged slider is sent any more. */
  stop() {
    for (const timer of this.#soon.values()) clearTimeout(timer);
    this.#soon.clear();
  }

  get #source() {
    return this.#page["from-camera"].checked ? "camera" : "none";
  }

  get #strength() {
    return Number(this.#page.strength.value) / PERCENT;
  }

  /** The number of steps; null is the default of the sampler. */
  get #steps() {
    const { value } = this.#page.steps;
    return value === "" ? null : Number(value);
  }

  #second() {
    const page = this.#page;
    const second = page["prompt-second"].value.trim();
    if (Boolean(second) === page.blend.disabled) page.blend.value = second ? "50" : "0"; // the second prompt was added or removed
    page.blend.disabled = !second;
    page["blend-value"].textContent = `${page.blend.value} %`;
    this.#acts.say();
  }

  #sample() {
    const page = this.#page;
    page.steps.value = "";
    page.steps.placeholder = this.#draws?.samplers[page.sampler.value] ?? "";
    this.#acts.set({ sampler: page.sampler.value, steps: null });
  }

  #later(name, act) {
    if (this.#soon.has(name)) return;
    const send = () => {
      this.#soon.delete(name);
      act();
    };
    this.#soon.set(name, setTimeout(send, SOON_MS));
  }
}
