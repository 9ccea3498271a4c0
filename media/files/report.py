"""What reading a file gave, and what had to be left out of it, for its user."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from media.frames import SAMPLE_RATE

SILENCE = 1e-3  # of full scale, -60 dB: quieter than the noise of any microphone in use
MAX_PACKET = 1.0  # seconds: a longer packet of sound has a damaged duration


@dataclass(slots=True)
class DecodingReport:
    """Filled while a file is decoded; its caller holds it.

    `damaged` counts the packets that were left out, by kind of stream, and `damaged_seconds` is
    the sound in them. `ended` says why reading ended before the end of the file. `samples` and
    `peak` describe the sound at 16 kHz.
    """

    damaged: Counter[str] = field(default_factory=Counter)
    damaged_seconds: float = 0.0
    ended: str = ""
    samples: int = 0
    peak: float = 0.0

    def note_damage(self, kind: str, seconds: float = 0.0) -> None:
        """Count a packet of `kind`, "audio" or "video", that was left out."""
        self.damaged[kind] += 1
        if kind == "audio" and 0 < seconds <= MAX_PACKET:
            self.damaged_seconds += seconds

    def note_sound(self, samples: NDArray[np.float32]) -> None:
        """Count decoded sound."""
        self.samples += len(samples)
        if len(samples):
            self.peak = max(self.peak, float(np.abs(samples).max()))

    @property
    def left_out(self) -> str:
        """What was left out, in one line; empty if nothing was."""
        parts = []
        if count := self.damaged["audio"]:
            seconds = f" ({self.damaged_seconds:.2f} s)" if self.damaged_seconds else ""
            parts.append(f"{_packets(count)} of sound{seconds}")
        if count := self.damaged["video"]:
            parts.append(f"{_packets(count)} of video")
        lines = [f"left out {' and '.join(parts)}"] if parts else []
        if self.ended:
            lines.append(f"the rest cannot be read: {self.ended}")
        return "; ".join(lines)

    @property
    def why_no_words(self) -> str:
        """Why a transcript is empty, as far as the sound explains it."""
        if not self.samples:
            return "no sound could be decoded"
        if self.peak < SILENCE:
            return "the sound is silent"
        return f"no speech was recognized in {self.samples / SAMPLE_RATE:.0f} s of sound"


def _packets(count: int) -> str:
    return "1 damaged packet" if count == 1 else f"{count} damaged packets"
