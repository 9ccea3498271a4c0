"""A decoder as one network for export: all layers, over caches of a fixed number of slots.

It serves a prompt and the tokens after it, a stream through a sliding window, and several streams
at once. Which slots a token sees is an input, so the caller decides what is in them.

    slots 0 to `sinks` - 1   keys of the opening, not rotated; a query whose window no longer
                             contains them is rotated to `far`
    other slots              keys rotated to their positions, in any order

The keys and values that a run adds are also returned, keys before rotation: that is what a memory
stores.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.engine import (
    SHORT,
    DimensionRange,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
    update_cache,
)
from models.language.decoder import DecoderConfig

MAX_BATCH = 16
MAX_COUNT = 512  # tokens of a stream in a run
MAX_SLOTS = 32_768
HIDDEN = -1e30  # added to the score of a slot that is not visible


@dataclass(frozen=True, slots=True, eq=False)
class Rotations:
    """Cosines and sines, (batch, count, width / 2) each: of keys, and of queries.

    Those of queries also scale by the width of a head.
    """

    key: tuple[Tensor, Tensor]
    near: tuple[Tensor, Tensor]
    far: tuple[Tensor, Tensor]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The slot that the new keys start at, (batch,), and what is added to all scores."""

    start: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class CacheSizes:
    """The opening of a windowed stream has `sinks` tokens.

    TensorRT needs caches of a fixed number of `slots`. Elsewhere each run reads all of them, so
    they had better grow with the stream.
    """

    sinks: int
    slots: int | None = None


