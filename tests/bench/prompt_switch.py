"""Delay until a stream shows a new prompt."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from models.generation.chunk_request import FRAME_RATE
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.generator import SmallVideoGenerator
from models.generation.small.loading import SmallVideoModel
from tests.bench.drawn_scenes import DrawnScene
from tests.bench.drawn_stream import Shown, drawn_chunks
from tests.bench.look_judge import LookJudge

BEFORE, AFTER = 8, 10  # chunks with one prompt, and then with the other


def after_switch(
    drawing: SmallVideoModel, name: str, first: DrawnScene, then: DrawnScene, *, seed: int
) -> Shown:
    """Return the pictures after a prompt change from `first` to `then`, with the path of `then`.

    Latents in flight at the change count as after it.
    """
    track = then.path[None]
    lap = track.shape[1] // FRAMES_PER_LATENT
    chunks = []
    for chunk in range(BEFORE + AFTER):
        at = (chunk - BEFORE) % lap * FRAMES_PER_LATENT
        scene = first if chunk < BEFORE else then
        chunks.append((scene.text, track[:, at : at + FRAMES_PER_LATENT]))
    lag = SmallVideoGenerator(drawing).lag(name, DEFAULT_STEPS[name])
    made = drawn_chunks(drawing, name, chunks, seed=seed)
    return np.concatenate(list(made)[BEFORE - lag : BEFORE + AFTER - lag])


def seen_after(judge: LookJudge, pictures: Shown, then: DrawnScene) -> float:
    """Return the seconds until the background of `then` is nearest in two pictures running.

    Infinity stands for never.
    """
    right = [judge.ground(picture) == then.ground for picture in pictures]
    return next(
        (n / FRAME_RATE for n, both in enumerate(pairwise(right)) if all(both)), float("inf")
    )


def changes(scenes: Sequence[DrawnScene]) -> Iterator[tuple[DrawnScene, DrawnScene]]:
    """Yield each scene with the next of another thing on another background."""
    for number, scene in enumerate(scenes):
        others = (*scenes[number + 1 :], *scenes[:number])
        yield (
            scene,
            next(
                other
                for other in others
                if other.kind != scene.kind and other.ground != scene.ground
            ),
        )


def delays(
    drawing: SmallVideoModel, name: str, scenes: Sequence[DrawnScene], judge: LookJudge
) -> list[float]:
    """Return the seconds that each change of `scenes` takes to be seen."""
    return [
        seen_after(judge, after_switch(drawing, name, first, then, seed=0), then)
        for first, then in changes(scenes)
    ]
