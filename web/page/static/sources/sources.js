/** What a call sends and where it is heard: chosen in the settings or over the picture, and remembered. */

import { found, listDevices, watchDevices } from "../inputs/devices.js";
import { InputError } from "../inputs/errors.js";
import { Inputs } from "../inputs/inputs.js";
import { canShareScreen } from "../inputs/screen.js";
import { canChooseSpeaker, chooseSpeaker } from "../showing/speaker.js";
import { isObject, keep, kept } from "../store.js";
import { choiceOf, fill } from "./device_menu.js";

/** @typedef {import("../inputs/errors.js").Problem} Problem */
/** @typedef {import("../inputs/source.js").Picture} Picture */
/** @typedef {import("../inputs/devices.js").DeviceChoice} DeviceChoice */

const KEPT = "devices"; // its name in the settings of the page
const CREDIT = "Big Buck Bunny © Blender Foundation, CC BY 3.0";
const OPENS = {
  camera: "open the camera and the microphone",
  screen: "share a screen, a window or a tab",
  file: "play the file",
  address: "play what is at the address",
  sample: "play the sample clip",
};
/** Menus by kind of device. */
const MENUS = /** @type {const} */ ({ camera: "cameras", microphone: "microphones", speaker: "speakers" });

/** The choice of sources. Events of `inputs`: track, when another one is to be sent. */
export class Sources {
  inputs = new Inputs();
  #page;
  #tell;
  /** @type {Partial<Record<keyof typeof MENUS, DeviceChoice>>} */ #chosen = kept(KEPT, isObject) ?? {};
  /** @type {Problem | null} */ #told = null;
  #live = false;

