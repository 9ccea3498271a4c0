"""Encode clips for training: `python -m models.training.video.latents --clips 8000`.

Clip `n` is the composed clip of seed `n`, encoded by the codec in `--codec`. Each kind of thing
has one appearance: a small model learns the mean of several. A folder holds shards of 100 clips
and the hash of their codec; a stopped run resumes at its shard, and more clips can be added later.
"""

import argparse
import hashlib
import json
import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generation.chunk_request import MAX_THINGS
from models.generation.codec import FRAMES_PER_LATENT, PATCH, Codec
from models.generation.small.loading import load_codec
from models.training.video.clips.composition import VideoClip, compose
from models.training.video.clips.photographs import Photographs, load
from models.training.video.train_codec import to_tensor

logger = logging.getLogger(__name__)

SHARD = 100  # clips in a file


@dataclass(frozen=True, slots=True, eq=False)
class LatentClips:
    """Encoded clips.

    `latents` is float16 (clips, channels, latents, h, w); `tracks` float32 (clips, MAX_THINGS,
    4 * latents, 2), NaN without a second thing; `weights` uint8 (clips, latents, h, w) is the share
    of pixels covered by things, 255 for all; `labels` are kinds, motions and background.
    """

    latents: Tensor
    tracks: Tensor
    weights: Tensor
    labels: list[tuple[list[str], list[str], str]]


@torch.no_grad()
def encode(codec: Codec, clip: VideoClip) -> tuple[Tensor, Tensor, Tensor]:
    """Return latents, tracks and weights of `clip`, as `LatentClips` has them."""
    latents = codec.encode(to_tensor(clip.frames)[None])[0][0].half()
    tracks = torch.full((MAX_THINGS, len(clip.frames), 2), float("nan"))
    tracks[: len(clip.tracks)] = torch.from_numpy(clip.tracks)
    covered = torch.from_numpy(clip.masks.max(0)).float()
    count, side = len(clip.frames) // FRAMES_PER_LATENT, len(covered[0]) // PATCH
    cells = covered.reshape(count, FRAMES_PER_LATENT, side, PATCH, side, PATCH).mean((1, 3, 5))
    return latents, tracks, cells.round().byte()


def fill(
    folder: Path, codec_file: Path, pictures: Photographs, *, clips: int, size: int, latents: int
) -> None:
    """Add shards to `folder` until it holds `clips` clips.

    Raises:
        ValueError: the folder holds latents of another codec or size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(codec_file.read_bytes()).hexdigest()
    recipe = {"codec": digest, "size": size, "latents": latents, "varied": False}
    known = folder / "recipe.json"
    if known.exists() and json.loads(known.read_text()) != recipe:
        raise ValueError(f"{folder} holds latents of another recipe; take an empty folder")
    known.write_text(json.dumps(recipe) + "\n")
    codec = load_codec(codec_file)
    for shard in range(-(-clips // SHARD)):
        file = folder / f"{shard:04d}.npz"
        if file.exists():
            continue
        _write(file, codec, pictures, shard, size, latents)
        logger.info("%d clips", (shard + 1) * SHARD)


def _write(
    file: Path, codec: Codec, pictures: Photographs, shard: int, size: int, latents: int
) -> None:
    parts: list[tuple[Tensor, Tensor, Tensor]] = []
    labels = []
    for seed in range(shard * SHARD, (shard + 1) * SHARD):
        clip = compose(pictures, seed, size=size, frames=FRAMES_PER_LATENT * latents, varied=False)
        parts.append(encode(codec, clip))
        labels.append((clip.kinds, clip.motions, clip.background))
    stacked = [torch.stack(part).numpy() for part in zip(*parts, strict=True)]
    scratch = file.with_name(file.name + ".new")
    with scratch.open("wb") as out:
        line: NDArray[np.str_] = np.array(json.dumps(labels))
        names = dict(zip(("latents", "tracks", "weights"), stacked, strict=True))
        np.savez(out, allow_pickle=False, told=line, **names)
    scratch.replace(file)


def read(folder: Path) -> LatentClips:
    """Return all clips of `folder`.

    Raises:
        FileNotFoundError: it holds none.
    """
    files = sorted(folder.glob("[0-9]*.npz"))
    if not files:
        raise FileNotFoundError(
            f"{folder} holds no latents; run python -m models.training.video.latents"
        )
    parts: dict[str, list[Tensor]] = {"latents": [], "tracks": [], "weights": []}
    labels: list[tuple[list[str], list[str], str]] = []
    for file in files:
        with np.load(file) as shard:
            for name, held in parts.items():
                held.append(torch.from_numpy(shard[name]))
            labels += json.loads(str(shard["told"]))
    whole = {name: torch.cat(held) for name, held in parts.items()}
    return LatentClips(whole["latents"], whole["tracks"], whole["weights"], labels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training")
    parser.add_argument("--folder", type=Path, default=root / "latents")
    parser.add_argument("--codec", type=Path, default=root / "codec" / "codec.safetensors")
    parser.add_argument("--pictures", type=Path, default=root / "pictures")
    parser.add_argument("--clips", type=int, default=8000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--latents", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    torch.set_num_threads(options.threads)
    fill(
        options.folder,
        options.codec,
        load(options.pictures),
        clips=options.clips,
        size=options.size,
        latents=options.latents,
    )


if __name__ == "__main__":
    main()
