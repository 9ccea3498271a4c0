/** A video file, or one at a URL, in place of camera and microphone; a clip plays in a loop. */

import { InputError } from "./errors.js";
import { openPicture } from "./still.js";

/** @typedef {import("./source.js").Source} Source */

const FPS = 25;
const STARTS_MS = 2000; // in which sound starts; without a click, or a device to hear it with, it may never
const FORMATS = "Browsers play MP4 (H.264, AAC) and WebM";

/**
 * @param {File} file a video, a sound or a picture
 * @returns {Promise<Source>}
 * @throws {InputError} this browser cannot play it
 */
export async function openFile(file) {
  const url = URL.createObjectURL(file);
  const free = () => URL.revokeObjectURL(url);
  try {
    const source = await (file.type.startsWith("image/") ? openPicture : openClip)(url, file.name);
    return { ...source, close: () => (source.close(), free()) };
  } catch (error) {
    free();
    if (!(error instanceof InputError)) throw error;
    const advice = `${FORMATS}. Convert it: ffmpeg -i "${file.name}" clip.webm`;
    throw new InputError("clip", `This browser cannot play ${file.name}${file.type && ` (${file.type})`}.`, advice);
  }
}

/**
 * @param {string} address of a video or a picture on the web
 * @returns {Promise<Source>}
 * @throws {InputError} it says why
 */
export async function openAddress(address) {
  const url = checked(address, location);
  const name = decodeURIComponent(url.pathname.split("/").at(-1) || url.host);
  try {
    return await openClip(url.href, name);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    if ((await kindAt(url)) === "image") return openPicture(url.href, name);
    throw error;
  }
}

/**
 * The URL that was typed; https if it names no scheme.
 * @param {string} address
 * @param {{protocol: string}} site the page's own address
 * @throws {InputError} it is none, or the page may not load it
 */
export function checked(address, site) {
  const text = address.trim();
  const written = /^[a-z][a-z0-9+.-]*:(?!\d)/i.test(text) ? text : `https://${text}`;
  const url = URL.canParse(written) ? new URL(written) : null;
  if (!text || !url || url.host.includes("%") || !["http:", "https:", "data:", "blob:"].includes(url.protocol)) {
    const advice = "It must begin with https:// and name a video file, such as https://example.org/clip.mp4.";
    throw new InputError("clip", "That is no address of a video.", advice);
  }
  if (site.protocol === "https:" && url.protocol === "http:" && url.hostname !== "localhost") {
    throw new InputError("clip", "A page over https cannot load a video over http.", "Use its https address, or save it and choose the file.");
  }
  return url;
}

/**
 * Play `url` in a loop; its sound is also heard, to compare captions with it.
 * @param {string} url
 * @param {string} name
 * @returns {Promise<Source>}
 * @throws {InputError} it cannot be loaded or played
 */
export async function openClip(url, name) {
  const clip = document.createElement("video");
  Object.assign(clip, { loop: true, playsInline: true, crossOrigin: "anonymous", src: url });
  const sound = await startedSound();
  const mix = sound?.createMediaStreamDestination();
  if (sound && mix) {
    const heard = sound.createMediaElementSource(clip);
    heard.connect(mix);
    heard.connect(sound.destination);
  }
  const free = () => {
    clip.pause();
    clip.removeAttribute("src");
    clip.load();
    sound?.close();
  };
  try {
    await play(clip);
  } catch (error) {
    const reason = clip.error ? "this browser cannot load or play it" : /** @type {Error} */ (error).message;
    free();
    throw new InputError("clip", `The clip does not play: ${reason}.`, `${FORMATS}.`);
  }
  const picture = captured(clip);
  const sounds = (mix?.stream ?? capture(clip))?.getAudioTracks() ?? [];
  const stream = new MediaStream([...picture.tracks, ...sounds]);
  const close = () => {
    picture.close();
    for (const track of stream.getTracks()) track.stop();
    free();
  };
  return { kind: "clip", name, stream, close };
}

