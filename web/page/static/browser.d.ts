/** What Chromium has and TypeScript's list of browsers' names does not. */

declare class MediaStreamTrackProcessor {
  constructor(options: { track: MediaStreamTrack; maxBufferSize?: number });
  readonly readable: ReadableStream;
}

declare class MediaStreamTrackGenerator extends MediaStreamTrack {
  constructor(options: { kind: "audio" | "video" });
  readonly writable: WritableStream;
}
