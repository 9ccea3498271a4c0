"""Who speaks in a stream: the sound of its turns in, what is known of the voices out."""

from dataclasses import dataclass, field
from itertools import groupby
from typing import Protocol

import numpy as np

from models.asr.speech_activity import Samples
from models.speakers.clustering import Floats, Voice, Voices, add_voices
from models.speakers.windows import StretchState, VoiceChunk, VoiceWindow, next_windows

MAX_SPEAKERS = 8  # told apart in one stream


class EmbedsVoices(Protocol):
    """Embeds windows of equal length: float32 (count, samples) to unit vectors (count, size)."""

    def embed(self, windows: Samples) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class TrackerState:
    """The voices so far, the speech in progress, and windows that are not grouped yet."""

    voices: Voices = field(default_factory=Voices)
    stretch: StretchState = field(default_factory=StretchState)


class SpeakerTracker:
    """Tells up to `max_speakers` voices of a stream apart.

    The cuts of the sound into chunks change only when a voice is known, not what is known at the
    end of a turn.
    """

    def __init__(self, encoder: EmbedsVoices, *, max_speakers: int = MAX_SPEAKERS) -> None:
        self._encoder = encoder
        self._max_speakers = max_speakers

    def init_state(self) -> TrackerState:
        return TrackerState()

    def step(self, state: TrackerState, chunk: VoiceChunk) -> tuple[TrackerState, list[Voices]]:
        """Consume the next sound of a turn; return what is known if that has changed."""
        stretch, windows = next_windows(state.stretch, chunk)
        if not windows:
            return TrackerState(state.voices, stretch), []
        voices = add_voices(state.voices, self._embedded(windows), max_speakers=self._max_speakers)
        return TrackerState(voices, stretch), [voices]

    def _embedded(self, windows: list[VoiceWindow]) -> list[Voice]:
        voices: list[Voice] = []
        for _, group in groupby(windows, key=lambda window: len(window.samples)):
            equal = list(group)
            vectors = self._encoder.embed(np.stack([window.samples for window in equal]))
            voices += [
                Voice(window.start, window.end, vector)
                for window, vector in zip(equal, vectors, strict=True)
            ]
        return voices
