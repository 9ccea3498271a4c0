"""Silero's voice activity detector, run by ONNX Runtime.

The network is recurrent and takes frames of 32 ms with 4 ms of audio before them. Its recurrent
state is part of `VadState`, so one detector serves every session. `speech_activity` decides what
is speech, the pipeline when a turn starts and ends.

Source: Silero VAD 6, github.com/snakers4/silero-vad.
"""

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
        sound = np.concatenate([state.context, state.rest, samples], dtype=np.float32)
        memory, probabilities = state.memory, []
        count = (len(sound) - CONTEXT) // FRAME
        for start in range(0, count * FRAME, FRAME):
            feeds = {
                "input": sound[None, start : start + CONTEXT + FRAME],
                "state": memory,
                "sr": np.array(RATE, np.int64),
            }
            output, memory = self._network.run(["output", "stateN"], feeds)
            probabilities.append(float(output[0, 0]))
        done = count * FRAME
        context, rest = sound[done : done + CONTEXT], sound[done + CONTEXT :]
        return VadState(memory, context, rest), probabilities

    def flush(self, state: VadState) -> list[float]:
        """Return nothing: less than a frame is left."""
        return []


def load_silero(folder: Path, progress: Progress | None = None) -> SileroVad:
    """Return the detector with the packaged weights, which are fetched into `folder`.

    Raises:
        WeightsError: they cannot be downloaded, or are damaged.
    """
    return SileroVad(fetch_weights("silero-vad", folder, progress=progress) / "silero_vad.onnx")
