"""Silero's voice activity detector, run by ONNX Runtime.

The network is recurrent and takes frames of 32 ms with 4 ms of audio before them. Its recurrent
state is part of `VadState`, so one detector serves every session. `speech_activity` decides what
is speech, the pipeline when a turn starts and ends.

Source: Silero VAD 6, github.com/snakers4/silero-vad.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from models.asr.speech_activity import FRAME
from models.asr.words import RATE
from models.errors import WeightsError
from models.weights.fetch import Progress, fetch_weights

CONTEXT = 64  # samples before a frame that the network takes too

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class VadState:
    """`memory` is float32 (2, 1, 128), `context` (CONTEXT,), `rest` (n,) with n < FRAME."""

    memory: Floats
    context: Floats
    rest: Floats


class SileroVad:
    """Probability of speech in [0, 1] for each FRAME of audio, the only size it accepts at 16 kHz.

    `file` is the ONNX network.

    Raises:
        WeightsError: the file is missing or is not that network.
    """

    max_batch = 64  # streams at once

    def __init__(self, file: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        try:
            self._network = onnxruntime.InferenceSession(
                str(file), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # ONNX Runtime's errors have no common base but this
            raise WeightsError(
                f"{file}: not Silero's network ({error}); fetch silero-vad again"
            ) from error

    def init_state(self) -> VadState:
        return VadState(
            np.zeros((2, 1, 128), np.float32),
            np.zeros(CONTEXT, np.float32),
            np.zeros(0, np.float32),
        )

    def step(self, state: VadState, samples: Floats) -> tuple[VadState, list[float]]:
        """Consume float32 (n,) in [-1, 1] at 16 kHz."""
        return self.step_many([state], [samples])[0]

    def step_many(
        self, states: Sequence[VadState], chunks: Sequence[Floats]
    ) -> list[tuple[VadState, list[float]]]:
        """Consume the next samples of several streams; frame by frame, those that have one."""
        sounds = [
            np.concatenate([state.context, state.rest, samples], dtype=np.float32)
            for state, samples in zip(states, chunks, strict=True)
        ]
        counts = [(len(sound) - CONTEXT) // FRAME for sound in sounds]
        memory = np.concatenate([state.memory for state in states], axis=1)
        found: list[list[float]] = [[] for _ in states]
        for start in range(0, max(counts, default=0) * FRAME, FRAME):
            rows = [row for row, count in enumerate(counts) if start < count * FRAME]
            frames = np.stack([sounds[row][start : start + CONTEXT + FRAME] for row in rows])
            feeds = {"input": frames, "state": memory[:, rows], "sr": np.array(RATE, np.int64)}
            output, memory[:, rows] = self._network.run(["output", "stateN"], feeds)
            for row, probability in zip(rows, output[:, 0].tolist(), strict=True):
                found[row].append(probability)
        made = []
        for row, (sound, count) in enumerate(zip(sounds, counts, strict=True)):
            done = count * FRAME
            state = VadState(
                memory[:, row : row + 1], sound[done : done + CONTEXT], sound[done + CONTEXT :]
            )
            made.append((state, found[row]))
        return made

    def flush(self, state: VadState) -> list[float]:
        """Return nothing: less than a frame is left."""
        return []


def load_silero(folder: Path, progress: Progress | None = None) -> SileroVad:
    """Return the detector with the packaged weights, which are fetched into `folder`.

    Raises:
        WeightsError: they cannot be downloaded, or are damaged.
    """
    return SileroVad(fetch_weights("silero-vad", folder, progress=progress) / "silero_vad.onnx")
