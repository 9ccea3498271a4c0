/** The Draw tab: sends prompts, paths and settings as protocol events, and shows the status. */

import { FilmStrip } from "./draw/film.js";
import { DRAWN, KeptDrawing } from "./draw/kept_drawing.js";
import { Palette } from "./draw/palette.js";
import { HandPaths } from "./draw/paths.js";
import { DrawSettings } from "./draw/settings.js";
import { PictureRecorder } from "./recorder.js";
import { UNAVAILABLE, drawOffer, drawReport, drawThings, nameThings } from "./drawing_view.js";

const EVENT = "drawing_"; // prefix of our event ids: errors refer to them

/** @typedef {import("./eyeline.js").EyelineClient} EyelineClient */
/** @typedef {import("./types.js").Draws} Draws */
/** @typedef {import("./types.js").DrawingStatus} DrawingStatus */

/** Generation on the page: the controls keep their values from call to call. */
export class DrawingBoard {
  #page;
  #recorder;
  #palette;
  #film;
  #paths;
  /** @type {EyelineClient | null} */ #client = null;
  /** @type {Draws | null | undefined} undefined: not known yet */ #draws;
  /** @type {DrawingStatus | null} */ #status = null;
  #settings;
  #enabled = false;
  #paused = false;
  #reason = ""; // why no video is generated
  #refusal = "";
  #prompt = "";
  #events = 0;

