/** Records the returned video with MediaRecorder and downloads the file at the end. */

const FORMS = [
  ["video/webm;codecs=vp9", "webm"],
  ["video/webm;codecs=vp8", "webm"],
  ["video/mp4", "mp4"], // what Safari writes
];
const BITRATE = 2_500_000; // bit/s: an hour is a gigabyte at most
const PIECE_MS = 1000; // maximum loss if the browser crashes

/** A page that is left loses what is recorded: the browser asks before. @param {BeforeUnloadEvent} event */
const ask = (event) => event.preventDefault();

/** Records one stream at a time. */
export class PictureRecorder {
  /** @type {MediaRecorder | null} */ #recorder = null;
  #onChange;

  /** @param {(recording: boolean) => void} onChange called when recording starts or ends */
  constructor(onChange) {
    this.#onChange = onChange;
  }

  get recording() {
    return this.#recorder !== null;
  }

  /** Whether this browser can record at all. */
  static get possible() {
    return formOf() !== undefined;
  }

  /** Record the video of `stream` until `stop`. @param {MediaStream} stream @param {string} name of the file, without its suffix */
  start(stream, name) {
    if (this.#recorder) return;
    const [mimeType, ending] = formOf();
    const picture = new MediaStream(stream.getVideoTracks());
    const recorder = new MediaRecorder(picture, { mimeType, videoBitsPerSecond: BITRATE });
    const pieces = [];
    recorder.ondataavailable = ({ data }) => data.size && pieces.push(data);
    recorder.onstop = () => {
      this.#recorder = null;
      removeEventListener("beforeunload", ask);
      this.#onChange(false);
      if (pieces.length) download(new Blob(pieces, { type: mimeType }), `${name}.${ending}`);
    };
    recorder.start(PIECE_MS);
    this.#recorder = recorder;
    addEventListener("beforeunload", ask);
    this.#onChange(true);
  }

  /** End the recording and download it. The end of the call does the same. */
  stop() {
    if (this.#recorder?.state === "recording") this.#recorder.stop();
  }
}

/** Download a file. @param {Blob} file @param {string} name */
export function download(file, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000); // the download has started by then
}

function formOf() {
  if (typeof MediaRecorder === "undefined") return undefined;
  return FORMS.find(([mimeType]) => MediaRecorder.isTypeSupported(mimeType));
}
