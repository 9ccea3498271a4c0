"""The streaming ANCAT encoder: a frame leaves once all frames that it attends to have arrived.

Frames leave each layer in order. Layers have frames of 20 ms; after the last layer they are joined
in pairs. The network runs in an engine, with the caches of a stream (`encoder_network`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.asr.ancat.encoder_network import (
    AROUND,
    MARGIN,
    MAX_PAIRS,
    MEL_FRAMES,
    AncatEncoderNetwork,
)
from models.asr.ancat.network import PAIR, Ancat
from models.engine import Engine, EngineState, TorchEngine

ROWS = 8  # frames that each layer can output in one run: more take another run
SLOT_STEP = 128  # the slots that are attended to are a multiple of it


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """`hidden` is (width,); the input block with number `arrival` completed the frame."""

    hidden: Tensor
    arrival: int


@dataclass(frozen=True, slots=True, eq=False)
class AncatEncoderState:
    """The state of a stream.

    `mel` (mels, n) are the frames of log-mel from two before the next frame of 20 ms on.
    `arrivals` are the numbers of the input blocks that completed each frame: of the frames that
    entered, and of those that each layer gave out.
    """

    caches: EngineState
    mel: Tensor
    arrivals: tuple[tuple[int, ...], ...]

    @property
    def given(self) -> tuple[int, ...]:
        """How many frames of 20 ms entered, and left each layer."""
        return tuple(len(each) for each in self.arrivals)

    @property
    def blocks(self) -> int:
        """How many blocks, each a pair of frames, entered."""
        return -(-len(self.arrivals[0]) // PAIR)

    def copy(self) -> "AncatEncoderState":
        """Return a state of its own: `step` and `flush` write into the caches."""
        return replace(self, caches=self.caches.copy())


class AncatEncoder:
    """Scaled log-mel frames in, hidden frames of 40 ms out, in order.

    A stream has at most `max_frames` frames of 40 ms; then its caller begins a new state.
    """

    def __init__(self, engine: Engine) -> None:
        """Stream through `engine`, that of an `AncatEncoderNetwork`."""
        self._engine = engine
        sizes = {each.name: each for each in (*engine.spec.inputs, *engine.spec.state)}
        self._mels = int(sizes["mel"].shape[1])
        self._type = sizes["mel"].dtype
        self._layers = int(sizes["given"].shape[1]) - 1
        self._slots = int(sizes["layer.0.inputs"].shape[2])
        self._positions = self._slots - MARGIN

    @property
    def mels(self) -> int:
        return self._mels

    @property
    def max_frames(self) -> int:
        return self._positions // PAIR

    def init_state(self) -> AncatEncoderState:
        return AncatEncoderState(
            self._engine.new_state(batch=1),
            # The convolutions read zeros before the first frame.
            torch.zeros(self._mels, AROUND - 1, dtype=self._type),
            ((),) * (self._layers + 1),
        )

    def step(
        self, state: AncatEncoderState, mel: Tensor
    ) -> tuple[AncatEncoderState, list[EncodedFrame]]:
        """Consume (mels, n) and return the frames that became complete.

        Raises:
            ValueError: the stream is longer than the model has positions for.
        """
        state = replace(state, mel=torch.cat([state.mel, mel.to(self._type)], 1))
        frames: list[EncodedFrame] = []
        while (pairs := min(MAX_PAIRS, (state.mel.shape[1] - AROUND) // MEL_FRAMES)) > 0:
            self._check_length(len(state.arrivals[0]) + PAIR * pairs)
            count = MEL_FRAMES * pairs
            window = state.mel[:, : count + AROUND]
            state = replace(state, mel=state.mel[:, count:])
            state, new = self._run(state, window, count, ended=False)
            frames += new
        return state, frames

    def flush(self, state: AncatEncoderState) -> list[EncodedFrame]:
        """Return the frames that still wait, as if the audio ended here."""
        count = state.mel.shape[1] - (AROUND - 1)
        self._check_length(len(state.arrivals[0]) + (count + 1) // 2)
        window = self._padded(state.mel)
        return self._run(state, window, count, ended=True)[1]

    def _check_length(self, frames: int) -> None:
        if frames > self._positions:
            raise ValueError(
                f"the stream is longer than the {self._positions} frames that the model has "
                "places for: begin a new state"
            )

    def _padded(self, mel: Tensor) -> Tensor:
        """Return `mel` followed by zeros, as for one pair of frames."""
        missing = MEL_FRAMES + AROUND - mel.shape[1]
        return torch.nn.functional.pad(mel, (0, missing))

    def _run(
        self, state: AncatEncoderState, window: Tensor, count: int, *, ended: bool
    ) -> tuple[AncatEncoderState, list[EncodedFrame]]:
        """Run the network until no layer can give out more.

        `window` are the frames of log-mel for `count` of them, and those around.
        """
        frames: list[EncodedFrame] = []
        while True:
            before = state.given
            made = self._engine.run(self._inputs(before, window, count, ended), state.caches)
            arrivals = _arrivals(state.arrivals, made["given_now"], made["last_seen"])
            state = replace(state, arrivals=arrivals)
            given = state.given
            new = -(-(given[-1] - before[-1]) // PAIR)
            ends = arrivals[-1][before[-1] + 1 :: PAIR] + arrivals[-1][-1:]
            frames += map(EncodedFrame, made["hidden"][0, :new].unbind(), ends)
            moved = [now - then for now, then in zip(given[1:], before[1:], strict=True)]
            if not (given[-1] < given[0] if ended else max(moved) == ROWS):
                return state, frames
            window, count = self._padded(window[:, :0]), 0

    def _inputs(
        self, given: Sequence[int], window: Tensor, count: int, ended: bool
    ) -> dict[str, Tensor]:
        total = given[0] + (count + 1) // 2
        seen = min(-(-max(total, 1) // SLOT_STEP) * SLOT_STEP, self._slots)
        return {
            "mel_before": window[None, :, :AROUND],
            "mel": window[None, :, AROUND:],
            "mel_count": torch.tensor([count]),
            "given": torch.tensor([given]),
            "ended": torch.tensor([ended]),
            "rows": torch.arange(ROWS),
            "slots": torch.arange(seen),
        }


def _arrivals(
    before: tuple[tuple[int, ...], ...], given: Tensor, last_seen: Tensor
) -> tuple[tuple[int, ...], ...]:
    """Return the arrivals after a run; a frame arrives with the last input that it attends to."""
    entered, *counts = given[0].tolist()
    inputs = (*before[0], *(place // PAIR for place in range(len(before[0]), entered)))
    arrivals = [inputs]
    for old, count, seen in zip(before[1:], counts, last_seen[0].tolist(), strict=True):
        latest, new = old[-1] if old else 0, []
        for last in seen[: count - len(old)]:
            latest = max(latest, inputs[last])
            new.append(latest)
        inputs = (*old, *new)
        arrivals.append(inputs)
    return tuple(arrivals)


def encoder_in_torch(model: Ancat) -> AncatEncoder:
    """Return `model` itself as a stream, for training and tests.

    Raises:
        ValueError: it attends to the whole clip, so it cannot be streamed.
    """
    return AncatEncoder(TorchEngine(AncatEncoderNetwork(model)))
