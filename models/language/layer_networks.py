"""One layer of a dense decoder as a network for export: its weights are inputs.

So one file, and one compiled engine, serves all layers of all models of these sizes, and the
weights are held once, by PyTorch. The slots of a cache are used as in
`models.language.decoder_networks`.

`LayeredEngine` runs one layer after another with its weights, and computes the scores of the last
token in PyTorch. It is used as an engine of all layers is. What differs: a memory can select what a
layer reads before it is run, and key heads may see different slots.
"""

import weakref
from collections.abc import Mapping

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.engine import (
    DimensionRange,
    Engine,
    EngineSpec,
    EngineState,
    ExportableNetwork,
    TensorSpec,
    update_cache,
)
from models.errors import EngineError
from models.language.decoder import Decoder, DecoderConfig, DenseLayer
from models.language.decoder_networks import HIDDEN, MAX_BATCH, MAX_COUNT, MAX_SLOTS, CacheSizes
from models.language.engine_cache import NEW
from models.language.head_set import HeadSet

CACHES = ("cached_keys", "cached_values")
PER_LAYER = ("cosines", "sines", "start")  # inputs that all layers have in common


def layer_weights(layer: DenseLayer) -> dict[str, Tensor]:
    """Return the weights of a layer by their names in `layer_spec`; nothing is copied."""
    return {name.replace(".", "_"): each for name, each in layer.state_dict().items()}