  /**
   * @param {Record<string, any>} page its parts
   * @param {(problem: (Problem & {offer?: string}) | null) => void} tell shows a problem, or none
   */
  constructor(page, tell) {
    this.#page = page;
    this.#tell = tell;
    page.picture.onchange = () => this.#pick(page.picture.value);
    page["choose-file"].onclick = () => page.file.click();
    page.file.onchange = () => this.choose({ kind: "file", file: page.file.files[0] });
    page["address-form"].onsubmit = (event) => (event.preventDefault(), this.choose({ kind: "address", address: page.address.value }));
    page.sample.onchange = () => this.choose({ kind: page.sample.checked ? "sample" : "camera" });
    page.cameras.onchange = () => this.#device("camera", (id) => this.choose({ kind: "camera", id }));
    page.microphones.onchange = () => this.#device("microphone", (id) => this.inputs.listen(id));
    page.speakers.onchange = () => this.#device("speaker", () => this.#play());
    page.picture.querySelector("[value=screen]").hidden = !canShareScreen();
    this.inputs.addEventListener("source", ({ detail }) => this.#show(detail));
    this.inputs.addEventListener("problem", ({ detail }) => this.#report(detail));
    this.inputs.addEventListener("solved", () => this.#report(null));
    watchDevices(() => this.#list());
    this.#list();
    this.#show({ kind: "camera", name: "" });
  }

  /** What is sent, or will be; a file is named without what is in it. */
  get wanted() {
    const { file, ...picture } = /** @type {any} */ (this.inputs.picture);
    return picture;
  }

  /** Open what is chosen. @returns {Promise<MediaStream>} stays the same while its tracks change @throws {InputError} */
  async open() {
    this.#report(null);
    const missing = await this.#recall();
    const problems = await this.inputs.open();
    this.#live = true;
    for (const problem of [...missing, ...problems]) this.#report(problem);
    await this.#list();
    await this.#play();
    return this.inputs.stream;
  }

  close() {
    this.#live = false;
    this.inputs.close();
    this.#show({ kind: this.inputs.picture.kind, name: "" });
  }

  /** Send this from now on, or from the next start on. @param {Picture} picture */
  async choose(picture) {
    this.#report(null);
    try {
      await this.inputs.show(picture);
      if (!this.#live) this.#show({ kind: picture.kind, name: "" });
      await this.#list();
    } catch (error) {
      this.#fail(error);
      this.#ask(picture.kind); // to be corrected
    }
  }

  /** Share a screen, or the camera again. */
  toggleScreen() {
    return this.choose({ kind: this.inputs.picture.kind === "screen" ? "camera" : "screen" });
  }

  /** The camera on the other side. */
  async flip() {
    await this.inputs.flip().catch((error) => this.#fail(error));
    await this.#list();
  }

  /** A kind of source that needs more than its name shows where to enter it. @param {string} kind */
  #pick(kind) {
    this.#ask(kind);
    if (kind === "file") this.#page.file.click();
    else if (kind === "address") this.#page.address.focus();
    else this.choose(/** @type {Picture} */ ({ kind }));
  }

  /** Show where a file or a URL is entered. @param {string} kind of source */
  #ask(kind) {
    this.#page["choose-file"].hidden = kind !== "file";
    this.#page["address-form"].hidden = kind !== "address";
  }

  /** @param {keyof typeof MENUS} kind @param {(id: string) => Promise<unknown>} use */
  async #device(kind, use) {
    const choice = choiceOf(this.#page[MENUS[kind]]);
    this.#chosen[kind] = choice;
    keep(KEPT, this.#chosen);
    await use(choice.id).catch((error) => this.#fail(error));
  }

  /** Want the devices of the last time; those that are not connected are told. @returns {Promise<Problem[]>} */
  async #recall() {
    const lists = await listDevices();
    const problems = [];
    for (const kind of /** @type {const} */ (["camera", "microphone"])) {
      const chosen = this.#chosen[kind];
      const devices = lists[MENUS[kind]];
      const known = devices.some(({ id }) => id); // ids are empty until a page may use devices
      const id = (known ? found(devices, chosen)?.id : chosen?.id) ?? "";
      if (chosen?.id && !id) problems.push({ what: `${chosen.label} is not connected.`, advice: `Another ${kind} is used: choose one in Settings.` });
      if (kind === "microphone") await this.inputs.listen(id);
      else if (this.inputs.picture.kind === "camera") await this.inputs.show({ ...this.inputs.picture, id });
    }
    return problems;
  }

  async #list() {
    const lists = await listDevices();
    const { camera, microphone } = this.inputs.devices;
    fill(this.#page.cameras, lists.cameras, camera || this.#chosen.camera?.id);
    fill(this.#page.microphones, lists.microphones, microphone || this.#chosen.microphone?.id);
    fill(this.#page.speakers, canChooseSpeaker() ? lists.speakers : [], this.#chosen.speaker?.id);
    this.#page.flip.hidden = lists.cameras.length < 2;
  }

  async #play() {
    const { speaker } = this.#chosen;
    if (!speaker || !canChooseSpeaker() || (await chooseSpeaker([this.#page.generated], speaker.id))) return;
    this.#report({ what: `${speaker.label} is not connected.`, advice: "Answers are heard on the system's loudspeaker." });
  }

  /** Name what is sent, or what Start will open. @param {{kind: string, name: string}} source */
  #show({ kind, name }) {
    const page = this.#page;
    const wanted = this.inputs.picture.kind;
    page.picture.value = wanted;
    page.sample.checked = wanted === "sample";
    this.#ask(wanted);
    page["camera-name"].textContent = kind === "camera" ? "Camera" : name;
    page["camera-what"].textContent = wanted === "sample" ? CREDIT : kind === "camera" ? name : "";
    page["camera-empty"].textContent = `Press Start to ${OPENS[wanted]}.`;
    page["share-screen"].ariaPressed = String(wanted === "screen");
  }

  /** @param {unknown} error */
  #fail(error) {
    if (!(error instanceof InputError)) throw error;
    this.#report(error.problem);
    this.#show({ kind: this.inputs.picture.kind, name: this.#page["camera-what"].textContent });
  }

  /** Show a problem, or that the one that was shown is over. @param {Problem | null} problem */
  #report(problem) {
    if (problem || this.#told) this.#tell(problem);
    this.#told = problem;
  }
}
