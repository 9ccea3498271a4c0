"""Video from Wan on a GPU: `eyeline generate "..." --model rolling-forcing -o fox.mp4`."""

from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import WeightsError
from models.generation.control import ChunkControl
from models.generation.wan.model import WanModel, load
from models.generation.wan.variants import BASES, VARIANTS, base_of
from web.cli.generation.inputs import TimedPrompt
from web.errors import UsageError
from web.loading.needs import pulled_problems, with_base


def is_wan(model: Path) -> bool:
    """Return whether `--model` is the name of a model on Wan, and not a folder."""
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
        raise UsageError(f"{name} was trained for {len(VARIANTS[name].levels)} steps: omit --steps")
    if not torch.cuda.is_available():
        raise UsageError(
            f"{name} needs a CUDA GPU, and PyTorch finds none on this machine; without "
            "--model, a small model generates video on any machine"
        )
    if problems := pulled_problems(with_base(name), weights):
        raise WeightsError("; ".join(problems))
    return load(name, weights)


def frame_rate(name: str) -> int:
    """Return the frames a second that the model `name` was trained on."""
    return BASES[base_of(name)].rate


def notice(name: str) -> str:
    """Return a message on how the video is generated."""
    method = "Rolling Forcing" if VARIANTS[name].rolling else "chunk by chunk"
    base = BASES[base_of(name)]
    return (
        f"{name} generates {base.width} x {base.height} pixels from any prompt, with the sampling "
        f"that its weights were trained for ({method}; --sampler and --scale have no effect)"
    )


def generate_frames(
    wan: WanModel,
    prompts: Sequence[TimedPrompt],
    count: int,
    seed: int,
    *,
    width: int | None = None,
    height: int | None = None,
) -> Iterator[NDArray[np.uint8]]:
    """Yield `count` frames of `prompts`, uint8 (height, width, 3), at the model's frame rate.

    A prompt takes effect in the frames from its time on, whatever the latency of the sampler.
    """
    generator = wan.generator(seed, width=width, height=height)
    encode = lru_cache(wan.prompt)
    state, made, before = generator.init_state(), 0, ""
    while made < count:
        now = max(0, sum(prompt.time <= made / wan.base.rate for prompt in prompts) - 1)
        asked = prompts[now].text
        text, cut = wan.shows(asked, begins=before not in ("", asked))
        before = asked
        state, chunks = generator.step(state, ChunkControl(encode(text), cut=cut))
        for frame in (frame for chunk in chunks for frame in chunk):
            if made < count:
                made += 1
                yield frame
