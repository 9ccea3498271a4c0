/** Opens the camera and the microphone; errors say why that failed and what to do. */

/** @typedef {import("./sample.js").Source} Source */

const WANTED = {
  video: { width: { ideal: 640 }, height: { ideal: 360 }, frameRate: { ideal: 30, max: 30 } },
  audio: { channelCount: { ideal: 1 }, echoCancellation: true, noiseSuppression: true },
};

const REASONS = {
  NotAllowedError: [
    "denied",
    "The browser has no permission to use the camera and microphone.",
    "Click the camera icon in the address bar, allow both, then press Start again.",
  ],
  NotFoundError: [
    "missing",
    "No camera or microphone was found.",
    "Plug one in and press Start again.",
  ],
  NotReadableError: [
    "busy",
    "The camera or microphone cannot be read.",
    "Another program may be using it: close it, then press Start again.",
  ],
};

/** The camera cannot be opened: `reason` is denied, missing, busy, insecure or other. */
export class CameraError extends Error {
  /** @param {string} reason @param {string} message what happened @param {string} advice what to do */
  constructor(reason, message, advice) {
    super(message);
    this.name = "CameraError";
    this.reason = reason;
    this.advice = advice;
  }
}

/**
 * Open the camera and the microphone; if one is missing, only the other: `lacking` names it.
 * @returns {Promise<Source & {lacking: "" | "camera" | "microphone"}>}
 * @throws {CameraError}
 */
export async function openCamera() {
  if (!navigator.mediaDevices?.getUserMedia) throw insecure();
  try {
    return opened(await navigator.mediaDevices.getUserMedia(WANTED), "");
  } catch (error) {
    if (error.name !== "NotFoundError") throw explained(error);
  }
  for (const [kind, lacking] of [["audio", "camera"], ["video", "microphone"]]) {
    try {
      return opened(await navigator.mediaDevices.getUserMedia({ [kind]: WANTED[kind] }), lacking);
    } catch (error) {
      if (error.name !== "NotFoundError") throw explained(error);
    }
  }
  throw explained({ name: "NotFoundError", message: "" });
}

function opened(stream, lacking) {
  const close = () => stream.getTracks().forEach((track) => track.stop());
  return { stream, close, lacking };
}

function explained(error) {
  const known = REASONS[error.name];
  if (known) return new CameraError(...known);
  const message = `The camera did not start: ${error.message || error.name}.`;
  return new CameraError("other", message, "Press Start to try again.");
}

function insecure() {
  const port = location.port || "80";
  return new CameraError(
    "insecure",
    "Browsers allow the camera only on https pages and on this machine.",
    `Open this page over https, or forward the port (ssh -L ${port}:localhost:${port} ` +
      `${location.hostname}) and open http://localhost:${port}/.`,
  );
}
