"""Keeps the media of one session in order across its client's connections.

Each connection places media by their arrival, so what an old one still delivers may overlap what a
new one has delivered.
"""

from dataclasses import dataclass, replace

from media.frames import AudioChunk, VideoFrame


@dataclass(frozen=True, slots=True)
class MediaOrder:
    """How far the media of a session have come: audio in samples, video in ticks."""

    audio_end: int = 0
    video_pts: int = -1


def onward(
    state: MediaOrder, item: AudioChunk | VideoFrame
) -> tuple[MediaOrder, AudioChunk | VideoFrame | None]:
    """Return the state after `item`, and the part of it that is later than all before."""
    if isinstance(item, VideoFrame):
        if item.pts <= state.video_pts:
            return state, None
        return replace(state, video_pts=item.pts), item
    if item.end <= state.audio_end:
        return state, None
    if item.start < state.audio_end:
        rest = item.samples[state.audio_end - item.start :]
        item = AudioChunk(rest, state.audio_end, item.rate)
    return replace(state, audio_end=item.end), item
