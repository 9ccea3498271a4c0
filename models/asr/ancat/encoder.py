"""The streaming ANCAT encoder: a frame leaves once all frames that it attends to have arrived.

Each layer keeps the keys and values of its inputs so far, and a queue of frames that wait for
later ones. Frames leave each layer in order. Layers have frames of 20 ms; after the last layer
they are joined in pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.asr.ancat.network import FRONT_BLOCKS, PAIR, Ancat, spans
from models.asr.streaming.causal_encoder import CausalEncoder, CausalEncoderState
from models.asr.whisper.whisper import EncoderLayer, KeyValue


@dataclass(frozen=True, slots=True, eq=False)
class EncodedFrame:
    """`hidden` is (width,); the input block with number `arrival` completed the frame."""

    hidden: Tensor
    arrival: int


@dataclass(frozen=True, slots=True, eq=False)
class AncatLayerState:
    """The state of one layer.

    `past` are keys and values of all inputs, `arrivals` the block that completed each input.
    `waiting` (1, n, width) are inputs without an output yet, and `last_visible` the index of the
    last input that each of them attends to. `last_arrival` is the arrival of the last output.
    """

    past: KeyValue | None
    arrivals: tuple[int, ...]
    waiting: Tensor
    last_visible: tuple[int, ...]
    last_arrival: int


@dataclass(frozen=True, slots=True, eq=False)
class AncatEncoderState:
    """The state of a stream after `blocks` input blocks.

    `unpaired` is the first frame of a pair whose second frame has not left the layers yet.
    """

    front: CausalEncoderState
    layers: tuple[AncatLayerState, ...]
    blocks: int = 0
    unpaired: tuple[EncodedFrame, ...] = ()


class AncatEncoder:
    """Scaled log-mel frames in, hidden frames of 40 ms out, in order.

    A stream has at most `model.max_frames` frames, 30 s; then its caller begins a new state.
    """

    def __init__(self, model: Ancat) -> None:
        """Stream `model`.

        Raises:
            ValueError: it attends to the whole clip, so it cannot be streamed.
        """
        if model.config.mode == "full":
            raise ValueError("a model that attends to whole clips cannot be streamed")
        self.model = model
        self.front = CausalEncoder(model.front, FRONT_BLOCKS)

    def init_state(self) -> AncatEncoderState:
        front = self.front.init_state()
        none = front.waiting.new_zeros(1, 0, front.waiting.shape[2])
        empty = AncatLayerState(None, (), none, (), 0)
        return AncatEncoderState(front, (empty,) * len(self.model.layers))

    def step(
        self, state: AncatEncoderState, mel: Tensor
    ) -> tuple[AncatEncoderState, list[EncodedFrame]]:
        """Consume (mels, n) and return the frames that became complete.

        Raises:
            ValueError: the stream is longer than the model has positions for.
        """
        front, blocks = self.front.step(state.front, mel)
        return self._run(replace(state, front=front), blocks, last=False)

    def flush(self, state: AncatEncoderState) -> list[EncodedFrame]:
        """Return the frames that still wait, as if the audio ended here."""
        return self._run(state, self.front.flush(state.front), last=True)[1]

    def _run(
        self, state: AncatEncoderState, blocks: Sequence[Tensor], *, last: bool
    ) -> tuple[AncatEncoderState, list[EncodedFrame]]:
        """Run blocks through the layers, and join the frames that leave them."""
        x = torch.cat([state.front.waiting.new_zeros(0, self.model.pool.out_features), *blocks])
        x = x[None]
        arrivals = [state.blocks + index for index, block in enumerate(blocks) for _ in block]
        layers = []
        for index, layer in enumerate(state.layers):
            updated, x, arrivals = self._run_layer(index, layer, x, arrivals, last=last)
            layers.append(updated)
        new = (EncodedFrame(row, arrival) for row, arrival in zip(x[0], arrivals, strict=True))
        frames = (*state.unpaired, *new)
        count = len(frames) if last else len(frames) - len(frames) % PAIR
        state = replace(
            state,
            layers=tuple(layers),
            blocks=state.blocks + len(blocks),
            unpaired=frames[count:],
        )
        return state, self._join_pairs(frames[:count])

    def _join_pairs(self, frames: Sequence[EncodedFrame]) -> list[EncodedFrame]:
        if not frames:
            return []
        hidden, arrivals = self.model.join_pairs(
            torch.stack([frame.hidden for frame in frames])[None],
            torch.tensor([[frame.arrival for frame in frames]]),
        )
        return [EncodedFrame(*pair) for pair in zip(hidden[0], arrivals[0].tolist(), strict=True)]

    def _run_layer(
        self, index: int, state: AncatLayerState, x: Tensor, arrivals: list[int], *, last: bool
    ) -> tuple[AncatLayerState, Tensor, list[int]]:
        """Take inputs with their arrivals; return the outputs that are complete, with theirs."""
        layer = self.model.layers[index]
        assert isinstance(layer, EncoderLayer)
        if arrivals:
            state = self._append(index, layer, state, x, arrivals)
        total = len(state.arrivals)
        ready = 0
        while ready < len(state.last_visible) and (last or state.last_visible[ready] < total):
            ready += 1
        if not ready:
            return state, x[:, :0], []
        assert state.past is not None
        x, visible = state.waiting[:, :ready], state.last_visible[:ready]
        position = torch.arange(total, device=x.device)
        mask = position <= torch.tensor(visible, device=x.device)[:, None]
        x = x + layer.self_attention(layer.self_attention_norm(x), state.past, mask)
        x = x + layer.feed_forward(layer.feed_forward_norm(x))
        last_arrival, outputs = state.last_arrival, []
        for one in visible:
            last_arrival = max(last_arrival, state.arrivals[min(one, total - 1)])
            outputs.append(last_arrival)
        state = replace(
            state,
            waiting=state.waiting[:, ready:],
            last_visible=state.last_visible[ready:],
            last_arrival=last_arrival,
        )
        return state, x, outputs

    def _append(
        self,
        index: int,
        layer: EncoderLayer,
        state: AncatLayerState,
        x: Tensor,
        arrivals: list[int],
    ) -> AncatLayerState:
        """Cache the keys and values of inputs, and decide how far ahead each of them attends."""
        normed = layer.self_attention_norm(x)
        past = layer.self_attention.keys_values(normed)
        if state.past is not None:
            past = (
                torch.cat([state.past[0], past[0]], 2),
                torch.cat([state.past[1], past[1]], 2),
            )
        ahead = spans(self.model.gates(index, normed, None))[0].tolist()
        first = len(state.arrivals)
        return AncatLayerState(
            past,
            (*state.arrivals, *arrivals),
            torch.cat([state.waiting, x], 1),
            (*state.last_visible, *(first + offset + span for offset, span in enumerate(ahead))),
            state.last_arrival,
        )
