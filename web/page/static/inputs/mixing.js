/** Several sounds as one track: a call sends one. */

/**
 * @param {readonly MediaStreamTrack[]} tracks go on when the mix is closed
 * @returns {{track: MediaStreamTrack, close: () => void}}
 */
export function mixed(tracks) {
  const context = new AudioContext();
  const out = context.createMediaStreamDestination();
  for (const track of tracks) context.createMediaStreamSource(new MediaStream([track])).connect(out);
  context.resume();
  const [track] = out.stream.getAudioTracks();
  const close = () => {
    track.stop();
    context.close();
  };
  return { track, close };
}
