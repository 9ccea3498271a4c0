/** Opens the camera and the microphone; if only one of them can be had, that one, and says why. */

import { explained, InputError, insecure } from "./errors.js";

/** @typedef {import("./errors.js").Problem} Problem */
/** @typedef {"audio" | "video"} Kind */

/**
 * Ids of devices, and which side of a phone; what is empty is left to the browser.
 * @typedef {{camera?: string, microphone?: string, facing?: "" | "user" | "environment"}} Wanted
 */

/** @type {Record<Kind, MediaTrackConstraints>} */
const FORM = {
  video: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30, max: 30 } },
  audio: { channelCount: { ideal: 1 }, echoCancellation: true, noiseSuppression: true },
};
const NAMES = /** @type {const} */ ({ video: "camera", audio: "microphone" });
const START = "press Start again";
const CHOOSE = "choose it again";
/** After these, one of the two may still be had. */
const PARTIAL = ["NotFoundError", "NotReadableError", "OverconstrainedError", "AbortError"];

/**
 * Open both; `problems` says what could not be had as it was wanted.
 * @param {Wanted} [wanted]
 * @returns {Promise<{stream: MediaStream, problems: Problem[]}>}
 * @throws {InputError} neither can be had
 */
export async function openCamera(wanted = {}) {
  try {
    return { stream: await opened(["audio", "video"], wanted), problems: [] };
  } catch (error) {
    if (error instanceof InputError) throw error;
    const failed = /** @type {DOMException} */ (error);
    const kinds = await separately(failed);
    if (!kinds.length) throw explained(failed, "camera and microphone", START);
    return openedAlone(kinds, wanted, failed);
  }
}

/**
 * Open the camera alone, or the microphone.
 * @param {Kind} kind
 * @param {Wanted} wanted
 * @returns {Promise<MediaStreamTrack>}
 * @throws {InputError}
 */
export async function openOne(kind, wanted) {
  try {
    return (await opened([kind], wanted)).getTracks()[0];
  } catch (error) {
    if (error instanceof InputError) throw error;
    throw explained(/** @type {DOMException} */ (error), NAMES[kind], CHOOSE);
  }
}

/**
 * What to ask a browser for. A device is wanted exactly: another one must not take its place unseen.
 * @param {readonly Kind[]} kinds
 * @param {Wanted} wanted
 * @returns {MediaStreamConstraints}
 */
export function constraints(kinds, { camera = "", microphone = "", facing = "" }) {
  /** @param {string} id */
  const exactly = (id) => (id ? { deviceId: { exact: id } } : {});
  const side = facing && !camera ? { facingMode: { ideal: facing } } : {};
  return {
    ...(kinds.includes("video") && { video: { ...FORM.video, ...exactly(camera), ...side } }),
    ...(kinds.includes("audio") && { audio: { ...FORM.audio, ...exactly(microphone) } }),
  };
}

/** @param {readonly Kind[]} kinds @param {Wanted} wanted */
function opened(kinds, wanted) {
  if (!navigator.mediaDevices?.getUserMedia) throw insecure(location);
  return navigator.mediaDevices.getUserMedia(constraints(kinds, wanted));
}

/** Which kinds to try by themselves after both were refused. @param {DOMException} error @returns {Promise<Kind[]>} */
async function separately({ name }) {
  if (PARTIAL.includes(name)) return ["audio", "video"];
  if (name !== "NotAllowedError") return [];
  const kinds = /** @type {Kind[]} */ (["audio", "video"]);
  const states = await Promise.all(kinds.map((kind) => permission(NAMES[kind])));
  const allowed = kinds.filter((_, index) => states[index] === "granted");
  return allowed.length === 1 ? allowed : [];
}

/** @param {readonly Kind[]} kinds @param {Wanted} wanted @param {DOMException} first why both cannot be had */
async function openedAlone(kinds, wanted, first) {
  const stream = new MediaStream();
  const problems = [];
  for (const kind of /** @type {Kind[]} */ (["audio", "video"])) {
    try {
      if (!kinds.includes(kind)) throw explained(first, NAMES[kind], CHOOSE);
      stream.addTrack(await openOne(kind, wanted));
    } catch (error) {
      if (!(error instanceof InputError)) throw error;
      const left = kind === "audio" ? "Only the picture is sent" : "Only sound is sent";
      problems.push({ error, problem: { what: error.message, advice: `${left}. ${error.advice}` } });
    }
  }
  if (stream.getTracks().length) return { stream, problems: problems.map(({ problem }) => problem) };
  const same = problems[0].error.reason === problems[1].error.reason;
  throw same ? explained(first, "camera and microphone", START) : problems[1].error;
}

/** @param {"camera" | "microphone"} name @returns {Promise<PermissionState | "">} empty if the browser does not tell */
export async function permission(name) {
  try {
    return (await navigator.permissions.query({ name: /** @type {PermissionName} */ (name) })).state;
  } catch {
    return ""; // Firefox had no names for these for long
  }
}
