"""Wan2.1-1.3B and Wan2.2-5B with the weights of few-step models made from them: any words.

They have the transformer, samplers and generator of the small model, need a GPU, and are read from
the authors' files as published. `models.generation.wan.variants` lists the sets of weights.

Source: Wan team 2025.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from models.errors import WeightsError
from models.generation.backbone import Backbone, in_torch
from models.generation.calls import Calls, done
from models.generation.codec.codec import FeatureCache
from models.generation.dit import Dit, DitConfig
from models.generation.generator import FrameGenerator, Sampler
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.wan.files import count_layers, load_weights, merge_lora, read_state
from models.generation.wan.text_encoder import WanTextEncoder, load_text_encoder
from models.generation.wan.vae import WanVae, load_vae
from models.generation.wan.variants import BASES, SCENE, VARIANTS, WanBase, WanVariant, base_of
from models.weights.hub_catalog import HUB_MODELS

HEAD_CHANNELS = 128  # channels of a head, without a config.json
TEXT_ENCODER, TOKENIZER = "models_t5_umt5-xxl-enc-bf16.pth", "google/umt5-xxl/tokenizer.json"
FOUR_BITS = ".quantized_weight_values"  # ends the names of a LongLive 2.0 in NVFP4


@dataclass(frozen=True, slots=True, eq=False)
class WanDecoder:
    """The decoder of Wan's autoencoder, which PyTorch runs for one session at a time."""

    vae: WanVae

    def decode(
        self, latent: Tensor, before: FeatureCache | None = None
    ) -> Calls[tuple[Tensor, FeatureCache]]:
        with torch.no_grad():
            return done(self.vae.decode(latent, before))


