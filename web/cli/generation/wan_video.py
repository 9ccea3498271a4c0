"""Video from Wan2.1 on a GPU: `eyeline generate "..." --model rolling-forcing -o fox.mp4`."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import WeightsError
from models.generation.chunk_request import FRAME_RATE
from models.generation.control import ChunkControl
from models.generation.wan.model import HEIGHT, VARIANTS, WIDTH, WanModel, load
from web.cli.generation.inputs import TimedPrompt
from web.errors import UsageError
from web.loading.needs import WAN_BASE, pulled_problems


def is_wan(model: Path) -> bool:
    """Return whether `--model` is the name of a Wan2.1 model, and not a folder."""
    return str(model) in VARIANTS and not model.is_dir()


def load_on_gpu(name: str, weights: Path, *, tracked: bool, steps: int | None) -> WanModel:
    """Return the model `name` from the folder `weights`, on the GPU.

    Raises:
        UsageError: it does not support an option, or there is no GPU.
        WeightsError: a file is missing or damaged; the message says how to download it.
    """
    if tracked:
        raise UsageError(f"{name} does not follow tracks, only prompts: omit --track")
    if steps is not None:
        raise UsageError(
            f"{name} was trained for {len(VARIANTS[name].time_steps)} steps: omit --steps"
        )
    if not torch.cuda.is_available():
        raise UsageError(
            f"{name} needs a CUDA GPU, and PyTorch finds none on this machine; without "
            "--model, a small model generates video on any machine"
        )
    if problems := pulled_problems((WAN_BASE, name), weights):
        raise WeightsError("; ".join(problems))
    return load(name, weights)


def notice(name: str) -> str:
    """Return a message on how the video is generated."""
    method = "Rolling Forcing" if VARIANTS[name].rolling else "chunk by chunk"
    return (
        f"{name} generates {WIDTH} x {HEIGHT} pixels from any prompt, with the sampling that its "
        f"weights were trained for ({method}; --sampler and --scale have no effect)"
    )


def generate_frames(
    wan: WanModel,
    prompts: Sequence[TimedPrompt],
    count: int,
    seed: int,
    *,
    width: int = WIDTH,
    height: int = HEIGHT,
) -> Iterator[NDArray[np.uint8]]:
    """Yield `count` frames of `prompts`, uint8 (height, width, 3), at `FRAME_RATE`.

    A prompt takes effect in the frames from its time on, whatever the latency of the sampler.
    """
    generator = wan.generator(seed, width=width, height=height)
    encoded = [wan.prompt(prompt.text) for prompt in prompts]
    state, made = generator.init_state(), 0
    while made < count:
        now = max(0, sum(prompt.time <= made / FRAME_RATE for prompt in prompts) - 1)
        state, chunks = generator.step(state, ChunkControl(encoded[now]))
        for frame in (frame for chunk in chunks for frame in chunk):
            if made < count:
                made += 1
                yield frame
