/** What a call sends, which may change while it runs: a camera, a screen or a clip, and a sound. */

import { Emitter } from "../events.js";
import { openCamera, openOne, permission } from "./camera.js";
import { openAddress, openClip, openFile } from "./clip.js";
import { found, listDevices, nextCamera, watchDevices } from "./devices.js";
import { InputError, lost } from "./errors.js";
import { mixed } from "./mixing.js";
import { openScreen } from "./screen.js";

/** @typedef {import("./errors.js").Problem} Problem */
/** @typedef {import("./source.js").Picture} Picture */
/** @typedef {import("./source.js").Source} Source */
/** @typedef {import("./camera.js").Kind} Kind */

const SAMPLE = new URL("../sample.webm", import.meta.url).href;
const DEVICES = /** @type {const} */ ({ video: "camera", audio: "microphone" });

/**
 * The payload of each event, in `detail`. `track`: to be sent from now on, null: nothing of this kind;
 * `source`: the picture has another one; `problem`: a device is gone, or was not there; `solved`: it is back.
 * @typedef {object} InputEvents
 * @property {{kind: Kind, track: MediaStreamTrack | null}} track
 * @property {{kind: Source["kind"], name: string}} source
 * @property {Problem & {kind: Kind}} problem
 * @property {{kind: Kind}} solved
 */

/**
 * The inputs of a call.
 * @extends {Emitter<InputEvents>}
 */
export class Inputs extends Emitter {
  /** What is sent: at most one track of each kind. It stays the same object. */
  stream = new MediaStream();
  /** @type {Picture} what is shown, or will be */ picture;
  #microphone; // id
  #open = false;
  /** @type {MediaStreamTrack | null} */ #camera = null;
  /** @type {MediaStreamTrack | null} of the microphone */ #sound = null;
  /** @type {Source | null} in place of the camera */ #source = null;
  /** @type {{of: MediaStreamTrack[], track: MediaStreamTrack, close: () => void} | null} */ #mix = null;
  /** @type {Map<Kind, import("./devices.js").DeviceChoice>} unplugged, to be used again */ #gone = new Map();
  /** @type {Promise<unknown>} one change after the other */ #turn = Promise.resolve();
  #unwatch = () => {};

  /** @param {{picture?: Picture, microphone?: string}} [wanted] the camera, and the browser's default devices, if not given */
  constructor({ picture = { kind: "camera" }, microphone = "" } = {}) {
    super();
    this.picture = picture;
    this.#microphone = microphone;
  }

