"""Frames for training the enlarger: `python -m models.training.video.enlarging_pairs --clips 600`.

Clip `n` is the composed clip of seed `n` at two sizes. The small one goes through the codec, with
noise in its latents as a sampler leaves it; with `--drawing`, every second one through MotionStream
instead, which draws over it from a noise level (Meng et al. 2022, SDEdit). What comes out is what
the service shows; the large clip is what it should look like. A folder holds shards of 50 clips;
a stopped run resumes at its shard. Pictures are best kept larger for this:
`python -m models.training.video.clips.photographs --scale 2`.
"""

import argparse
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.generation.chunk_request import ChunkRequest
from models.generation.codec.codec import FRAMES_PER_LATENT, Codec
from models.generation.generator import to_frames
from models.generation.small.generator import SmallVideoGenerator
from models.generation.small.loading import load, load_codec
from models.generation.small.looks.pictures import LookPictures
from models.generation.small.looks.pictures import load as load_photographs
from models.training.video.clips.composition import VideoClip, compose
from models.training.video.train_codec import to_tensor

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]

SHARD = 50  # clips in a file
NOISE = (0.0, 0.1)  # standard deviations of noise in latents of unit size
STRENGTH = 0.3  # noise level from which the transformer draws: from higher ones, other shapes
THINGS = 0.7  # share of crops with a thing in their middle


@dataclass(frozen=True, slots=True, kw_only=True)
class PairRecipe:
    """Frames of `size` pixels and `scale` times that, in crops of `crop` small pixels.

    A clip has `latents` latents; the frames of the first are not kept, because a stream has a past.
    """

    size: int = 96
    scale: int = 3
    crop: int = 56
    latents: int = 3
    held_out: bool = False

    @property
    def frames(self) -> int:
        return FRAMES_PER_LATENT * self.latents


@dataclass(frozen=True, slots=True, eq=False)
class EnlargingPairs:
    """Crops of clips: uint8 (clips, frames, side, side, 3), and the same at the larger size."""

    small: Pixels
    large: Pixels


def shown_frames(
    clip: VideoClip, seed: int, codec: Codec, generator: SmallVideoGenerator | None
) -> Pixels:
    """Return the frames of `clip` as codec, or every second time `generator`, show them."""
    if generator is not None and seed % 2:
        return _drawn(clip, seed, generator)
    rng = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        latents, _ = codec.encode(to_tensor(clip.frames)[None])
        noise = torch.randn(latents.shape, generator=rng)
        shown, _ = codec.decode(latents + NOISE[seed // 2 % len(NOISE)] * noise)
    return to_frames(shown)


def _drawn(clip: VideoClip, seed: int, generator: SmallVideoGenerator) -> Pixels:
    state: Any = generator.init_state("motion-stream", seed)
    made: list[Pixels] = []
    for first in range(0, len(clip.frames), FRAMES_PER_LATENT):
        part = slice(first, first + FRAMES_PER_LATENT)
        request = ChunkRequest(
            prompt=((clip.caption, 1.0),),
            steps=2,
            track=clip.tracks[:, part].astype(np.float32),
            start=list(clip.frames[part]),
            strength=STRENGTH,
        )
        state, frames = generator.step(state, request)
        made += frames
    return np.stack(made)


def pair(
    pictures: LookPictures,
    seed: int,
    recipe: PairRecipe,
    codec: Codec,
    generator: SmallVideoGenerator | None = None,
) -> tuple[Pixels, Pixels]:
    """Return a crop of clip `seed` as it is shown, and as it is composed at the larger size."""
    sizes = (recipe.size, recipe.scale * recipe.size)
    small, large = (
        compose(pictures, seed, size=size, frames=recipe.frames, held_out=recipe.held_out)
        for size in sizes
    )
    shown = shown_frames(small, seed, codec, generator)[FRAMES_PER_LATENT:]
    rng = np.random.default_rng([seed, 7])
    room = recipe.size - recipe.crop
    corner = rng.integers(0, room + 1, 2)  # x, y
    if rng.random() < THINGS:
        center = small.tracks[0, FRAMES_PER_LATENT:].mean(0) * recipe.size
        corner = np.clip(np.rint(center - recipe.crop / 2), 0, room).astype(int)
    x, y = corner
    near, far = recipe.crop, recipe.scale
    cut = shown[:, y : y + near, x : x + near]
    whole = large.frames[FRAMES_PER_LATENT:]
    return cut, whole[:, far * y : far * (y + near), far * x : far * (x + near)]


def fill(
    folder: Path,
    pictures: LookPictures,
    recipe: PairRecipe,
    clips: range,
    codec: Codec,
    generator: SmallVideoGenerator | None = None,
) -> None:
    """Write the pairs of `clips` to `folder`, in shards."""
    folder.mkdir(parents=True, exist_ok=True)
    for first in range(clips.start, clips.stop, SHARD):
        file = folder / f"{first:06}.npz"
        if file.exists():
            continue
        seeds = range(first, min(first + SHARD, clips.stop))
        made = [pair(pictures, seed, recipe, codec, generator) for seed in seeds]
        small, large = (np.stack(part) for part in zip(*made, strict=True))
        scratch = file.with_name(file.name + ".new")
        with scratch.open("wb") as out:
            np.savez(out, allow_pickle=False, small=small, large=large)
        scratch.replace(file)
        logger.info("%d clips", seeds.stop - clips.start)


def read(folders: list[Path]) -> EnlargingPairs:
    """Return all pairs of `folders`.

    Raises:
        FileNotFoundError: a folder holds none.
    """
    parts = [part for folder in folders for part in _shards(folder)]
    small, large = (np.concatenate(each) for each in zip(*parts, strict=True))
    return EnlargingPairs(small, large)


def _shards(folder: Path) -> Iterator[tuple[Pixels, Pixels]]:
    files = sorted(folder.glob("[0-9]*.npz"))
    if not files:
        raise FileNotFoundError(
            f"{folder} holds no pairs; run python -m models.training.video.enlarging_pairs"
        )
    for file in files:
        with np.load(file) as shard:
            yield shard["small"], shard["large"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training")
    parser.add_argument("--folder", type=Path, default=root / "enlarging" / "pairs")
    parser.add_argument("--codec", type=Path, default=root / "codec" / "codec.safetensors")
    parser.add_argument("--drawing", type=Path, help="a transformer of the same codec and size")
    parser.add_argument("--pictures", type=Path, default=root / "pictures" / "pictures.zip")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--clips", type=int, default=600)
    parser.add_argument("--size", type=int, default=PairRecipe().size)
    parser.add_argument("--held-out", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(1)
    generator = None
    if options.drawing:
        generator = SmallVideoGenerator(load(options.codec, options.drawing))
    fill(
        options.folder,
        load_photographs(options.pictures),
        PairRecipe(size=options.size, held_out=options.held_out),
        range(options.first, options.first + options.clips),
        load_codec(options.codec),
        generator,
    )


if __name__ == "__main__":
    main()
