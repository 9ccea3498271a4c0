/** Pictures of one's own in the Draw tab: a file, or what the camera shows, under a name that prompts say. */

import { FramePicker, pictureOf } from "./frame_picker.js";
import { element, sentence } from "../view.js";

const SIDE = 256; // pixels of what is sent: the server draws 96
const MAX_CHARACTERS = 44_000; // of a picture in a message: a data channel takes 64 KiB
const SMALLER = 0.8; // in each try
const QUALITY = 0.9;
const NO_CAMERA = "The camera shows nothing yet.";
const CUT = {
  alpha: "what is opaque is drawn",
  border: "its plain background was cut away",
  whole: "the whole picture is drawn",
};
const KEYS = "Drag over what is to be drawn; arrow keys move the frame, with Shift they change its size";
const FORM = `
  <div class="row">
    <label class="film-open">Choose a file<input type="file" accept="image/*" data-own="file" /></label>
    <button type="button" data-own="snap">From the camera</button>
  </div>
  <canvas data-own="frame" role="application" tabindex="0" aria-label="${KEYS}" title="${KEYS}" hidden></canvas>
  <div class="field"><label>Name<input type="text" data-own="name" maxlength="40" autocomplete="off" required placeholder="mug" /></label></div>
  <div class="own-choices">
    <div class="field"><label>Use<select data-own="role"><option value="thing">as a thing</option><option value="background">as the background</option></select></label></div>
    <div class="field"><label>It faces<select data-own="faces"><option value="">neither side</option><option value="left">left</option><option value="right">right</option></select></label></div>
  </div>
  <label class="switch"><input type="checkbox" role="switch" data-own="whole" /><span>Whole picture, nothing cut out</span></label>
  <div class="row"><button class="primary" data-own="add">Add</button><button type="button" data-own="cancel">Cancel</button></div>
  <p class="film-problem" role="alert" data-own="problem"></p>`;

/** @typedef {{name: string, role: "thing" | "background", cut: keyof CUT, faces: string | null, replaces: string | null, image: string}} OwnLook */

/** The pictures of a session, and the form that adds one. */
export class OwnPictures {
  #camera;
  #acts;
  #most = 0;
  #waiting = ""; // id of the event that adds one
  #button = element("button", "Add a picture", "own-open");
  #form = document.createElement("form");
  /** @type {Record<string, any>} */ #parts = {};
  #picker;
  /** @type {Map<string, OwnLook>} */ #looks = new Map();