@dataclass(frozen=True, slots=True, eq=False)
class WanModel:
    """A text-to-video model with its text encoder and codec.

    It takes no tracks: only the small model was trained with them.
    """

    variant: WanVariant
    base: WanBase
    model: Dit
    text: WanTextEncoder
    codec: WanVae

    def prompt(self, text: str) -> EncodedPrompt:
        return self.text.prompt(text)

    def shows(self, text: str, *, begins: bool) -> tuple[str, bool]:
        """Return the text that a chunk is drawn from, and whether a scene is cut with it.

        `begins`: the chunk is the first one of this prompt, and not the first one of the stream.
        Later chunks of a prompt that begins a scene are drawn without the words that say so.
        """
        if not self.variant.scenes or not text.startswith(SCENE):
            return text, False
        return (text, True) if begins else (text.removeprefix(SCENE), False)

    def backbone(self, width: int | None = None, height: int | None = None) -> Backbone:
        """Return the transformer for frames of a size in pixels, by default that of training.

        Raises:
            ValueError: a side is no multiple of 16, or of 32 for Wan2.2.
        """
        width, height = width or self.base.width, height or self.base.height
        side = self.codec.config.side
        least = side * self.model.config.patch
        if width % least or height % least:
            raise ValueError(f"expected sides in multiples of {least}, got {width}x{height}")
        variant = self.variant
        return in_torch(self.model, height // side, width // side, variant.reach, variant.chunk)

    def sampler(
        self, seed: int = 0, *, width: int | None = None, height: int | None = None
    ) -> Sampler[object]:
        """Return the sampler of the weights: control of a chunk in, its latents out."""
        return create_sampler(self.variant, self.backbone(width, height), seed)

    def generator(
        self, seed: int = 0, *, width: int | None = None, height: int | None = None
    ) -> FrameGenerator[object]:
        """Return the sampler with the decoder.

        A chunk is four frames for each latent, but the first latent of a stream is one.
        """
        sampler = self.sampler(seed, width=width, height=height)
        return FrameGenerator(sampler, WanDecoder(self.codec))


def create_sampler(variant: WanVariant, backbone: Backbone, seed: int = 0) -> Sampler[object]:
    """Return the sampler that the weights `variant` were trained for."""
    made: object
    if variant.rolling:
        made = RollingForcing(backbone, variant.levels, seed)
    else:
        made = MotionStream(
            backbone,
            variant.levels,
            seed,
            first_levels=variant.first_levels,
            unipc=variant.unipc_steps > 0,
            recache=variant.recache,
        )
    return made  # type: ignore[return-value]  # each has a state of its own


def load(
    name: str, weights: Path, *, device: str = "cuda", dtype: torch.dtype = torch.bfloat16
) -> WanModel:
    """Return the model `name` of `VARIANTS` from `weights`, the folder that `eyeline pull` fills.

    Raises:
        WeightsError: no such name, or a file is missing, damaged or of another kind; the message
            says which one, and where it comes from.
    """
    if name not in VARIANTS:
        raise WeightsError(f"there is no video model {name!r}; known: {', '.join(VARIANTS)}")
    variant, base = VARIANTS[name], base_of(name)
    source = HUB_MODELS[base].source
    _check_files(name, weights)
    model = load_dit(name, weights, device=device, dtype=dtype)
    encoder, tokenizer, vae = (weights / base / file for file in _base_files(base))
    text = load_text_encoder(encoder, tokenizer, source, device=device, dtype=dtype)
    if text.encoder.config.dim != model.config.text:
        raise WeightsError(
            f"{encoder}: features of {text.encoder.config.dim}, the transformer of {name} reads "
            f"{model.config.text}; fetch it again from {source}"
        )
    codec = load_vae(vae, source, device=device, dtype=dtype)
    if codec.config.channels != model.config.channels:
        raise WeightsError(
            f"{vae}: latents of {codec.config.channels} channels, the transformer of {name} has "
            f"{model.config.channels}; fetch it again from {source}"
        )
    return WanModel(variant, BASES[base], model, text, codec)


def _base_files(base: str) -> tuple[str, str, str]:
    """Return the names of the text encoder, its tokenizer and the autoencoder."""
    return TEXT_ENCODER, TOKENIZER, BASES[base].vae


def _check_files(name: str, weights: Path) -> None:
    """Check that no file is missing before reading large ones."""
    variant, base = VARIANTS[name], base_of(name)
    own = [variant.file] if variant.lora is None else [variant.file, variant.lora]
    missing = [
        f"{weights / of / file} (from {HUB_MODELS[of].source})"
        for of, files in ((base, _base_files(base)), (name, own))
        for file in files
        if not (weights / of / file).is_file()
    ]
    if missing:
        raise WeightsError(f"{name}: missing {'; '.join(missing)}")


def load_dit(name: str, weights: Path, *, device: str, dtype: torch.dtype) -> Dit:
    """Return the transformer of the weights `name`.

    Raises:
        WeightsError: a file is missing, damaged or of another kind.
    """
    variant, source = VARIANTS[name], HUB_MODELS[name].source
    file = weights / name / variant.file
    state = read_state(file, source, variant.keys)
    if variant.lora is not None:
        change = weights / name / variant.lora
        lora = read_state(change, source, ("generator_lora",))
        state = merge_lora(state, lora, variant.alpha, str(change))
    base = base_of(name)
    heads = read_head_count(weights / base / "config.json", HUB_MODELS[base].source)
    config = infer_config(state, file, heads, channels=BASES[base].channels)
    with torch.device("meta"):
        model = Dit(config)
    return load_weights(model, state, str(file), device=device, dtype=dtype)


def read_head_count(file: Path, source: str) -> int | None:
    """Return the number of heads in Wan's config.json, None without the file.

    Raises:
        WeightsError: the file is not Wan's.
    """
    if not file.is_file():
        return None
    try:
        return int(json.loads(file.read_text("utf-8"))["num_heads"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{file}: not Wan's config.json; fetch it again from {source}"
        ) from error


def infer_config(
    state: Mapping[str, Tensor], file: Path, heads: int | None, *, channels: int = 16
) -> DitConfig:
    """Return the sizes of the transformer in `state`, which was read from `file`.

    Shapes do not determine heads: without `heads` they have 128 channels, as in all of Wan's
    models. `channels` are those of the latents of its base.

    Raises:
        WeightsError: it is another model, is quantized, or takes more than text.
    """
    if any(name.endswith(FOUR_BITS) for name in state):
        raise WeightsError(f"{file}: weights in 4 bits (NVFP4), expected those in bfloat16")
    try:
        patch = state["patch_embedding.weight"]
        head, inner = state["head.head.weight"], state["blocks.0.ffn.0.weight"]
        words, waves = state["text_embedding.0.weight"], state["time_embedding.0.weight"]
    except KeyError as error:
        raise WeightsError(f"{file}: not a transformer of Wan's: it has no {error}") from error
    dim, taken, *kernel = patch.shape
    if kernel != [1, 2, 2] or taken != channels or len(head) != 4 * channels:
        raise WeightsError(
            f"{file}: takes latents of {taken} channels and gives {len(head) // 4}, expected "
            f"{channels} and {channels}: only models of text to video, on the right base, are read"
        )
    heads = heads or dim // HEAD_CHANNELS
    if not heads or dim % heads or dim // heads % 2:
        raise WeightsError(f"{file}: {dim} channels cannot be shared among {heads} heads")
    return DitConfig(
        dim=dim,
        heads=heads,
        layers=count_layers(state, "blocks"),
        ffn=len(inner),
        channels=channels,
        condition=0,
        refine=0,
        text=words.shape[1],
        frequencies=waves.shape[1],
        predicts="flow",
    )
