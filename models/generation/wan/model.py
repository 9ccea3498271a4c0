"""Wan2.1-1.3B with the weights of Rolling Forcing, Self Forcing or LongLive: any words, 480p.

It has the transformer, samplers and generator of the small model, needs a GPU, and reads
the authors' files as published. `VARIANTS` lists what differs between the sets of weights.

Sources: Wan team 2025; Liu et al. 2025 (Rolling Forcing); Huang et al. 2025 (Self Forcing);
Yang et al. 2025 (LongLive). The numbers are those of the configurations published with the weights.
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
from models.generation.codec import FeatureCache
from models.generation.context import Reach
from models.generation.dit import Dit, DitConfig
from models.generation.generator import FrameGenerator, Sampler
from models.generation.prompt_encoder import EncodedPrompt
from models.generation.samplers.motion_stream import MotionStream
from models.generation.samplers.rolling_forcing import RollingForcing
from models.generation.schedules import shift_level
from models.generation.wan.files import count_layers, load_weights, merge_lora, read_state
from models.generation.wan.text_encoder import WanTextEncoder, load_text_encoder
from models.generation.wan.vae import CHANNELS, WanVae, load_vae
from models.weights.hub_catalog import HUB_MODELS

BASE = "wan2.1"  # where text encoder and autoencoder are, in `models.weights.hub_catalog`
CHUNK = 3  # latents, for all of these weights
SHIFT = 5.0  # of noise levels
HEAD_CHANNELS = 128  # channels of a head, without a config.json
WIDTH, HEIGHT = 832, 480  # pixels, as in training


@dataclass(frozen=True, slots=True, kw_only=True)
class WanVariant:
    """A set of weights: its files, their keys, and how it is sampled.

    `time_steps` are the steps of Wan's 1000 that a chunk takes. The weights are under the first of
    `keys` that `file` has; `lora` is merged with `alpha`.
    """

    file: str
    keys: tuple[str, ...]
    time_steps: tuple[int, ...]
    reach: Reach
    rolling: bool = False
    lora: str | None = None
    alpha: float = 256.0

    @property
    def levels(self) -> tuple[float, ...]:
        """The noise levels of the steps."""
        return tuple(shift_level(time / 1000, SHIFT) for time in self.time_steps)


VARIANTS: Mapping[str, WanVariant] = {
    "rolling-forcing": WanVariant(
        file="checkpoints/rolling_forcing_dmd.pt",
        keys=("generator_ema", "generator"),
        time_steps=(1000, 800, 600, 400, 200),
        reach=Reach(sink=3, window=18, span=21),
        rolling=True,
    ),
    "self-forcing": WanVariant(
        file="checkpoints/self_forcing_dmd.pt",
        keys=("generator_ema", "generator"),
        time_steps=(1000, 750, 500, 250),
        reach=Reach(sink=0, window=18),
    ),
    "longlive": WanVariant(
        file="models/longlive_base.pt",
        keys=("generator", "model", "generator_ema"),
        time_steps=(1000, 750, 500, 250),
        reach=Reach(sink=3, window=6),
        lora="models/lora.pt",
    ),
}


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
    model: Dit
    text: WanTextEncoder
    codec: WanVae

    def prompt(self, text: str) -> EncodedPrompt:
        return self.text.prompt(text)

    def backbone(self, width: int = WIDTH, height: int = HEIGHT) -> Backbone:
        """Return the transformer for frames of a size in pixels.

        Raises:
            ValueError: a side is no multiple of 16.
        """
        side = self.codec.config.side
        least = side * self.model.config.patch
        if width % least or height % least:
            raise ValueError(f"expected sides in multiples of {least}, got {width}x{height}")
        return in_torch(self.model, height // side, width // side, self.variant.reach, CHUNK)

    def sampler(
        self, seed: int = 0, *, width: int = WIDTH, height: int = HEIGHT
    ) -> Sampler[object]:
        """Return the sampler of the weights: control of 3 latents in, 3 latents out."""
        backbone, levels = self.backbone(width, height), self.variant.levels
        made: object = MotionStream(backbone, levels, seed)
        if self.variant.rolling:
            made = RollingForcing(backbone, levels, seed)
        return made  # type: ignore[return-value]  # each has a state of its own

    def generator(
        self, seed: int = 0, *, width: int = WIDTH, height: int = HEIGHT
    ) -> FrameGenerator[object]:
        """Return the sampler with the decoder: 9 frames for the first chunk, 12 for later ones."""
        sampler = self.sampler(seed, width=width, height=height)
        return FrameGenerator(sampler, WanDecoder(self.codec))


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
    variant, base, source = VARIANTS[name], weights / BASE, HUB_MODELS[BASE].source
    _check_files(name, weights)
    model = load_dit(name, weights, device=device, dtype=dtype)
    encoder, tokenizer, vae = (base / file for file in _base_files())
    text = load_text_encoder(encoder, tokenizer, source, device=device, dtype=dtype)
    if text.encoder.config.dim != model.config.text:
        raise WeightsError(
            f"{encoder}: features of {text.encoder.config.dim}, the transformer of {name} reads "
            f"{model.config.text}; fetch it again from {source}"
        )
    return WanModel(variant, model, text, load_vae(vae, source, device=device, dtype=dtype))


def _base_files() -> tuple[str, str, str]:
    """Return the names of the text encoder, its tokenizer and the autoencoder."""
    return (
        "models_t5_umt5-xxl-enc-bf16.pth",
        "google/umt5-xxl/tokenizer.json",
        "Wan2.1_VAE.pth",
    )


def _check_files(name: str, weights: Path) -> None:
    """Check that no file is missing before reading large ones."""
    variant = VARIANTS[name]
    own = [variant.file] if variant.lora is None else [variant.file, variant.lora]
    missing = [
        f"{weights / of / file} (from {HUB_MODELS[of].source})"
        for of, files in ((BASE, _base_files()), (name, own))
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
    config = infer_config(state, file, read_head_count(weights / BASE / "config.json"))
    with torch.device("meta"):
        model = Dit(config)
    return load_weights(model, state, str(file), device=device, dtype=dtype)


def read_head_count(file: Path) -> int | None:
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
            f"{file}: not Wan's config.json; fetch it again from {HUB_MODELS[BASE].source}"
        ) from error


def infer_config(state: Mapping[str, Tensor], file: Path, heads: int | None) -> DitConfig:
    """Return the sizes of the transformer in `state`, which was read from `file`.

    Shapes do not determine heads: without `heads` they have 128 channels, as in all of Wan's
    models.

    Raises:
        WeightsError: it is another model, or one that takes more than text.
    """
    try:
        patch = state["patch_embedding.weight"]
        head, inner = state["head.head.weight"], state["blocks.0.ffn.0.weight"]
        words, waves = state["text_embedding.0.weight"], state["time_embedding.0.weight"]
    except KeyError as error:
        raise WeightsError(f"{file}: not a transformer of Wan's: it has no {error}") from error
    dim, channels, *kernel = patch.shape
    if kernel != [1, 2, 2] or channels != CHANNELS or len(head) != 4 * channels:
        raise WeightsError(
            f"{file}: takes latents of {channels} channels and gives {len(head) // 4}, expected "
            f"{CHANNELS} and {CHANNELS}: only text-to-video models of Wan2.1 are read"
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
