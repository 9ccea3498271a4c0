/** A sample clip instead of camera and microphone: the same tracks without permissions. */

const FPS = 25;

/** A source of audio and video; close it after the call. */
/** @typedef {{stream: MediaStream, close: () => void}} Source */

/**
 * Play a clip in a loop as a stream; its audio is also played, to compare captions with it.
 * @param {string} [url] by default the clip beside this module
 * @returns {Promise<Source>}
 * @throws {Error} the clip cannot be loaded or this browser cannot play it
 */
export async function openSample(url = new URL("sample.webm", import.meta.url).href) {
  const clip = document.createElement("video");
  Object.assign(clip, { src: url, loop: true, playsInline: true, crossOrigin: "anonymous" });
  const sound = new AudioContext();
  const mixed = sound.createMediaStreamDestination();
  const heard = sound.createMediaElementSource(clip);
  heard.connect(mixed);
  heard.connect(sound.destination);
  await sound.resume();
  await playing(clip);
  const picture = captured(clip);
  const stream = new MediaStream([...picture.tracks, ...mixed.stream.getAudioTracks()]);
  const close = () => {
    picture.close();
    for (const track of stream.getTracks()) track.stop();
    clip.pause();
    clip.removeAttribute("src");
    clip.load();
    sound.close();
  };
  return { stream, close };
}

async function playing(clip) {
  try {
    await clip.play();
  } catch (error) {
    const reason = clip.error ? "this browser cannot load or play it" : error.message;
    throw new Error(`the sample clip does not play: ${reason}`);
  }
}

/** The clip's video tracks. Safari has no captureStream for video and uses a canvas. */
function captured(clip) {
  if (clip.captureStream) {
    return { tracks: clip.captureStream().getVideoTracks(), close: () => {} };
  }
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width: clip.videoWidth, height: clip.videoHeight });
  const context = canvas.getContext("2d");
  const timer = setInterval(() => context.drawImage(clip, 0, 0), 1000 / FPS);
  return { tracks: canvas.captureStream(FPS).getVideoTracks(), close: () => clearInterval(timer) };
}