  /**
   * @param {Record<string, any>} page its parts
   * @param {(event: {type: string, [field: string]: unknown}) => void} note keeps what is drawn for a page that is loaded again
   */
  constructor(page, note) {
    this.#page = page;
    const keep = new KeptDrawing(note);
    this.#palette = new Palette(page["draw-palette"], page.camera, (prompt) => this.#suggest(prompt, this.#enabled), (event) => this.#send(event));
    const play = {
      begin: () => this.#restart(),
      prompt: (text) => this.#suggest(text, true),
      path: (thing, points) => this.#send({ type: "eyeline.track.append", thing, points }),
    };
    const now = () => this.#client?.now ?? performance.timeOrigin + performance.now();
    this.#film = new FilmStrip(page["draw-film"], play, { now, keep });
    this.#paths = new HandPaths(page, this.#film, keep, {
      send: (event) => this.#send(event),
      choose: (thing) => this.#choose(thing),
      clear: (thing) => this.#clear(thing),
    });
    this.#settings = new DrawSettings(page, {
      set: (changes) => this.#enabled && this.#update(changes), // before the start they are sent with it
      say: () => this.#enabled && this.#say(),
    });
    this.#recorder = new PictureRecorder((recording) => this.#showRecording(recording));
    this.#listen();
    page.record.onclick = () => this.#record();
    page["track-clear"].onclick = () => this.#clear();
    page["thing-first"].onchange = () => this.#choose(0);
    page["thing-second"].onchange = () => this.#choose(1);
    this.#offer();
    this.#show();
  }

  /** A call starts; its events say what it can generate. @param {EyelineClient} client */
  attach(client) {
    this.detach();
    this.#client = client;
  }

  /** The call is over. */
  detach() {
    this.#recorder.stop();
    this.#settings.stop();
    this.#client = this.#status = null;
    this.#draws = undefined;
    this.#settings.offer(undefined);
    this.#enabled = this.#paused = false;
    this.#reason = this.#refusal = "";
    this.#film.stop();
    this.#paths.forget();
    this.#palette.clear();
    this.#offer();
    this.#show();
  }

  /** Handle a server event; ignore those of other features. */
  receive(event) {
    if (!this.#client) return;
    if (this.#palette.receive(event)) this.#nameThings();
    else if (event.type === DRAWN) (this.#film.redo(event), this.#paths.redo(event));
    else if (event.type === "session.created" || event.type === "session.updated") this.#offered(event.session);
    else if (event.type === "eyeline.generation.updated") this.#updated(event.generation);
    else if (event.type === "eyeline.generation.status") this.#report(event);
    else if (event.type === "eyeline.notice") this.#notice(event.message);
  }

  /**
   * Handle an error event.
   * @param {{message: string, event_id?: string | null}} error
   * @returns {boolean} whether it belongs to this tab, which then shows it
   */
  refused({ message, event_id: cause }) {
    if (!cause?.startsWith(EVENT)) return false;
    if (this.#palette.refused(message, cause)) return true;
    this.#refusal = message;
    this.#show();
    return true;
  }

  #listen() {
    const page = this.#page;
    page["draw-form"].onsubmit = (event) => {
      event.preventDefault();
      this.#begin();
    };
    page["draw-end"].onclick = () => this.#update({ enabled: false });
    page.prompt.oninput = () => this.#nameThings();
    page.pause.onclick = () => this.#update({ paused: !this.#paused });
    page["step-once"].onclick = () => this.#update({ paused: true, step: true });
    page.reset.onclick = () => this.#restart();
  }

  /** Start generation with the prompt, or change the prompt. */
  #begin() {
    const text = this.#page.prompt.value.trim();
    if (!text || !this.#settings.valid) return;
    this.#prompt = text;
    if (!this.#enabled) {
      if (!this.#film.playing) this.#film.begin();
      this.#update({ enabled: true, paused: false, ...this.#settings.values });
    }
    this.#film.prompt(text);
    this.#say();
  }

  /** Put a prompt into its box. @param {string} prompt @param {boolean} drawn whether to draw it at once */
  #suggest(prompt, drawn) {
    this.#page.prompt.value = prompt;
    this.#nameThings();
    if (drawn) this.#begin();
  }

  /** Draw from the start, without paths. */
  #restart() {
    this.#paths.forget();
    this.#film.begin();
    if (this.#enabled) this.#update({ reset: true });
  }

  /** Send the prompt, or two prompts with their weights. */
  #say() {
    if (this.#prompt) this.#send({ type: "eyeline.prompt.set", ...this.#settings.blended(this.#prompt) });
  }

  #choose(thing) {
    this.#page[thing ? "thing-second" : "thing-first"].checked = true;
    this.#paths.choose(thing);
  }

  /** @param {number} [thing] none: both */
  #clear(thing) {
    this.#paths.clear(thing);
    this.#send({ type: "eyeline.track.clear", ...(thing === undefined ? {} : { thing }) });
  }

  #update(changes) {
    this.#send({ type: "eyeline.generation.update", ...changes });
  }

  /** @returns {string} its id; empty: it was not sent */
  #send(event) {
    if (this.#client?.state !== "live" || !this.#draws) return "";
    if (this.#refusal) {
      this.#refusal = "";
      this.#show();
    }
    const id = `${EVENT}${(this.#events += 1)}`;
    this.#client.send({ ...event, event_id: id });
    return id;
  }

  #nameThings() {
    drawThings(this.#page, [...this.#palette.own, ...(this.#draws?.things ?? [])], this.#page.prompt.value);
  }

  #offered(session) {
    const draws = session.eyeline?.generation ?? null;
    if (JSON.stringify(draws) === JSON.stringify(this.#draws)) return;
    this.#draws = draws;
    this.#settings.offer(draws);
    this.#offer();
    this.#palette.offer(draws).then(() => this.#offer()); // with pictures
    this.#nameThings();
    this.#show();
  }

  #offer() {
    drawOffer(this.#page, this.#draws, this.#reason, this.#palette, (prompt) => {
      this.#page.prompt.focus();
      this.#suggest(prompt, false);
    });
  }

  #notice(message) {
    const why = UNAVAILABLE.exec(message);
    if (!why) return;
    this.#reason = why[1];
    this.#offer();
  }

  #updated(generation) {
    const { enabled, paused, prompt, readings } = generation;
    if (this.#client.restoring && prompt[0]) {
      this.#page.prompt.value = this.#prompt = prompt[0].text;
      this.#settings.show(generation);
    }
    if (this.#enabled && !enabled) {
      this.#film.stop();
      this.#paths.forget();
    }
    const reading = readings?.[0];
    if (reading?.caption) {
      this.#palette.press(reading);
      nameThings(this.#page, reading.things.map(({ name }) => name));
    }
    this.#enabled = enabled;
    this.#paused = paused;
    this.#show();
  }

  #report(status) {
    this.#status = status;
    this.#show();
  }

  #record() {
    if (this.#recorder.recording) this.#recorder.stop();
    else this.#recorder.start(this.#client.remote, "eyeline-drawing");
  }

  #showRecording(recording) {
    this.#page.record.textContent = recording ? "Stop recording" : "Record";
    this.#page.record.ariaPressed = String(recording);
  }

  #show() {
    const page = this.#page;
    const possible = Boolean(this.#client && this.#draws);
    const shown = this.#enabled && ["drawing", "paused"].includes(this.#status?.state);
    page["draw-controls"].disabled = !possible;
    page.record.disabled = !possible || !PictureRecorder.possible;
    page["draw-begin"].textContent = this.#enabled ? "Change" : "Draw";
    page["draw-end"].hidden = !this.#enabled;
    page.pause.textContent = this.#paused ? "Resume" : "Pause";
    page.pause.ariaPressed = String(this.#paused);
    for (const name of ["pause", "step-once", "reset", "track-clear"]) page[name].disabled = !this.#enabled;
    page.draw.dataset.drawing = page.stage.dataset.generated = shown ? "on" : "off";
    page["generated-what"].textContent = shown ? "live, by a small model" : "returned with captions";
    this.#paths.show(shown);
    drawReport(page, this.#enabled ? this.#status : null, { steps: this.#settings.steps, rate: this.#draws?.rate ?? 0, refusal: this.#refusal });
  }
}
