"""A film by Wan2.1 on a GPU: `eyeline generate "..." --model rolling-forcing -o fox.mp4`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.generation.chunk_request import FRAME_RATE
from models.generation.control import ChunkControl
from models.generation.wan.model import HEIGHT, VARIANTS, WIDTH, WanModel, load
from web.cli.generation_inputs import Line
from web.errors import UsageError


def is_wan(model: Path) -> bool:
    """Return whether `--model` names weights of Wan's, and not a folder."""
    return str(model) in VARIANTS and not model.is_dir()


def load_on_gpu(name: str, weights: Path, *, tracked: bool, steps: int | None) -> WanModel:
    """Return the model `name` from the folder `weights`, on the GPU.

    Raises:
        UsageError: it cannot follow tracks or another number of steps, or there is no GPU.
        WeightsError: a file is missing or damaged; the message says where it comes from.
    """
    if tracked:
        raise UsageError(f"{name} follows no tracks, only words: leave out --track")
    if steps is not None:
        raise UsageError(
            f"{name} was made for {len(VARIANTS[name].time_steps)} steps: leave out --steps"
        )
    if not torch.cuda.is_available():
        raise UsageError(
            f"{name} needs a CUDA GPU, and this machine has none that PyTorch can use; without "
            "--model a small model draws on any machine"
        )
    return load(name, weights)


def notice(name: str) -> str:
    """Return what a person should know."""
    way = "Rolling Forcing" if VARIANTS[name].rolling else "chunk after chunk"
    return (
        f"{name} draws whatever is told, {WIDTH} x {HEIGHT}, sampled as its weights were made for "
        f"({way}; --sampler and --scale have no effect)"
    )


def film(
    wan: WanModel,
    lines: Sequence[Line],
    pictures: int,
    seed: int,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Iterator[NDArray[np.uint8]]:
    """Yield the pictures of `lines`, uint8 (height, width, 3), at `FRAME_RATE` a second.

    A prompt counts from its time on in what comes out, however much is in flight then.
    """
    generator = wan.generator(seed, width=width, height=height)
    prompts = [wan.prompt(line.text) for line in lines]
    state, made = generator.init_state(), 0
    while made < pictures:
        now = max(0, sum(line.time <= made / FRAME_RATE for line in lines) - 1)
        state, chunks = generator.step(state, ChunkControl(prompts[now]))
        for picture in (picture for chunk in chunks for picture in chunk):
            if made < pictures:
                made += 1
                yield picture
