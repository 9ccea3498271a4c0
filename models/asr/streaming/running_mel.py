"""Whisper's log-mel input for endless audio, normalized by the loudest bin so far.

Whisper normalizes by the loudest bin of the whole window, which a stream does not know yet. Here
a frame is normalized by the loudest bin up to itself, so later audio never changes a frame. A
model has to be trained on this.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from models.asr.whisper.mel import DYNAMIC_RANGE, MelState, Samples, StreamingMel

# log10 energy of the loudest bin assumed before the stream begins, that of a quiet talker.
# Without it, the silence before the first word would look like loud noise.
MIN_PEAK = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class RunningMelState:
    """Audio for the next frames, and the loudest log10 energy so far."""

    sound: MelState
    loudest: float


class RunningMel:
    """Scaled log-mel frames, each a float32 (mels,), in about [-1, 1.5]."""

    def __init__(self, mels: int = 80) -> None:
        self.frames = StreamingMel(mels)

    def init_state(self, loudest: float = MIN_PEAK) -> RunningMelState:
        """Return the state before any audio; `loudest` carries over the level of a stream."""
        return RunningMelState(self.frames.init_state(), loudest)

    def step(self, state: RunningMelState, chunk: Samples) -> tuple[RunningMelState, list[Tensor]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz."""
        sound, energies = self.frames.step(state.sound, chunk)
        scaled, loudest = _scale(energies, state.loudest)
        return RunningMelState(sound, loudest), scaled

    def flush(self, state: RunningMelState) -> list[Tensor]:
        """Return the frames that still wait for audio, as if it were mirrored at its end."""
        return _scale(self.frames.flush(state.sound), state.loudest)[0]


def running_log_mel(samples: Samples, mels: int = 80) -> Tensor:
    """Return the frames of all of `samples`, float32 (mels, len(samples) // HOP).

    `samples` is float32 (n,) in [-1, 1] at 16 kHz.

    Raises:
        ValueError: `samples` has another shape, or is too short for a frame.
    """
    if samples.ndim != 1:
        raise ValueError(f"expected 1-D samples, got {samples.shape}")
    model = RunningMel(mels)
    state, frames = model.step(model.init_state(), samples)
    frames = [*frames, *model.flush(state)]
    if not frames:
        raise ValueError(f"{len(samples)} samples are too few for a frame")
    return torch.stack(frames, 1)


def _scale(energies: list[Tensor], loudest: float) -> tuple[list[Tensor], float]:
    """Scale frames of log10 energies in order, and return the loudest after them."""
    if not energies:
        return [], loudest
    stacked = torch.stack(energies)
    peaks = stacked.amax(1).clamp(min=loudest).cummax(0).values
    scaled = (torch.maximum(stacked, peaks[:, None] - DYNAMIC_RANGE) + 4.0) / 4.0
    return list(scaled), float(peaks[-1])
