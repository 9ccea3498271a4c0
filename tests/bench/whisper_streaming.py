"""The method of whisper_streaming on faster-whisper, to measure against; from its paper.

Each interval the whole buffer is transcribed with word times; words that follow what was
committed and that two transcripts in a row agree on are committed; past 15 s the buffer is cut
at the end of a committed segment. Source: Machacek, Dabre and Bojar 2023, section 2.
"""

import numpy as np
from faster_whisper import WhisperModel
from numpy.typing import NDArray

RATE = 16_000
TRIM = 15.0  # seconds
PROMPT = 200  # characters of text before the buffer
OVERLAP = 5  # words compared with those committed before

Timed = tuple[float, float, str]  # start, end, word


class WhisperStreaming:
    def __init__(self, model: WhisperModel, interval: float) -> None:
        self.model = model
        self.interval = round(interval * RATE)
        self.offset = 0.0  # seconds cut off so far
        self.committed: list[Timed] = []
        self.pending: list[Timed] = []
        self.segments: list[float] = []

    def stream(self, samples: NDArray[np.float32]) -> list[tuple[list[str], float]]:
        """Return words and the sound heard when they were committed; the last ones at infinity."""
        pieces = [
            ([word for _, _, word in self.listen(samples[:end])], end / RATE)
            for end in range(self.interval, len(samples) + 1, self.interval)
        ]
        last = self.listen(samples) if len(samples) % self.interval else []
        return [*pieces, ([word for _, _, word in last + self.pending], float("inf"))]

    def listen(self, samples: NDArray[np.float32]) -> list[Timed]:
        buffer = samples[round(self.offset * RATE) :]
        fresh = self.after_committed(self.transcribe(buffer))
        count = 0
        while (
            count < min(len(fresh), len(self.pending)) and fresh[count][2] == self.pending[count][2]
        ):
            count += 1
        news, self.pending = fresh[:count], fresh[count:]
        self.committed += news
        if len(buffer) > TRIM * RATE:
            self.cut()
        return news

    def transcribe(self, buffer: NDArray[np.float32]) -> list[Timed]:
        text = "".join(word for _, end, word in self.committed if end <= self.offset)
        segments, _ = self.model.transcribe(
            buffer,
            language="en",
            beam_size=5,
            word_timestamps=True,
            condition_on_previous_text=True,
            initial_prompt=text[-PROMPT:] or None,
        )
        found = list(segments)
        self.segments = [segment.end + self.offset for segment in found]
        return [
            (word.start + self.offset, word.end + self.offset, word.word)
            for segment in found
            if segment.no_speech_prob <= 0.9
            for word in segment.words or ()
        ]

    def after_committed(self, words: list[Timed]) -> list[Timed]:
        """Leave out words before the last committed one, and those said again at its edge."""
        if not self.committed:
            return words
        last = self.committed[-1][1]
        fresh = [word for word in words if word[0] > last - 0.1]
        if fresh and abs(fresh[0][0] - last) < 1:
            for count in range(1, min(OVERLAP, len(fresh), len(self.committed)) + 1):
                tail = [word for _, _, word in self.committed[-count:]]
                if tail == [word for _, _, word in fresh[:count]]:
                    return fresh[count:]
        return fresh

    def cut(self) -> None:
        """Cut at the end of the last segment but one that is wholly committed."""
        if not self.committed:
            return
        last = self.committed[-1][1]
        ends = [end for end in self.segments[:-1] if end <= last]
        if ends:
            self.offset = ends[-1]
