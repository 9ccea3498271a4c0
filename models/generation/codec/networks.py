"""The small codec as engines run it: one latent at a time, with its cached features."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.engine import (
    Engine,
    EngineLoader,
    EngineSpec,
    ExportableNetwork,
    NetworkSource,
    TensorSpec,
    load_in_torch,
)
from models.generation.calls import BATCH, SESSIONS, Calls, EngineCall
from models.generation.codec.codec import (
    FRAMES_PER_LATENT,
    PATCH,
    READ_BLOCKS,
    Codec,
    CodecConfig,
    FeatureCache,
)


class DecodingNetwork(ExportableNetwork):
    """A latent to four frames; `wide` and `fine` are the features of the latent before."""

    def __init__(self, codec: Codec, height: int, width: int) -> None:
        super().__init__()
        self.codec = codec
        self.spec = decoding_spec(codec.config, height, width)

    def forward(self, latent: Tensor, wide: Tensor, fine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        before = (*torch.split(wide, 1, 1), *torch.split(fine, 1, 1))
        frames, after = self.codec.decode(latent, before)
        deep = self.codec.config.deep
        return frames, torch.cat(after[:deep], 1), torch.cat(after[deep:], 1)


class EncodingNetwork(ExportableNetwork):
    """Four frames to a latent."""

    def __init__(self, codec: Codec, height: int, width: int) -> None:
        super().__init__()
        self.codec = codec
        self.spec = encoding_spec(codec.config, height, width)

    def forward(self, frames: Tensor, wide: Tensor, fine: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        before = (*torch.split(fine, 1, 1), *torch.split(wide, 1, 1))
        latent, after = self.codec.encode(frames, before)
        count = READ_BLOCKS[0]
        return latent, torch.cat(after[count:], 1), torch.cat(after[:count], 1)


def decoding_spec(config: CodecConfig, height: int, width: int) -> EngineSpec:
    """Return the spec of a `DecodingNetwork` for latents of `height` x `width`."""
    features = feature_specs(config, height, width, config.deep, config.deep)
    return EngineSpec(
        name="drawing-decoder",
        inputs=(latent_spec(config, height, width), *features),
        outputs=(frames_spec(height, width), *after(features)),
        profiles=({BATCH: SESSIONS},),
    )


def encoding_spec(config: CodecConfig, height: int, width: int) -> EngineSpec:
    """Return the spec of an `EncodingNetwork` for latents of `height` x `width`."""
    fine, wide = READ_BLOCKS
    features = feature_specs(config, height, width, wide, fine)
    return EngineSpec(
        name="drawing-encoder",
        inputs=(frames_spec(height, width), *features),
        outputs=(latent_spec(config, height, width), *after(features)),
        profiles=({BATCH: SESSIONS},),
    )


def latent_spec(config: CodecConfig, height: int, width: int) -> TensorSpec:
    return TensorSpec("latent", torch.float32, (BATCH, config.channels, 1, height, width))


def frames_spec(height: int, width: int) -> TensorSpec:
    shape = (BATCH, 3, FRAMES_PER_LATENT, PATCH * height, PATCH * width)
    return TensorSpec("frames", torch.float32, shape)


def feature_specs(
    config: CodecConfig, height: int, width: int, wide: int, fine: int
) -> tuple[TensorSpec, TensorSpec]:
    """Return the specs of `wide` cached features at an eighth of the side, `fine` at a quarter."""
    return (
        TensorSpec("wide", torch.float32, (BATCH, wide, config.wide, height, width)),
        TensorSpec("fine", torch.float32, (BATCH, fine, config.fine, 2 * height, 2 * width)),
    )


def after(features: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
    """Return the specs of the features for the next call."""
    return tuple(TensorSpec(f"{each.name}_after", each.dtype, each.shape) for each in features)


@dataclass(frozen=True, slots=True, eq=False)
class CodecEngines:
    """The codec of a small model; its steps are those of `models.generation.calls`."""

    config: CodecConfig
    encoder: Engine
    decoder: Engine

    def encode(
        self, frames: Tensor, before: FeatureCache | None = None
    ) -> Calls[tuple[Tensor, FeatureCache]]:
        """Return the latent (batch, channels, 1, h, w) of four frames, and the cache for the next.

        `frames` is float (batch, 3, 4, height, width) in [-1, 1].
        """
        return (yield from self._call(self.encoder, frames, before))

    def decode(
        self, latent: Tensor, before: FeatureCache | None = None
    ) -> Calls[tuple[Tensor, FeatureCache]]:
        """Return the four frames of a latent, as `encode` takes them, and the cache."""
        return (yield from self._call(self.decoder, latent, before))

    def _call(
        self, engine: Engine, given: Tensor, before: FeatureCache | None
    ) -> Calls[tuple[Tensor, FeatureCache]]:
        given_spec, *features = engine.spec.inputs
        if before is None:
            before = tuple(torch.zeros(each.size({BATCH: len(given)})) for each in features)
        inputs = {given_spec.name: given}
        inputs |= {each.name: part for each, part in zip(features, before, strict=True)}
        made = yield EngineCall(engine, inputs)
        result, *rest = (made[each.name] for each in engine.spec.outputs)
        return result, tuple(rest)


def load_codec_engines(
    config: CodecConfig,
    height: int,
    width: int,
    build: Callable[[], Codec],
    *,
    load_engine: EngineLoader = load_in_torch,
    weights: str = "",
) -> CodecEngines:
    """Return the engines of the codec of `config`, for latents of `height` x `width`.

    `build` returns it; `weights` is a digest of its weights.

    Raises:
        EngineError: an engine cannot be built or loaded.
    """
    encoder = NetworkSource(
        spec=encoding_spec(config, height, width),
        weights=weights,
        build=lambda: EncodingNetwork(build(), height, width),
    )
    decoder = NetworkSource(
        spec=decoding_spec(config, height, width),
        weights=weights,
        build=lambda: DecodingNetwork(build(), height, width),
    )
    return CodecEngines(config, load_engine(encoder), load_engine(decoder))