  /** Ids of the devices in use, empty without one. */
  get devices() {
    /** @param {MediaStreamTrack | null} track */
    const id = (track) => track?.getSettings().deviceId ?? "";
    return { camera: id(this.#camera), microphone: id(this.#sound) };
  }

  /**
   * Open what is wanted, for `stream`.
   * @returns {Promise<Problem[]>} what could not be had
   * @throws {InputError} nothing could be had
   */
  async open() {
    this.#open = true;
    this.#unwatch = watchDevices(() => this.#replug());
    try {
      if (this.picture.kind === "camera") return await this.#openBoth(this.picture);
      this.#adopt(this.picture, await opened(this.picture), null);
      return await this.#hear();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /**
   * Show another picture from now on. The one before is sent until then, but for a camera: phones
   * cannot open two.
   * @param {Picture} picture
   * @returns {Promise<void>}
   * @throws {InputError} it cannot be had; the one before is sent on
   */
  show(picture) {
    return this.#next(async () => {
      this.#gone.delete("video");
      if (!this.#open) this.picture = picture;
      else if (picture.kind === "camera") this.#adopt(picture, null, await this.#anotherCamera(picture));
      else this.#adopt(picture, await opened(picture), null);
      for (const problem of this.#open ? await this.#hear() : []) this.emit("problem", { ...problem, kind: "audio" });
    });
  }

  /** Use the other camera: front or back, or the next one. @throws {InputError} */
  async flip() {
    const { cameras } = await listDevices();
    const next = nextCamera(cameras, this.devices.camera);
    if (next) await this.show({ kind: "camera", id: next.id });
  }

  /**
   * Use another microphone.
   * @param {string} id empty: the browser's default
   * @returns {Promise<void>}
   * @throws {InputError} it cannot be had; the one before stays
   */
  listen(id) {
    return this.#next(async () => {
      this.#gone.delete("audio");
      if (this.#open && !this.#ownSound) this.#use("audio", await openOne("audio", { microphone: id }));
      this.#microphone = id;
      this.#update();
    });
  }

  /** Let go of all devices; they can be opened again. */
  close() {
    this.#open = false;
    this.#unwatch();
    this.#source?.close();
    this.#mix?.close();
    for (const track of [this.#camera, this.#sound]) track?.stop();
    for (const track of this.stream.getTracks()) this.stream.removeTrack(track);
    this.#camera = this.#sound = this.#source = this.#mix = null;
    this.#gone.clear();
  }

  /** Camera and microphone, with one question to the user. @param {Extract<Picture, {kind: "camera"}>} picture */
  async #openBoth(picture) {
    const { id: camera, facing } = picture;
    const { stream, problems } = await openCamera({ camera, facing, microphone: this.#microphone });
    for (const track of stream.getAudioTracks()) this.#use("audio", track);
    this.#adopt(picture, null, stream.getVideoTracks()[0] ?? null);
    return problems;
  }

  /** A camera in place of what is shown. @param {Extract<Picture, {kind: "camera"}>} picture */
  async #anotherCamera({ id: camera, facing }) {
    const before = this.#camera;
    before?.stop();
    try {
      return await openOne("video", { camera, facing });
    } catch (error) {
      if (before) this.#adopt(this.picture, null, await openOne("video", { camera: before.getSettings().deviceId }).catch(() => null));
      throw error;
    }
  }

  /** Send `source`, or the camera's `track`. @param {Picture} picture @param {Source | null} source @param {MediaStreamTrack | null} track */
  #adopt(picture, source, track) {
    if (!this.#open) {
      source?.close();
      return track?.stop(); // closed meanwhile
    }
    const [before, camera] = [this.#source, this.#camera];
    [this.picture, this.#source, this.#camera] = [picture, source, null];
    if (track) this.#use("video", track);
    this.#update();
    before?.close();
    if (camera !== track) camera?.stop(); // its light goes out
    if (source?.kind === "screen") source.stream.getVideoTracks()[0].addEventListener("ended", () => this.#unshare(source));
    return this.emit("source", { kind: source?.kind ?? "camera", name: source?.name ?? track?.label ?? "" });
  }

  /** Take a device's track into use; notice when it is unplugged. @param {Kind} kind @param {MediaStreamTrack} track */
  #use(kind, track) {
    if (!this.#open) return track.stop();
    if (kind === "video") this.#camera = track;
    else {
      this.#sound?.stop();
      this.#sound = track;
    }
    return track.addEventListener("ended", () => this.#unplugged(kind, track));
  }

  /** Open the microphone if it is needed, or let go of it. @returns {Promise<Problem[]>} why it could not be had */
  async #hear() {
    const needed = !this.#ownSound && !this.#gone.has("audio");
    try {
      if (needed && !this.#sound) this.#use("audio", await openOne("audio", { microphone: this.#microphone }));
    } catch (error) {
      if (error instanceof InputError) return [error.problem]; // a picture without sound is sent
      throw error;
    }
    if (this.#ownSound) {
      this.#sound?.stop();
      this.#sound = null;
    }
    this.#update();
    return [];
  }

  /** Whether the microphone is sent. */
  get hears() {
    return this.#sound !== null && !this.#ownSound;
  }

  /** Whether a clip plays with its own sound: the microphone would hear it once more. */
  get #ownSound() {
    return this.#source?.kind === "clip" && this.#source.stream.getAudioTracks().length > 0;
  }

  /** Send what belongs to what is in use. */
  #update() {
    const source = this.#source?.stream;
    this.#send("video", source ? (source.getVideoTracks()[0] ?? null) : this.#camera);
    const sounds = [...(source?.getAudioTracks() ?? []), ...(this.#sound && !this.#ownSound ? [this.#sound] : [])];
    const before = this.#mix;
    if (before && before.of.length === sounds.length && before.of.every((each) => sounds.includes(each))) return;
    this.#mix = sounds.length > 1 ? { of: sounds, ...mixed(sounds) } : null;
    this.#send("audio", this.#mix?.track ?? sounds[0] ?? null);
    before?.close();
  }

  /** @param {Kind} kind @param {MediaStreamTrack | null} track */
  #send(kind, track) {
    const before = this.stream.getTracks().find((each) => each.kind === kind) ?? null;
    if (before === track) return;
    if (before) this.stream.removeTrack(before);
    if (track) this.stream.addTrack(track);
    this.emit("track", { kind, track });
  }

  /** The user has ended the sharing in the browser's own bar: the camera is back. @param {Source} source */
  #unshare(source) {
    if (this.#source !== source) return;
    this.show({ kind: "camera" }).catch((error) => {
      this.#adopt({ kind: "camera" }, null, null);
      this.emit("problem", { ...error.problem, kind: "video" });
    });
  }

  /** A device has ended by itself. @param {Kind} kind @param {MediaStreamTrack} track */
  async #unplugged(kind, track) {
    if (track !== (kind === "audio" ? this.#sound : this.#camera)) return;
    if (kind === "audio") this.#sound = null;
    else this.#camera = null;
    this.#gone.set(kind, { id: track.getSettings().deviceId ?? "", label: track.label });
    this.#update();
    const revoked = (await permission(DEVICES[kind])) === "denied";
    this.emit("problem", { ...lost(DEVICES[kind], track.label, revoked), kind });
  }

  /** Use a device again that was unplugged. */
  async #replug() {
    const { cameras, microphones } = await listDevices();
    for (const [kind, gone] of this.#gone) {
      const back = found(kind === "audio" ? microphones : cameras, gone);
      if (!back) continue;
      const again = kind === "audio" ? this.listen(back.id) : this.show({ kind: "camera", id: back.id });
      await again.then(
        () => this.emit("solved", { kind }),
        () => this.#gone.set(kind, gone), // not ready yet: there will be another change
      );
    }
  }

  /** Do `act` after what was asked for before. @param {() => Promise<void>} act @returns {Promise<void>} */
  #next(act) {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return done;
  }
}

/** @param {Picture} picture @returns {Promise<Source>} */
function opened(picture) {
  switch (picture.kind) {
    case "screen":
      return openScreen();
    case "file":
      return openFile(picture.file);
    case "address":
      return openAddress(picture.address);
    case "sample":
      return openClip(SAMPLE, "Sample clip");
    default:
      throw new TypeError("a camera is opened with its microphone");
  }
}