/**
 * Sound of a page, as soon as it runs. Null if it does not: Firefox has none on a machine without an output, and
 * browsers may have none before the first click. @returns {Promise<AudioContext | null>}
 */
async function startedSound() {
  const sound = new AudioContext();
  await Promise.race([sound.resume(), new Promise((resolve) => setTimeout(resolve, STARTS_MS))]);
  if (sound.state === "running") return sound;
  sound.close();
  return null;
}

/** Play a clip; until the next click without being heard, if the browser wants that. @param {HTMLVideoElement} clip */
async function play(clip) {
  try {
    await clip.play();
  } catch (error) {
    if (/** @type {Error} */ (error).name !== "NotAllowedError") throw error;
    clip.muted = true;
    await clip.play();
    addEventListener("pointerdown", () => (clip.muted = false), { once: true });
  }
}

/**
 * What is at a URL that did not play: "image", or an error that says why.
 * @param {URL} url
 * @returns {Promise<"image">}
 * @throws {InputError}
 */
async function kindAt(url) {
  const response = await fetch(url).catch(() => null);
  const type = response?.headers.get("Content-Type")?.split(";")[0] ?? "";
  response?.body?.cancel();
  if (response?.ok && type.startsWith("image/")) return "image";
  throw refusal(url, response, type, !response && (await answers(url)));
}

/**
 * Why `url` cannot be shown.
 * @param {URL} url
 * @param {{ok: boolean, status: number} | null} response null: the page could not read one
 * @param {string} type
 * @param {boolean} silent whether there is one that pages of this site may not read
 */
export function refusal(url, response, type, silent) {
  const save = "Save the video and choose the file instead.";
  if (!response && silent) {
    const what = `${url.host} does not let pages of other sites read this video.`;
    return new InputError("clip", what, `${save} If the server is yours, let it send Access-Control-Allow-Origin.`);
  }
  if (!response) return new InputError("clip", `${url.host} does not answer.`, "Check the address, and that this machine reaches it.");
  if (!response.ok) {
    const why = response.status === 404 ? "has nothing at this address" : `answers ${response.status}`;
    return new InputError("clip", `${url.host} ${why}.`, "Check the address.");
  }
  if (type === "text/html") {
    return new InputError("clip", "This address is a web page, not a video file.", `Use the address of the file itself. ${save}`);
  }
  return new InputError("clip", `This browser cannot play what is there${type && ` (${type})`}.`, `${FORMATS}.`);
}

/** Whether a server answers at all: the page sees nothing of the answer. @param {URL} url */
async function answers(url) {
  const control = new AbortController();
  try {
    await fetch(url, { mode: "no-cors", signal: control.signal });
    return true;
  } catch {
    return false;
  } finally {
    control.abort();
  }
}

/** @typedef {HTMLVideoElement & {captureStream?: () => MediaStream, mozCaptureStream?: () => MediaStream}} Clip */

/** What a clip plays; Safari has nothing for that. @param {Clip} clip */
const capture = (clip) => (clip.captureStream ? clip.captureStream() : clip.mozCaptureStream?.());

/**
 * The video tracks of a clip. Safari and Firefox have no captureStream for video and use a canvas.
 * @param {Clip} clip
 * @returns {{tracks: MediaStreamTrack[], close: () => void}}
 */
function captured(clip) {
  if (clip.captureStream) return { tracks: clip.captureStream().getVideoTracks(), close: () => {} };
  if (!clip.videoWidth) return { tracks: [], close: () => {} };
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: clip.videoWidth, height: clip.videoHeight });
  const context = canvas.getContext("2d");
  const timer = setInterval(() => context?.drawImage(clip, 0, 0), 1000 / FPS);
  return { tracks: canvas.captureStream(FPS).getVideoTracks(), close: () => clearInterval(timer) };
}