  /**
   * @param {HTMLElement} slot @param {HTMLVideoElement} camera
   * @param {{send: (event: {type: string, [field: string]: unknown}) => string, changed: () => void}} acts
   *   `send` returns the id of the event; `changed` is called for another picture, or one fewer
   */
  constructor(slot, camera, acts) {
    this.#camera = camera;
    this.#acts = acts;
    this.#form.className = "own-form";
    this.#form.ariaLabel = "A picture of your own";
    this.#form.innerHTML = FORM;
    for (const each of this.#form.querySelectorAll("[data-own]")) this.#parts[/** @type {HTMLElement} */ (each).dataset.own ?? ""] = each;
    const { file, snap, frame, cancel, role } = this.#parts;
    this.#picker = new FramePicker(frame);
    /** @type {HTMLButtonElement} */ (this.#button).type = "button";
    this.#button.onclick = () => this.open(this.#form.hidden);
    file.onchange = () => this.#choose(file.files?.[0]).then(() => (file.value = ""));
    snap.onclick = () => this.#snap();
    cancel.onclick = () => (this.open(false), this.#button.focus());
    role.onchange = () => this.#show();
    this.#form.onsubmit = (event) => (event.preventDefault(), this.#add());
    slot.append(this.#button, this.#form);
    this.open(false);
  }

  /** Offer to add pictures. @param {number} most that a session may have; 0: it takes none */
  offer(most) {
    this.#most = most;
    this.#show();
  }

  /** Forget the pictures of a call that is over. */
  clear() {
    this.#looks.clear();
    this.open(false);
  }

  /** Whether another one can be added. */
  get possible() {
    return this.#looks.size < this.#most;
  }

  /** Those of a role. @param {"thing" | "background"} role @returns {OwnLook[]} */
  of(role) {
    return [...this.#looks.values()].filter((look) => look.role === role);
  }

  /** Open the form or close it. @param {boolean} open @param {string} [name] of what is to be added */
  open(open, name = "") {
    this.#form.hidden = !open;
    this.#picker.show(null);
    this.#form.reset();
    this.#parts.name.value = name;
    this.#say("");
    this.#show();
    if (open) this.#parts.snap.focus();
  }

  /** Handle a server event. @returns {boolean} whether it is about pictures */
  receive({ type, look, name }) {
    if (type === "eyeline.look.updated") this.#looks.set(look.name, look);
    else if (type === "eyeline.look.deleted") this.#looks.delete(name);
    else return false;
    if (type === "eyeline.look.updated" && this.#waiting) (this.open(false), this.#button.focus());
    this.#waiting = "";
    this.#show();
    this.#acts.changed();
    return true;
  }

  /** Show why a picture was not added. @param {string} message @param {string | null | undefined} cause id of the event @returns {boolean} whether it is of this form */
  refused(message, cause) {
    if (!cause || cause !== this.#waiting) return false;
    this.#waiting = "";
    this.#say(sentence(message));
    this.#show();
    return true;
  }

  /** @param {string} name */
  remove(name) {
    this.#acts.send({ type: "eyeline.look.delete", name });
  }

  /** What was done to a picture, in words. @param {OwnLook} look */
  static told({ name, cut, replaces }) {
    return `${name}: ${CUT[cut]}${replaces ? `, in place of the model's own ${replaces}` : ""}`;
  }

  /** @param {File | undefined} file */
  async #choose(file) {
    if (!file) return;
    const image = await createImageBitmap(file).catch(() => null);
    if (!image) return this.#say(`The browser cannot read ${file.name}: choose a PNG, JPEG or WebP file.`);
    this.#picture(pictureOf(image, image.width, image.height), false);
    if (!this.#parts.name.value) this.#parts.name.value = named(file.name);
  }

  #snap() {
    const { videoWidth: width, videoHeight: height } = this.#camera;
    if (!width) return this.#say(NO_CAMERA);
    this.#picture(pictureOf(this.#camera, width, height), true);
  }

  #picture(picture, middle) {
    this.#say("");
    this.#picker.show(picture, middle);
    this.#show();
  }

  #add() {
    const { name, role, faces, whole } = this.#parts;
    const image = encoded(this.#picker);
    if (!image) return this.#say("Choose a file, or take what the camera shows.");
    const look = { name: name.value.trim(), image, role: role.value, whole: whole.checked, faces: role.value === "thing" && faces.value ? faces.value : null };
    this.#waiting = this.#acts.send({ type: "eyeline.look.set", ...look });
    this.#show();
  }

  #say(problem) {
    this.#parts.problem.textContent = problem;
  }

  #show() {
    const { add, whole, faces, role } = this.#parts;
    this.#button.hidden = !this.#most;
    this.#button.ariaExpanded = String(!this.#form.hidden);
    /** @type {HTMLButtonElement} */ (this.#button).disabled = !this.possible && this.#form.hidden;
    this.#button.title = this.possible ? "" : `A session may have ${this.#most} pictures: remove one`;
    add.disabled = Boolean(this.#waiting);
    whole.disabled = faces.disabled = role.value === "background";
  }
}

/** The chosen part as a data URL that a message can carry; null: there is no picture. @param {FramePicker} picker */
function encoded(picker) {
  for (let side = SIDE; ; side *= SMALLER) {
    const image = picker.cut(side)?.toDataURL("image/webp", QUALITY);
    if (!image || image.length <= MAX_CHARACTERS) return image ?? null;
  }
}

/** A name from that of a file: its words. @param {string} file */
const named = (file) => file.replace(/\.\w+$/, "").replace(/[\W_\d]+/g, " ").trim().slice(0, 40).toLowerCase();
