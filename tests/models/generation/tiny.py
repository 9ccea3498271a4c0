"""Tiny random models, and control for them."""

import json
import math
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from models.generation.backbone import Backbone, in_torch
from models.generation.chunk_request import MAX_THINGS
from models.generation.codec.codec import PATCH, Codec, CodecConfig
from models.generation.codec.enlarging import Enlarger, EnlargerConfig
from models.generation.codec.networks import CodecEngines, load_codec_engines
from models.generation.context import Reach
from models.generation.control import MAP_CHANNELS, ChunkControl
from models.generation.dit import Dit, DitConfig
from models.generation.looks import look_channels
from models.generation.prompt_encoder import EncodedPrompt, PromptEncoder
from models.generation.small.info import SmallVideoInfo
from models.generation.small.loading import PromptedDit, SmallVideoFiles, find_files, save
from models.generation.small.looks.pictures import LookPicture, LookPictures, pack

VOCABULARY = ("a", "duck", "car", "grass", "on", "and", "stars")
SIZE = 4  # latents across
SIDE = SIZE * PATCH  # pixels across
LOOKED = MAX_THINGS * MAP_CHANNELS + look_channels(4)  # condition of a model that takes looks


def wake(module: nn.Module, seed: int = 0, size: float = 0.15) -> None:
    """Give every parameter random values: layers that begin at zero would hide what is wrong."""
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=rng), alpha=size)


@cache
def dit(seed: int = 0, *, condition: int = MAX_THINGS * MAP_CHANNELS, gated: bool = False) -> Dit:
    """Return a transformer of two layers."""
    torch.manual_seed(seed)
    config = DitConfig(
        dim=48,
        heads=2,
        layers=2,
        ffn=64,
        channels=4,
        condition=condition,
        text=16,
        hint=4,
        refine=8 if condition else 0,
        gated=gated,
    )
    model = Dit(config)
    wake(model, seed)
    return model.eval()


def looks() -> LookPictures:
    """Return two looks of a duck, one of a car, and two backgrounds."""
    rng = np.random.default_rng(0)

    def look(height: int, width: int, *, directed: bool) -> LookPicture:
        pixels = rng.integers(0, 256, (height, width, 4), np.uint8)
        pixels[..., 3] = 255
        return LookPicture(pixels, directed)

    duck = (look(20, 24, directed=True), look(24, 18, directed=True))
    grounds = {name: rng.integers(0, 256, (40, 40, 3), np.uint8) for name in ("grass", "stars")}
    return LookPictures({"duck": duck, "car": (look(12, 24, directed=False),)}, grounds)


def words(seed: int = 0) -> PromptEncoder:
    torch.manual_seed(seed)
    return PromptEncoder(VOCABULARY, 16).eval()


def backbone(
    model: Dit | None = None, *, sink: int = 1, window: int = 2, chunk: int = 1
) -> Backbone:
    return in_torch(model or dit(), SIZE, SIZE, Reach(sink=sink, window=window), chunk)


def codec(seed: int = 0) -> Codec:
    torch.manual_seed(seed)
    made = Codec(CodecConfig(channels=4, wide=8, fine=8, finest=8, deep=2))
    wake(made, seed)
    return made.eval()


@cache
def enlarger() -> Enlarger:
    """Return an enlarger of twice the side."""
    torch.manual_seed(0)
    made = Enlarger(EnlargerConfig(scale=2, channels=8, blocks=1, kept=4))
    wake(made)
    return made.eval()


def codec_engines() -> CodecEngines:
    """Return the engines of `codec`, in PyTorch."""
    made = codec()
    return load_codec_engines(made.config, SIZE, SIZE, lambda: made)


def track(index: int, chunk: int = 1) -> Tensor:
    """Return a path of one thing round the middle, for chunk `index`."""
    turn = (torch.arange(4 * chunk) + 4 * chunk * index) / 16 * math.tau
    return 0.5 + 0.3 * torch.stack([turn.cos(), turn.sin()], 1)[None]


def controls(
    count: int, prompt: EncodedPrompt | None = None, *, start: int = 0, chunk: int = 1
) -> list[ChunkControl]:
    """Return control for `count` chunks, from chunk `start` on."""
    encoded = prompt or words().prompt("a duck on grass")
    return [ChunkControl(encoded, track(index, chunk)) for index in range(start, start + count)]


def files(folder: Path, *, looked: bool = False) -> SmallVideoFiles:
    """Write a model of 32 x 32 pixels to `folder`, as training does; one that takes looks."""
    made = codec()
    header = {"config": json.dumps(asdict(made.config))}
    save_file(made.state_dict(), folder / "codec.safetensors", metadata=header)
    shows = SmallVideoInfo(8 * SIZE, ("duck", "car"), ("grass",), Reach(sink=1, window=2))
    network = dit(condition=LOOKED) if looked else dit()
    save(folder / "drawing.safetensors", PromptedDit(network, words()), shows, {"step": 3})
    if looked:
        pack(looks(), folder / "looks.zip")
    return find_files(folder)