def decoder_spec(config: DecoderConfig, sizes: CacheSizes, *, name: str) -> EngineSpec:
    """Return the tensors of the network.

    `x` are embeddings. `start` is the slot that the first of them goes to, and `last` the index of
    the one whose `scores` are returned. `cosines` and `sines` rotate to the position of each,
    `far` to the distance of the sinks. `mask` says which slots each token sees, at least one.
    The new `keys` and `values` are those of all layers, side by side.
    """
    head = config.head_width
    length = sizes.slots or "slots"
    cache = ("batch", config.key_heads, length, head)
    made = ("batch", config.layers * config.key_heads, "count", head)
    kind = torch.float32
    some = DimensionRange(sizes.sinks + 1, sizes.sinks + 512, MAX_SLOTS)
    slots = {} if sizes.slots else {"slots": some}
    return EngineSpec(
        name=name,
        inputs=(
            TensorSpec("x", kind, ("batch", "count", config.width)),
            TensorSpec("cosines", kind, ("batch", "count", head // 2)),
            TensorSpec("sines", kind, ("batch", "count", head // 2)),
            TensorSpec("far", kind, (2, head // 2)),
            TensorSpec("start", torch.int64, ("batch",)),
            TensorSpec("mask", torch.bool, ("batch", 1, "count", length)),
            TensorSpec("last", torch.int64, ("batch", 1, 1)),
        ),
        outputs=(
            TensorSpec("scores", kind, ("batch", config.vocabulary)),
            TensorSpec("keys", kind, made),
            TensorSpec("values", kind, made),
        ),
        state=tuple(
            TensorSpec(f"{part}.{layer}", kind, cache)
            for layer in range(config.layers)
            for part in ("keys", "values")
        ),
        profiles=(
            {
                "batch": DimensionRange(1, 2, 4),
                "count": DimensionRange(1, 64, MAX_COUNT),
                **slots,
            },
            {"batch": DimensionRange(1, 2, MAX_BATCH), "count": DimensionRange(1, 1, 1), **slots},
        ),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LayerParts:
    """The modules of a layer: products whose inputs are the same are one module."""

    attention_norm: Tensor
    asking: nn.Module  # queries, keys and values, side by side
    out: nn.Module
    inner_norm: Tensor
    feeding: nn.Module  # gate and up, side by side
    down: nn.Module


class NetworkLayer(nn.Module):
    """One layer: attention over a cache, and the MLP."""

    def __init__(self, config: DecoderConfig, parts: LayerParts, *, sinks: int) -> None:
        super().__init__()
        self.heads, self.key_heads = config.heads, config.key_heads
        self.width, self.epsilon, self.sinks = config.head_width, config.epsilon, sinks
        self.attention_norm = nn.Buffer(parts.attention_norm)
        self.inner_norm = nn.Buffer(parts.inner_norm)
        self.asking, self.out = parts.asking, parts.out
        self.feeding, self.down = parts.feeding, parts.down

    def forward(
        self, x: Tensor, rotations: Rotations, place: Place, cache: tuple[Tensor, Tensor]
    ) -> tuple[Tensor, tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """Return the output, keys before rotation and values of `x`, and the updated cache."""
        asked = self.asking(_normed(x, self.attention_norm, self.epsilon))
        asked = asked.unflatten(-1, (-1, self.width)).transpose(1, 2)
        query, key, value = asked.split([self.heads, self.key_heads, self.key_heads], 1)
        keys = update_cache(cache[0], _rotated(key, rotations.key), place.start)
        values = update_cache(cache[1], value, place.start)
        near = _rotated(query, rotations.near)
        far = _rotated(query, rotations.far) if self.sinks else None
        mixed = self._attention(near, far, keys, values, place.bias)
        x = x + self.out(mixed.transpose(1, 2).flatten(2))
        gate, up = self.feeding(_normed(x, self.inner_norm, self.epsilon)).chunk(2, -1)
        return x + self.down(F.silu(gate) * up), (key, value), (keys, values)

    def _attention(
        self, near: Tensor, far: Tensor | None, keys: Tensor, values: Tensor, bias: Tensor
    ) -> Tensor:
        """Return the mixed values, (batch, heads, count, width).

        The query heads that share keys are folded into one product. `bias` is 0 or minus infinity,
        (batch, 1, heads / key heads * count, slots).
        """
        scores = self._folded(near) @ keys.transpose(2, 3)
        if far is not None:
            distant = self._folded(far) @ keys[:, :, : self.sinks].transpose(2, 3)
            scores = torch.cat([distant, scores[..., self.sinks :]], -1)
        weights = (scores + bias).softmax(-1, dtype=torch.float32)
        mixed = weights.to(values.dtype) @ values
        return mixed.reshape(mixed.shape[0], self.heads, -1, self.width)

    def _folded(self, query: Tensor) -> Tensor:
        """Return (batch, key heads, heads / key heads * count, width)."""
        return query.reshape(query.shape[0], self.key_heads, -1, self.width)


class DecoderNetwork(ExportableNetwork):
    """The layers and the head of a decoder; see `decoder_spec` for its tensors."""

    def __init__(
        self,
        spec: EngineSpec,
        config: DecoderConfig,
        layers: Sequence[LayerParts],
        norm: Tensor,
        head: nn.Module,
        *,
        sinks: int,
    ) -> None:
        super().__init__()
        self.spec = spec
        self.config, self.sinks = config, sinks
        self.shared, self.width = config.heads // config.key_heads, config.head_width
        self.epsilon = config.epsilon
        self.layers = nn.ModuleList(NetworkLayer(config, each, sinks=sinks) for each in layers)
        self.norm = nn.Buffer(norm)
        self.head = head

    @property
    def device(self) -> torch.device:
        return self.norm.device

    def shortened(self) -> "DecoderNetwork | None":
        """Return the same network of its first layers, if there are more."""
        if len(self.layers) <= SHORT:
            return None
        slots = self.spec.state[0].shape[2]
        sizes = CacheSizes(self.sinks, slots if isinstance(slots, int) else None)
        config = replace(self.config, layers=SHORT)
        spec = decoder_spec(config, sizes, name=self.spec.name)
        short = DecoderNetwork(spec, config, [], self.norm, self.head, sinks=self.sinks)
        short.layers = self.layers[:SHORT]
        return short

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        x, cosines, sines, far, start, mask, last = tensors[:7]
        scale = self.width**-0.5
        distant = (far * scale)[:, None, None].expand(-1, *cosines.shape)
        rotations = Rotations(
            (cosines, sines), (cosines * scale, sines * scale), (distant[0], distant[1])
        )
        hidden = max(HIDDEN, torch.finfo(x.dtype).min / 2)  # float16 ends at -65504
        bias = torch.zeros_like(mask, dtype=x.dtype).masked_fill(~mask, hidden)
        place = Place(start, bias.repeat(1, 1, self.shared, 1))
        made, caches = [], list[Tensor]()
        for index, layer in enumerate(self.layers):
            cache = tensors[7 + 2 * index], tensors[8 + 2 * index]
            x, new, updated = layer(x, rotations, place, cache)
            made.append(new)
            caches += updated
        final = x.gather(1, last.expand(-1, -1, x.shape[-1]))
        scores = self.head(_normed(final, self.norm, self.epsilon))[:, 0]
        keys, values = (torch.cat(each, 1) for each in zip(*made, strict=True))
        return scores, keys, values, *caches


def _normed(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return F.rms_norm(x, weight.shape, weight, epsilon)


def _rotated(x: Tensor, rotation: tuple[Tensor, Tensor]) -> Tensor:
    """Return `x`, (batch, heads, count, width), rotated by (batch, count, width / 2) each."""
    turned: Tensor = torch.onnx.ops.rotary_embedding(x, *rotation)
    return turned
