/** Why a camera, a microphone, a screen or a clip cannot be used, and what to do, in plain words. */

/**
 * What is told to the user.
 * @typedef {object} Problem
 * @property {string} what happened
 * @property {string} advice what to do
 */

/** @typedef {"camera" | "microphone" | "camera and microphone" | "screen"} Device */
/** @typedef {"denied" | "missing" | "busy" | "gone" | "insecure" | "clip" | "other"} Reason */

/** An input cannot be opened; `message` says what happened, `advice` what to do. */
export class InputError extends Error {
  /** @param {Reason} reason @param {string} message @param {string} advice */
  constructor(reason, message, advice) {
    super(message);
    this.name = "InputError";
    this.reason = reason;
    this.advice = advice;
  }

  /** @returns {Problem} */
  get problem() {
    return { what: this.message, advice: this.advice };
  }
}

/**
 * The error of `getUserMedia` or `getDisplayMedia` in plain words.
 * @param {{name: string, message?: string}} error
 * @param {Device} device
 * @param {string} again what to do once the cause is gone: "press Start again"
 */
export function explained({ name, message = "" }, device, again) {
  const either = device.replace(" and ", " or ");
  switch (name) {
    case "NotAllowedError":
    case "SecurityError":
      return denied(message, device, again);
    case "NotFoundError":
      return new InputError("missing", `No ${either} was found.`, `Plug one in, then ${again}.`);
    case "NotReadableError":
    case "TrackStartError":
    case "AbortError": {
      const advice = `Close what may use it, such as a video call or another tab, then ${again}. If that does not help, unplug it and plug it in again.`;
      return new InputError("busy", `The ${either} is in use by another program, or does not work.`, advice);
    }
    case "OverconstrainedError":
      return new InputError("gone", `The chosen ${either} is not connected.`, `Choose another one, then ${again}.`);
    default: {
      const what = `The ${either} did not start: ${message || name}.`;
      return new InputError("other", what, `${again.charAt(0).toUpperCase()}${again.slice(1)} to try once more.`);
    }
  }
}

/** @param {string} message @param {Device} device @param {string} again */
function denied(message, device, again) {
  if (device === "screen") {
    return new InputError("denied", "No screen was shared.", "Choose a screen, a window or a tab in the browser's dialog.");
  }
  if (/system/i.test(message)) {
    const advice = `Allow it in the system's privacy settings, under ${device === "microphone" ? "microphone" : "camera"}, then ${again}.`;
    return new InputError("denied", `The system does not let this browser use the ${device}.`, advice);
  }
  const what = `The browser has no permission to use the ${device}.`;
  const them = device.includes(" and ") ? "both" : "it";
  return new InputError("denied", what, `Click the icon left of the address in the address bar, allow ${them}, then ${again}.`);
}

/** Browsers have no devices for pages that are neither https nor local. @param {Location} page */
export function insecure({ port, hostname }) {
  const number = port || "80";
  return new InputError(
    "insecure",
    "Browsers allow camera, microphone and screen only on https pages and on this machine.",
    `Open this page over https, or forward the port (ssh -L ${number}:localhost:${number} ` +
      `${hostname}) and open http://localhost:${number}/.`,
  );
}

/**
 * A device that was in use has ended.
 * @param {"camera" | "microphone"} device
 * @param {string} name of the device
 * @param {boolean} revoked whether the permission was taken back
 * @returns {Problem}
 */
export function lost(device, name, revoked) {
  const kept = device === "camera" ? "Sound is still sent" : "The picture is still sent";
  const named = name ? ` (${name})` : "";
  if (revoked) {
    const what = `The permission to use the ${device} was withdrawn.`;
    return { what, advice: `${kept}. Allow it again in the address bar, then choose the ${device} again.` };
  }
  const what = `The ${device}${named} was unplugged or switched off.`;
  return { what, advice: `${kept}. Plug it in again, and it is used as before; or choose another one.` };
}
