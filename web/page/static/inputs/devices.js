/** Lists cameras, microphones and loudspeakers, and finds again the one that was chosen. */

/** @typedef {{id: string, label: string}} DeviceChoice `id` is empty for the browser's default */
/** @typedef {{cameras: DeviceChoice[], microphones: DeviceChoice[], speakers: DeviceChoice[]}} DeviceLists */

const SAME = "communications"; // Windows lists its device for calls a second time
const BACK = /\b(back|rear|environment)\b/i;

/** @returns {Promise<DeviceLists>} without names until the user has allowed a camera or microphone */
export async function listDevices() {
  return sorted((await navigator.mediaDevices?.enumerateDevices()) ?? []);
}

/** Call `changed` when a device is plugged in or out. @param {() => void} changed @returns {() => void} ends it */
export function watchDevices(changed) {
  navigator.mediaDevices?.addEventListener("devicechange", changed);
  return () => navigator.mediaDevices?.removeEventListener("devicechange", changed);
}

/**
 * Devices by kind, each with a name.
 * @param {readonly {deviceId: string, kind: string, label: string}[]} devices
 * @returns {DeviceLists}
 */
export function sorted(devices) {
  /** @param {string} kind @param {string} name */
  const of = (kind, name) =>
    devices
      .filter((each) => each.kind === kind && each.deviceId !== SAME)
      .map(({ deviceId, label }, index) => ({ id: deviceId, label: label || `${name} ${index + 1}` }));
  return {
    cameras: of("videoinput", "Camera"),
    microphones: of("audioinput", "Microphone"),
    speakers: of("audiooutput", "Loudspeaker"),
  };
}

/**
 * The device that was chosen: by its id, or by its name where ids have changed; undefined if it is gone.
 * @param {readonly DeviceChoice[]} devices
 * @param {DeviceChoice | null | undefined} chosen
 */
export function found(devices, chosen) {
  if (!chosen) return undefined;
  return devices.find(({ id }) => id === chosen.id) ?? devices.find(({ label }) => label === chosen.label);
}

/**
 * The camera after `current`; on a phone that is the one on the other side.
 * @param {readonly DeviceChoice[]} cameras
 * @param {string} current id
 */
export function nextCamera(cameras, current) {
  const at = cameras.findIndex(({ id }) => id === current);
  if (at < 0) return cameras[0];
  const rest = [...cameras.slice(at + 1), ...cameras.slice(0, at)];
  const back = BACK.test(cameras[at].label);
  return rest.find(({ label }) => BACK.test(label) !== back) ?? rest[0] ?? cameras[at];
}
