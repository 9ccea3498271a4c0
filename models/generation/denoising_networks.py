"""The transformer as engines run it: a call on latents, and the reading of a prompt."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.engine import (
    DimensionRange,
    Engine,
    EngineLoader,
    EngineSpec,
    ExportableNetwork,
    NetworkSource,
    TensorSpec,
)
from models.generation.calls import BATCH, SESSIONS
from models.generation.context import Reach
from models.generation.dit import Dit, DitConfig, KeysValues, TextKeysValues
from models.rotary import grid_rotation

IN_FLIGHT = 5  # chunks that one call denoises at most, in all samplers
WORDS = DimensionRange(1, 16, 512)  # as many as Wan's prompts have, or a blend of small ones
HIDDEN = -1  # the place of a slot that a call does not see


@dataclass(frozen=True, slots=True, kw_only=True)
class DitSize:
    """What the engines of a transformer are made for: latents of `height` x `width` in chunks."""

    height: int
    width: int
    reach: Reach
    chunk: int = 1

    @property
    def slots(self) -> int:
        """Latents that a context has room for."""
        return self.reach.latents + self.chunk

    @property
    def latents(self) -> int:
        """Latents of a call at most: StreamDiT's, which reads its references anew."""
        return self.reach.window + IN_FLIGHT * self.chunk


class DenoisingNetwork(ExportableNetwork):
    """A call on latents, after a past in slots.

    `places` (batch, slots) has the position of each slot's latent, counted from the oldest in view,
    or `HIDDEN`. The latents of the call follow those in view.
    """

    table: Tensor
    exact = frozenset({"noisy", "levels"})

    def __init__(self, model: Dit, size: DitSize) -> None:
        super().__init__()
        self.model = model
        self.spec = denoising_spec(model.config, model.dtype, size)
        patch = model.config.patch
        rows, columns = size.height // patch, size.width // patch
        positions = torch.arange(size.slots + size.latents, device=self.device)
        table = grid_rotation(positions, rows, columns, model.config.head_dim)
        self.tokens = rows * columns
        self.register_buffer(
            "table", torch.unflatten(table, 1, (-1, self.tokens)), persistent=False
        )

    def forward(
        self,
        noisy: Tensor,
        levels: Tensor,
        text_keys: Tensor,
        text_values: Tensor,
        text_bias: Tensor,
        past_keys: Tensor,
        past_values: Tensor,
        places: Tensor,
        condition: Tensor | None = None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        visible = places > HIDDEN
        before = visible.long().sum(1, keepdim=True)
        own = before + torch.arange(noisy.shape[2], device=noisy.device)
        everything = torch.cat([places.clamp(min=0), own], 1)  # (batch, slots and latents)
        rotation = self.table[:, everything].flatten(2, 3)
        clean, made = self.model.denoise(
            noisy,
            levels,
            TextKeysValues(text_keys, text_values, text_bias[:, None, None]),
            condition,
            KeysValues(past_keys, past_values),
            rotation,
            self._mask(visible, noisy),
        )
        return clean, made.keys, made.values

    def _mask(self, visible: Tensor, noisy: Tensor) -> Tensor:
        """Return what is added to scores, -inf for hidden slots.

        (batch, 1, tokens of `noisy`, tokens of the past and `noisy`)
        """
        past = torch.where(visible, 0.0, -torch.inf).to(self.model.dtype)
        own = past.new_zeros(noisy.shape[0], noisy.shape[2])
        each = torch.cat([past, own], 1)[:, :, None].expand(-1, -1, self.tokens).flatten(1)
        return each[:, None, None].expand(-1, -1, noisy.shape[2] * self.tokens, -1)


class TextNetwork(ExportableNetwork):
    """A prompt's features to the keys and values that each layer reads."""

    def __init__(self, model: Dit) -> None:
        super().__init__()
        self.model = model
        self.spec = text_spec(model.config, model.dtype)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        text = self.model.project_text(features, features[:, :, 0])
        return text.keys, text.values


def text_spec(config: DitConfig, dtype: torch.dtype) -> EngineSpec:
    """Return the spec of a `TextNetwork`."""
    made = (config.layers, BATCH, config.heads, "words", config.head_dim)
    return EngineSpec(
        name="drawing-text",
        inputs=(TensorSpec("features", torch.float32, (BATCH, "words", config.text)),),
        outputs=tuple(TensorSpec(name, dtype, made) for name in ("keys", "values")),
        profiles=({BATCH: SESSIONS, "words": WORDS},),
    )


def denoising_spec(config: DitConfig, dtype: torch.dtype, size: DitSize) -> EngineSpec:
    """Return the spec of a `DenoisingNetwork`; without tracks it has no `condition`."""
    tokens = (size.height // config.patch) * (size.width // config.patch)
    picture = ("latents", size.height, size.width)

    def keys(name: str, count: str) -> TensorSpec:
        shape = (config.layers, BATCH, config.heads, count, config.head_dim)
        return TensorSpec(name, dtype, shape)

    tracks = TensorSpec("condition", torch.float32, (BATCH, config.condition, *picture))
    return EngineSpec(
        name="drawing-denoising",
        inputs=(
            TensorSpec("noisy", torch.float32, (BATCH, config.channels, *picture)),
            TensorSpec("levels", torch.float32, (BATCH, "latents")),
            keys("text_keys", "words"),
            keys("text_values", "words"),
            TensorSpec("text_bias", dtype, (BATCH, "words")),
            keys("past_keys", f"{tokens}*slots"),
            keys("past_values", f"{tokens}*slots"),
            TensorSpec("places", torch.int64, (BATCH, "slots")),
            *((tracks,) if config.condition else ()),
        ),
        outputs=(
            TensorSpec("clean", torch.float32, (BATCH, config.channels, *picture)),
            keys("keys", f"{tokens}*latents"),
            keys("values", f"{tokens}*latents"),
        ),
        profiles=(
            {
                BATCH: SESSIONS,
                "latents": DimensionRange(1, 1, size.latents),
                "words": WORDS,
                "slots": DimensionRange(1, size.slots, size.slots),
            },
        ),
    )


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DitEngines:
    """The engines of a transformer; its latents and caches are on `device`, caches of `dtype`."""

    config: DitConfig
    size: DitSize
    denoising: Engine
    text: Engine
    device: torch.device
    dtype: torch.dtype


def load_dit_engines(
    config: DitConfig,
    size: DitSize,
    build: Callable[[], Dit],
    *,
    load_engine: EngineLoader,
    weights: str = "",
    device: torch.device | str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> DitEngines:
    """Return the engines of the transformer of `config`.

    `build` returns it, on `device` and of `dtype`; `weights` is a digest of its weights.

    Raises:
        EngineError: an engine cannot be built or loaded.
    """
    denoising = NetworkSource(
        spec=denoising_spec(config, dtype, size),
        weights=weights,
        build=lambda: DenoisingNetwork(build(), size),
    )
    text = NetworkSource(
        spec=text_spec(config, dtype), weights=weights, build=lambda: TextNetwork(build())
    )
    return DitEngines(
        config=config,
        size=size,
        denoising=load_engine(denoising),
        text=load_engine(text),
        device=torch.device(device),
        dtype=dtype,
    )
