"""The adaptive encoder as a stream: a frame leaves once all that it looks ahead to is there.

Each layer keeps the keys and values of its inputs so far, and a queue of frames that wait for
later ones. Frames leave each layer in order, so the next one can take them as they come. Layers
have frames of 20 ms; pairs of them are joined behind the last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from models.asr.ancat.network import FRONT, POOLED, Ancat, spans
from models.asr.streaming.causal import CausalEncoder
from models.asr.streaming.causal import EncoderState as FrontState
from models.asr.whisper.whisper import EncoderLayer, KeyValue


@dataclass(frozen=True, slots=True, eq=False)
class Heard:
    """A frame: `hidden` (width,); the pair of frames with number `arrival` completed it."""

    hidden: Tensor
    arrival: int


@dataclass(frozen=True, slots=True, eq=False)
class LayerState:
    """What one layer remembers.

    `past` are keys and values of all its inputs, `times` when each of them was there.
    `waiting` (1, n, width) are the inputs that are not answered yet, and `until` the number of
    the last input that each of them looks at. `left` is when the last answer was there.
    """

    past: KeyValue | None
    times: tuple[int, ...]
    waiting: Tensor
    until: tuple[int, ...]
    left: int


@dataclass(frozen=True, slots=True, eq=False)
class AncatState:
    """What the encoder remembers of a stream.

    `pairs` is how many came in; `half` is the first frame of a pair, where the second is not
    there yet.
    """

    front: FrontState
    layers: tuple[LayerState, ...]
    pairs: int = 0
    half: tuple[Heard, ...] = ()


class AncatEncoder:
    """Scaled log-mel frames in, hidden frames of 40 ms out, in order.

    A stream holds `limit` frames, 30 s; then its caller begins another.
    """

    def __init__(self, model: Ancat) -> None:
        """Stream `model`.

        Raises:
            ValueError: it looks to the end of the clip, so it cannot be streamed.
        """
        if model.config.mode == "full":
            raise ValueError("a model that looks at whole clips cannot be streamed")
        self.model = model
        self.front = CausalEncoder(model.front, FRONT)

    def init_state(self) -> AncatState:
        front = self.front.init_state()
        none = front.waiting.new_zeros(1, 0, front.waiting.shape[2])
        empty = LayerState(None, (), none, (), 0)
        return AncatState(front, (empty,) * len(self.model.layers))

    def step(self, state: AncatState, mel: Tensor) -> tuple[AncatState, list[Heard]]:
        """Consume (mels, n) and return the frames that became complete.

        Raises:
            ValueError: the stream is longer than the model has positions for.
        """
        front, blocks = self.front.step(state.front, mel)
        state, heard = self._pass(replace(state, front=front), blocks, last=False)
        return state, heard

    def flush(self, state: AncatState) -> list[Heard]:
        """Return the frames that were waiting, as if nothing followed the sound."""
        _, heard = self._pass(state, self.front.flush(state.front), last=True)
        return heard

    def _pass(
        self, state: AncatState, blocks: Sequence[Tensor], *, last: bool
    ) -> tuple[AncatState, list[Heard]]:
        """Send frames up through the layers, and join those that come out."""
        x = torch.cat([state.front.waiting.new_zeros(0, self.model.pool.out_features), *blocks])
        x = x[None]
        times = [state.pairs + place for place, block in enumerate(blocks) for _ in block]
        layers = []
        for index, layer in enumerate(state.layers):
            grown, x, times = self._layer(index, layer, x, times, last=last)
            layers.append(grown)
        fresh = (Heard(row, time) for row, time in zip(x[0], times, strict=True))
        waiting = (*state.half, *fresh)
        whole = len(waiting) if last else len(waiting) - len(waiting) % POOLED
        state = replace(
            state, layers=tuple(layers), pairs=state.pairs + len(blocks), half=waiting[whole:]
        )
        return state, self._joined(waiting[:whole])

    def _joined(self, frames: Sequence[Heard]) -> list[Heard]:
        """Return one frame for each pair of `frames`, which is there with the later one."""
        if not frames:
            return []
        hidden = self.model.joined(torch.stack([frame.hidden for frame in frames])[None])[0]
        arrivals = [frame.arrival for frame in frames]
        ends = [*arrivals[POOLED - 1 :: POOLED], arrivals[-1]]
        return [Heard(row, time) for row, time in zip(hidden, ends, strict=False)]

    def _layer(
        self, index: int, state: LayerState, x: Tensor, times: list[int], *, last: bool
    ) -> tuple[LayerState, Tensor, list[int]]:
        """Take inputs that were there at `times`; return the answers that are complete."""
        layer = self.model.layers[index]
        assert isinstance(layer, EncoderLayer)
        if times:
            state = self._take(index, layer, state, x, times)
        total = len(state.times)
        ready = 0
        while ready < len(state.until) and (last or state.until[ready] < total):
            ready += 1
        if not ready:
            return state, x[:, :0], []
        assert state.past is not None
        x, until = state.waiting[:, :ready], state.until[:ready]
        place = torch.arange(total, device=x.device)
        mask = place <= torch.tensor(until, device=x.device)[:, None]
        x = x + layer.self_attention(layer.self_attention_norm(x), state.past, mask)
        x = x + layer.feed_forward(layer.feed_forward_norm(x))
        left, done = state.left, []
        for one in until:
            left = max(left, state.times[min(one, total - 1)])
            done.append(left)
        kept = replace(
            state, waiting=state.waiting[:, ready:], until=state.until[ready:], left=left
        )
        return kept, x, done

    def _take(
        self, index: int, layer: EncoderLayer, state: LayerState, x: Tensor, times: list[int]
    ) -> LayerState:
        """Remember inputs, and decide how far each of them will look."""
        normed = layer.self_attention_norm(x)
        past = layer.self_attention.keys_values(normed)
        if state.past is not None:
            past = (
                torch.cat([state.past[0], past[0]], 2),
                torch.cat([state.past[1], past[1]], 2),
            )
        looks = spans(self.model.gates(index, normed, None))[0].tolist()
        first = len(state.times)
        until = tuple(first + place + look for place, look in enumerate(looks))
        return LayerState(
            past,
            (*state.times, *times),
            torch.cat([state.waiting, x], 1),
            state.until + until,
            state.left,
        )
