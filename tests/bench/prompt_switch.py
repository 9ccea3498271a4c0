"""Delay until a stream shows a new prompt."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from models.generation.chunk_request import FRAME_RATE
from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.samplers.registry import DEFAULT_STEPS
from models.generation.small.generator import SmallVideoGenerator
from models.generation.small.loading import SmallVideoModel
from models.training.video.clips.composition import VideoClip
from tests.bench.drawn_stream import drawn_chunks
from tests.bench.video_probe import GROUND_NAMES, Probe, views

BEFORE, AFTER = 8, 10  # chunks with one prompt, and then with the other

Shown = NDArray[np.uint8]


def after_switch(
    drawing: SmallVideoModel, name: str, first: VideoClip, then: VideoClip, *, seed: int
) -> Shown:
    """Return the pictures after a prompt change from `first` to `then`, with the track of `then`.

    Latents in flight at the change count as after it.
    """
    track = then.tracks[:1]
    lap = track.shape[1] // FRAMES_PER_LATENT
    chunks = []
    for chunk in range(BEFORE + AFTER):
        at = (chunk - BEFORE) % lap * FRAMES_PER_LATENT
        clip = first if chunk < BEFORE else then
        chunks.append((clip.caption, track[:, at : at + FRAMES_PER_LATENT]))
    lag = SmallVideoGenerator(drawing).lag(name, DEFAULT_STEPS[name])
    made = drawn_chunks(drawing, name, chunks, seed=seed)
    return np.concatenate(list(made)[BEFORE - lag : BEFORE + AFTER - lag])


@torch.no_grad()
def seen_after(probe: Probe, pictures: Shown, then: VideoClip) -> float:
    """Return the seconds until the probe names `then`'s background in two pictures running.

    Infinity stands for never.
    """
    middle = np.array([0.5, 0.5], np.float32)
    cuts, wholes = zip(*(views(picture, middle) for picture in pictures), strict=True)
    named = probe(torch.stack(cuts), torch.stack(wholes))[1].argmax(1)
    right = (named == GROUND_NAMES.index(then.background)).tolist()
    return next(
        (n / FRAME_RATE for n, both in enumerate(pairwise(right)) if all(both)), float("inf")
    )


def changes(clips: Sequence[VideoClip]) -> Iterator[tuple[VideoClip, VideoClip]]:
    """Yield each clip with the next of another thing on another background."""
    for number, clip in enumerate(clips):
        others = (*clips[number + 1 :], *clips[:number])
        yield (
            clip,
            next(
                other
                for other in others
                if other.kinds[0] != clip.kinds[0] and other.background != clip.background
            ),
        )


def delays(
    drawing: SmallVideoModel, name: str, clips: Sequence[VideoClip], probe: Probe
) -> list[float]:
    """Return the seconds that each change of `clips` takes to be seen."""
    return [
        seen_after(probe, after_switch(drawing, name, first, then, seed=number), then)
        for number, (first, then) in enumerate(changes(clips))
    ]
