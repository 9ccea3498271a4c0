"""The tracks of a file, and which of them is heard and seen.

Screen recordings and films have several sound tracks. Without a number, the one that the file
flags is heard if there is speech in it, else the one with the most speech.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from media.errors import UnreadableMediaError
from media.video import SQUARE

Samples = NDArray[np.float32]
SpeechSeconds = Callable[[Samples], float]  # of mono sound at 16 kHz

MIN_SPEECH = 0.3  # seconds in the samples of a track: a word


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioTrack:
    """A sound track; `number` counts from 1, and `flagged` is set on the default one."""

    number: int
    codec: str
    channels: int
    language: str = ""
    title: str = ""
    flagged: bool = False

    def __str__(self) -> str:
        title = f'"{self.title}"' if self.title else ""
        layout = {1: "mono", 2: "stereo"}.get(self.channels, f"{self.channels} channels")
        known = ", ".join(part for part in (title, self.language, self.codec, layout) if part)
        return f"track {self.number} ({known})"


@dataclass(frozen=True, slots=True)
class ChosenTrack:
    """The track that is heard, the reason, and the others."""

    track: AudioTrack
    reason: str
    others: tuple[AudioTrack, ...]

    def __str__(self) -> str:
        others = ", ".join(map(str, self.others))
        return f"hearing {self.track}, {self.reason}; not {others}"


def audio_streams(container: av.container.InputContainer) -> list[av.AudioStream]:
    """Return the sound tracks that can be decoded, in the order of their numbers."""
    return [each for each in container.streams.audio if _has_decoder(each)]


def audio_tracks(container: av.container.InputContainer) -> tuple[AudioTrack, ...]:
    return tuple(
        AudioTrack(
            number=number,
            codec=stream.codec_context.name,
            channels=stream.codec_context.channels,
            language=stream.metadata.get("language", "").removeprefix("und"),
            title=stream.metadata.get("title", ""),
            flagged=bool(stream.disposition & av.stream.Disposition.default),
        )
        for number, stream in enumerate(audio_streams(container), 1)
    )


def audio_stream(
    path: Path, container: av.container.InputContainer, number: int | None
) -> av.AudioStream | None:
    """Return the sound track `number`, by default the first flagged one; None if there is none.

    Raises:
        UnreadableMediaError: there is no track of that number.
    """
    tracks, streams = audio_tracks(container), audio_streams(container)
    if number is not None:
        check_track(path, tracks, number)
        return streams[number - 1]
    flagged = [stream for stream, track in zip(streams, tracks, strict=True) if track.flagged]
    return next(iter([*flagged, *streams]), None)


def check_track(path: Path, tracks: Sequence[AudioTrack], number: int) -> None:
    """Check that `number` is one of `tracks` of `path`.

    Raises:
        UnreadableMediaError: it is not; the message lists them.
    """
    if not 1 <= number <= len(tracks):
        there = ", ".join(map(str, tracks)) or "none"
        raise UnreadableMediaError(f"{path}: has no sound track {number}; it has: {there}")


def video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """Return the video: the flagged stream, else the first; cover art is none."""
    disposition = av.stream.Disposition
    streams = [
        each
        for each in container.streams.video
        if _has_decoder(each) and not each.disposition & disposition.attached_pic
    ]
    flagged = [each for each in streams if each.disposition & disposition.default]
    return next(iter([*flagged, *streams]), None)


def pixel_aspect(stream: av.AudioStream | av.VideoStream) -> Fraction:
    """Return the width of a pixel over its height."""
    assert isinstance(stream, av.VideoStream)
    return stream.sample_aspect_ratio or SQUARE


def _has_decoder(stream: av.AudioStream | av.VideoStream) -> bool:
    context: object | None = stream.codec_context  # None without one, which its type leaves out
    return context is not None


def choose(tracks: Sequence[AudioTrack], speech: Mapping[int, float]) -> ChosenTrack:
    """Choose one of `tracks`; `speech` has the seconds of speech found in each, by number."""

    def most(among: Sequence[AudioTrack]) -> AudioTrack:
        return max(among, key=lambda track: (speech[track.number], -track.number))

    flagged = [track for track in tracks if track.flagged]
    first = (flagged or tracks)[0]
    if flagged and speech[most(flagged).number] >= MIN_SPEECH:
        chosen = most(flagged)
        reason = "the default one" if len(flagged) == 1 else "with the most speech"
    elif speech[most(tracks).number] >= MIN_SPEECH:
        chosen, reason = most(tracks), "with the most speech"
    else:
        chosen, reason = first, "as no speech was found in any"
    return ChosenTrack(chosen, reason, tuple(each for each in tracks if each != chosen))