def layer_spec(
    config: DecoderConfig, sizes: CacheSizes, dtype: torch.dtype, *, name: str, by_head: bool
) -> EngineSpec:
    """Return the tensors of the network; those of `decoder_spec` have the same meaning.

    What is visible, and the distance of the sinks, may differ between key heads if it is `by_head`.
    """
    head, kinds = config.head_width, config.key_heads if by_head else 1
    length = sizes.slots or "slots"
    cache = ("batch", config.key_heads, length, head)
    made = ("batch", config.key_heads, "count", head)
    some = DimensionRange(sizes.sinks + 1, sizes.sinks + 512, MAX_SLOTS)
    slots = {} if sizes.slots else {"slots": some}
    with torch.device("meta"):
        weights = layer_weights(DenseLayer(config))
    return EngineSpec(
        name=name,
        inputs=(
            TensorSpec("x", dtype, ("batch", "count", config.width)),
            TensorSpec("cosines", torch.float32, ("batch", "count", head // 2)),
            TensorSpec("sines", torch.float32, ("batch", "count", head // 2)),
            TensorSpec("far", torch.float32, (2, kinds, head // 2)),
            TensorSpec("start", torch.int64, ("batch",)),
            TensorSpec("mask", torch.bool, ("batch", kinds, "count", length)),
            *(TensorSpec(each, dtype, tuple(part.shape)) for each, part in weights.items()),
        ),
        outputs=(
            TensorSpec("output", dtype, ("batch", "count", config.width)),
            TensorSpec("keys", dtype, made),
            TensorSpec("values", dtype, made),
        ),
        state=tuple(TensorSpec(each, dtype, cache) for each in CACHES),
        profiles=(
            {
                "batch": DimensionRange(1, 1, 4),
                "count": DimensionRange(1, 196, MAX_COUNT),  # a frame of LLaVA-OneVision
                **slots,
            },
            {"batch": DimensionRange(1, 1, MAX_BATCH), "count": DimensionRange(1, 1, 1), **slots},
        ),
    )


class LayerNetwork(ExportableNetwork):
    """One layer: attention over a cache, and the MLP; see `layer_spec` for its tensors."""

    def __init__(self, spec: EngineSpec, config: DecoderConfig, *, sinks: int) -> None:
        super().__init__()
        self.spec = spec
        self.heads, self.key_heads, self.sinks = config.heads, config.key_heads, sinks
        self.width, self.epsilon = config.head_width, config.epsilon
        self.place = nn.Buffer(torch.zeros(()))  # it has no weights that could say where it is

    @property
    def device(self) -> torch.device:
        return self.place.device

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        names = [each.name for each in (*self.spec.inputs, *self.spec.state)]
        given = dict(zip(names, tensors, strict=True))
        x = given["x"]
        normed = self._normed(x, given["attention_norm_weight"])
        query, key, value = (
            self._projected(normed, given, part).transpose(1, 2)
            for part in ("query", "key", "value")
        )
        cosines, sines = given["cosines"], given["sines"]
        keys = update_cache(given["cached_keys"], _rotated(key, cosines, sines), given["start"])
        values = update_cache(given["cached_values"], value, given["start"])
        mixed = self._attention(query, given, keys, values)
        x = x + self._linear(mixed.transpose(1, 2).flatten(2), given, "out")
        inner = self._normed(x, given["inner_norm_weight"])
        fed = F.silu(self._linear(inner, given, "gate")) * self._linear(inner, given, "up")
        return x + self._linear(fed, given, "down"), key, value, keys, values

    def _attention(
        self, query: Tensor, given: Mapping[str, Tensor], keys: Tensor, values: Tensor
    ) -> Tensor:
        """Return the mixed values, (batch, heads, count, width)."""
        query = query * self.width**-0.5
        scores = self._folded(_rotated(query, given["cosines"], given["sines"])) @ keys.mT
        if self.sinks:
            distant = self._folded(self._distant(query, given["far"]))
            distant = distant @ keys[:, :, : self.sinks].mT
            scores = torch.cat([distant, scores[..., self.sinks :]], -1)
        mask = given["mask"]
        bias = torch.zeros_like(mask, dtype=torch.float32).masked_fill(~mask, HIDDEN)
        # (batch, key heads, heads / key heads, count, slots)
        wide = torch.unflatten(scores, 2, (-1, query.shape[2])).float() + bias[:, :, None]
        mixed = wide.softmax(-1).to(values.dtype).flatten(2, 3) @ values
        return mixed.reshape(mixed.shape[0], self.heads, -1, self.width)

    def _distant(self, query: Tensor, far: Tensor) -> Tensor:
        """Return queries, (batch, heads, count, width), rotated by `far`, (2, kinds, width / 2)."""
        cosines, sines = far[:, :, None, None]  # (kinds, 1, 1, width / 2)
        by_key = torch.unflatten(query, 1, (self.key_heads, -1)).float()
        first, second = by_key.chunk(2, -1)
        turned = torch.cat([first * cosines - second * sines, second * cosines + first * sines], -1)
        return turned.flatten(1, 2).to(query.dtype)

    def _folded(self, query: Tensor) -> Tensor:
        """Return (batch, key heads, heads / key heads * count, width)."""
        return query.reshape(query.shape[0], self.key_heads, -1, self.width)

    def _projected(self, x: Tensor, given: Mapping[str, Tensor], part: str) -> Tensor:
        """Return a part of all heads, (batch, count, heads, width), normalized if it has a norm."""
        made = torch.unflatten(self._linear(x, given, part), -1, (-1, self.width))
        norm = given.get(f"{part}_norm_weight")
        return made if norm is None else self._normed(made, norm)

    def _linear(self, x: Tensor, given: Mapping[str, Tensor], part: str) -> Tensor:
        return F.linear(x, given[f"{part}_weight"], given.get(f"{part}_bias"))

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return F.rms_norm(x.float(), weight.shape, weight.float(), self.epsilon).to(x.dtype)


def _rotated(x: Tensor, cosines: Tensor, sines: Tensor) -> Tensor:
    """Return `x`, (batch, heads, count, width), rotated in float32, in its own type."""
    turned: Tensor = torch.onnx.ops.rotary_embedding(x.float(), cosines, sines)
    return turned.to(x.dtype)


class LayeredEngine:
    """An `Engine` with the tensors of an engine of all layers, see `decoder_spec`.

    `spec` is that of a layer. Without the input `last` there are no scores. The input `deep`,
    (layers, count, width), is added to the outputs of the first layers.
    """

    def __init__(self, decoder: Decoder, layer: Engine, heads: HeadSet | None) -> None:
        """Run the layers of `decoder` in `layer`, whose masks are by head if there are `heads`."""
        self.spec, self.backend = layer.spec, layer.backend
        self.heads, self._decoder, self._layer = heads, decoder, layer
        self._weights = [
            layer_weights(each) for each in decoder.blocks if isinstance(each, DenseLayer)
        ]
        self._states: weakref.WeakKeyDictionary[EngineState, list[EngineState]] = (
            weakref.WeakKeyDictionary()
        )

    def new_state(self, **dimensions: int) -> EngineState:
        made = [self._layer.new_state(**dimensions) for _ in self._weights]
        return EngineState(
            {
                f"{name}.{index}": each.buffers[cached]
                for index, each in enumerate(made)
                for name, cached in zip(NEW, CACHES, strict=True)
            }
        )

    def check_device(self, device: torch.device) -> None:
        """Raise EngineError if the weights are not on `device`, where the layers run."""
        held = self._decoder.like.device
        if held.type != device.type:
            raise EngineError(
                f"{self.spec.name} runs on the {device.type} in {self.backend}, and its weights "
                f"are on the {held.type}; choose another backend, or the device that it runs on"
            )

    def query(self, x: Tensor, layer: int) -> Tensor:
        """Return the queries of a layer for its input (count, width), (heads, count, width)."""
        block = self._decoder.blocks[layer]
        assert isinstance(block, DenseLayer)
        return block.project(x)[0]

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        assert state is not None
        x, made = inputs["x"], []
        for layer in range(len(self._weights)):
            made.append(self.run_layer(layer, x, inputs, state))
            x = made[-1]["output"]
            if layer < len(inputs.get("deep", ())):
                x = x + inputs["deep"][layer]
        scores = x.new_zeros(len(x), 0)
        if "last" in inputs:
            last = x.gather(1, inputs["last"].expand(-1, -1, x.shape[-1]))[:, 0]
            scores = self._decoder.scores(last)
        return {"scores": scores, **{n: torch.cat([each[n] for each in made], 1) for n in NEW}}

    def run_layer(
        self, layer: int, x: Tensor, inputs: Mapping[str, Tensor], state: EngineState
    ) -> dict[str, Tensor]:
        """Return the `output`, `keys` and `values` of a layer for its input `x`.

        `inputs` are those of all layers. Those that only this engine has: `hidden`, bool (layers,
        1 or key heads, slots), are slots that a layer does not see; `recent_mask` and `recent_far`
        are the mask and the distance of streaming heads.
        """
        mask, far = inputs["mask"], inputs["far"][:, None]
        if self.heads is not None:
            kinds = self.heads.mask[layer].to(mask.device)
            near, own = inputs.get("recent_mask", mask), inputs.get("recent_far", inputs["far"])
            mask = torch.where(kinds[:, None, None], mask, near)
            far = torch.where(kinds[:, None], far, own[:, None])
        if "hidden" in inputs:
            mask = mask & ~inputs["hidden"][layer][:, None]
        given = {name: inputs[name] for name in PER_LAYER}
        given |= {"x": x, "mask": mask, "far": far, **self._weights[layer]}
        return self._layer.run(given, self._layer_states(state)[layer])

    def _layer_states(self, state: EngineState) -> list[EngineState]:
        """Return the state of each layer, made once for each state: engines may keep bindings."""
        made = self._states.get(state)
        if made is None:
            made = [
                EngineState(
                    {
                        cached: state.buffers[f"{name}.{layer}"]
                        for name, cached in zip(NEW, CACHES, strict=True)
                    }
                )
                for layer in range(len(self._weights))
            ]
            self._states[state] = made
        return made
