"""What a live session would see of the small model, chunk by chunk."""

from collections.abc import Iterable, Iterator
from itertools import chain, repeat

import numpy as np
from numpy.typing import NDArray

from models.generation.chunk_request import ChunkRequest
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.context import Reach
from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.generator import SmallVideoGenerator
from models.generation.small.loading import SmallVideoModel

Shown = NDArray[np.uint8]  # (frames, height, width, 3)
Track = NDArray[np.float32]  # (things, frames of a chunk, 2)


def drawn_chunks(
    drawing: SmallVideoModel,
    name: str,
    chunks: Iterable[tuple[str, Track]],
    *,
    seed: int,
    reach: Reach | None = None,
) -> Iterator[Shown]:
    """Yield the frames of each of `chunks`, prompts with tracks, by sampler `name`.

    What is in flight at the end follows the last prompt and track.
    """
    generator = SmallVideoGenerator(drawing, reach)
    state = generator.init_state(name, seed)
    waiting, control = 0, None
    for given in chain(chunks, repeat(None)):
        waiting += given is not None
        control = given or control
        if not waiting or control is None:
            return
        prompt, track = control
        request = ChunkRequest(prompt=((prompt, 1.0),), steps=DEFAULT_STEPS[name], track=track)
        state, frames = generator.step(state, request)
        if frames:
            waiting -= 1
            yield np.stack(frames)


def along(text: str, track: Track) -> list[tuple[str, Track]]:
    """Return the chunks of a prompt with a whole track, (things, frames, 2)."""
    starts = range(0, track.shape[1], FRAMES_PER_LATENT)
    return [(text, track[:, start : start + FRAMES_PER_LATENT]) for start in starts]
