"""A recording that is read as it is needed, and its speech."""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from models.asr.offline.windows import Window, next_window
from models.asr.speech_activity import (
    FRAME,
    Region,
    Samples,
    VoiceActivityDetector,
    clipped,
    speech_regions,
)
from models.asr.words import RATE

AHEAD = 60 * RATE  # samples that are read before a window is chosen; at least two windows
READ = 10 * RATE  # samples that are read at once


# Takes what was read: samples, and the probabilities of speech of frames complete with them.
Hear = Callable[[Samples, Sequence[float]], None]


class SpeechAudio:
    """Positions are samples of the recording; `end` is how far it was read.

    `hear` is called with all that is read, in order.
    """

    def __init__(
        self,
        detector: VoiceActivityDetector,
        chunks: Iterator[Samples],
        hear: Hear | None = None,
    ) -> None:
        self._detector = detector
        self._hear = hear
        self._chunks = chunks
        self._vad = detector.init_state()
        self._samples = np.zeros(0, np.float32)
        self._probabilities: list[float] = []
        self._start = 0  # a multiple of FRAME: sample of the first of both
        self.ended = False

    @property
    def end(self) -> int:
        return self._start + len(self._samples)

    @property
    def held(self) -> int:
        """How many samples are in memory."""
        return len(self._samples)

    def read(self, count: int = READ) -> None:
        """Read at least `count` samples, or to the end."""
        parts: list[Samples] = []
        while sum(map(len, parts)) < count and not self.ended:
            part = next(self._chunks, None)
            self.ended = part is None
            # Silence completes the last frame.
            parts.append(np.zeros(FRAME, np.float32) if part is None else part)
        heard = np.concatenate(parts, dtype=np.float32)
        self._vad, probabilities = self._detector.step(self._vad, heard)
        if self._hear is not None:
            self._hear(heard, probabilities)
        self._probabilities += probabilities
        self._samples = np.concatenate([self._samples, heard[: len(heard) - self.ended * FRAME]])

    def next_window(self, position: int, max_window: int) -> Window | None:
        """Return the window that begins with the first speech after `position`, if it is read."""
        while (first := self._first_speech(position)) is not None:
            end = self.end if self.ended else first + AHEAD
            if end <= self.end:
                speech = clipped(self._speech(), 0, end)
                if not self.ended and speech[-1][1] == end:
                    speech = speech[:-1]  # its end is not known yet
                return next_window(speech, position, end, max_window=max_window)
            self.read()
        return None

    def samples(self, start: int, end: int) -> Samples:
        return self._samples[start - self._start : end - self._start]

    def drop(self, position: int) -> None:
        """Forget what is long before `position`."""
        count = max(0, position - RATE - self._start) // FRAME
        self._samples = self._samples[count * FRAME :]
        self._probabilities = self._probabilities[count:]
        self._start += count * FRAME

    def _speech(self) -> list[Region]:
        found = speech_regions(self._probabilities)
        return clipped(((a + self._start, b + self._start) for a, b in found), 0, self.end)

    def _first_speech(self, position: int) -> int | None:
        """Return the first sample of speech from `position` on."""
        return next((max(a, position) for a, b in self._speech() if b > position), None)
