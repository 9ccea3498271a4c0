"""Encode clips for training: `python -m models.training.video.latents --clips 8000`.

Clip `n` is the composed clip of seed `n`, encoded by the codec in `--codec`. A folder holds
shards of 100 clips and the hash of their codec; a stopped run resumes at its shard, and more clips
can be added later.
"""

import argparse
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.generation.chunk_request import MAX_THINGS
from models.generation.codec.codec import FRAMES_PER_LATENT, PATCH, Codec
from models.generation.looks import ChunkLooks
from models.generation.small.loading import load_codec
from models.generation.small.looks.layers import (
    gray_clip,
    layer_pictures,
    still_clip,
    thing_layer,
)
from models.generation.small.looks.pictures import LookPictures, load
from models.training.video.clips.composition import Pixels, VideoClip, compose
from models.training.video.train_codec import CPU

logger = logging.getLogger(__name__)

SHARD = 100  # clips in a file
TENSORS = ("latents", "tracks", "weights", "looks", "grounds")  # of `LatentClips`

# kinds, motions, background, sizes and colors
ClipLabel = tuple[list[str], list[str], str, list[str], list[str]]


@dataclass(frozen=True, slots=True, eq=False)
class LatentClips:
    """Encoded clips.

    `latents` is float16 (clips, channels, latents, h, w); `tracks` float32 (clips, MAX_THINGS,
    4 * latents, 2), NaN without a second thing; `weights` uint8 (clips, latents, h, w) is the share
    of pixels covered by things, 255 for all; `labels` are what captions are made of.

    `looks` float16 (clips, MAX_THINGS, channels + 1, latents, h, w) and `grounds` (clips, channels,
    h, w) are those of `ChunkLooks`.
    """

    latents: Tensor
    tracks: Tensor
    weights: Tensor
    looks: Tensor
    grounds: Tensor
    labels: list[ClipLabel]

    def to(self, device: torch.device) -> "LatentClips":
        """Return the same clips with the tensors on `device`."""
        moved = {name: part.to(device) for name, part in self.tensors.items()}
        return LatentClips(labels=self.labels, **moved)

    @property
    def tensors(self) -> dict[str, Tensor]:
        return {name: getattr(self, name) for name in TENSORS}

    def chunk_looks(self, index: int) -> ChunkLooks:
        """Return the looks of a whole clip."""
        return ChunkLooks(self.looks[index].float(), self.grounds[index].float())


@dataclass(frozen=True, slots=True, eq=False)
class PreparedClip:
    """A composed clip for training.

    `frames` is uint8 (4 * latents, size, size, 3); `covered` uint8 (4 * latents, size, size) is the
    coverage by things; `tracks` and `weights` are as in `LatentClips`; `sprites`, `facing` and
    `ground` as in `VideoClip`.
    """

    frames: Pixels
    covered: Pixels
    tracks: NDArray[np.float32]
    weights: Pixels
    sprites: Sequence[tuple[Pixels, Pixels]]
    facing: NDArray[np.int8]
    ground: Pixels
    label: ClipLabel


def prepare(clip: VideoClip) -> PreparedClip:
    tracks = np.full((MAX_THINGS, len(clip.frames), 2), np.nan, np.float32)
    tracks[: len(clip.tracks)] = clip.tracks
    covered = clip.masks.max(0)
    count, side = len(clip.frames) // FRAMES_PER_LATENT, len(covered[0]) // PATCH
    cells = covered.reshape(count, FRAMES_PER_LATENT, side, PATCH, side, PATCH)
    weights = np.rint(cells.mean((1, 3, 5), np.float32)).astype(np.uint8)
    return PreparedClip(
        clip.frames,
        covered,
        tracks,
        weights,
        clip.sprites,
        clip.facing,
        clip.ground,
        label(clip),
    )


def label(clip: VideoClip) -> ClipLabel:
    """Return what captions of `clip` are made of."""
    words = (clip.kinds, clip.motions, clip.sizes, clip.colors)
    kinds, motions, sizes, colors = (list(each) for each in words)
    return kinds, motions, clip.background, sizes, colors


@torch.no_grad()
def encode(codec: Codec, clips: Sequence[PreparedClip]) -> LatentClips:
    """Return `clips` as latents, on the device of `codec`."""
    device = codec.mean.device
    frames = torch.from_numpy(np.stack([clip.frames for clip in clips])).to(device)
    pixels = frames.permute(0, 4, 1, 2, 3).float() / 127.5 - 1
    looks, grounds = zip(*(clip_looks(codec, clip) for clip in clips), strict=True)
    return LatentClips(
        latents=codec.encode(pixels)[0].half(),
        tracks=torch.from_numpy(np.stack([clip.tracks for clip in clips])).to(device),
        weights=torch.from_numpy(np.stack([clip.weights for clip in clips])).to(device),
        looks=torch.stack(looks),
        grounds=torch.stack(grounds),
        labels=[clip.label for clip in clips],
    )


def clip_looks(codec: Codec, clip: PreparedClip) -> tuple[Tensor, Tensor]:
    """Return the looks of the things of `clip`, and of its background, as in `LatentClips`."""
    device, side, count = codec.mean.device, len(clip.ground), codec.config.channels
    latents, cells = len(clip.frames) // FRAMES_PER_LATENT, side // PATCH
    gray = still_latent(codec, gray_clip(side).to(device))
    looks = torch.zeros(MAX_THINGS, count + 1, latents, cells, cells, device=device)
    for number, sprites in enumerate(clip.sprites):
        layer = thing_layer(sprites, clip.facing[number], clip.tracks[number], side)
        shown, covered = (part.to(device) for part in layer_pictures(layer))
        looks[number] = torch.cat([codec.encode(shown)[0] - gray, covered], 1)[0]
    ground = still_latent(codec, still_clip(clip.ground).to(device)) - gray
    return looks.half(), ground[0, :, 0].half()


def still_latent(codec: Codec, picture: Tensor) -> Tensor:
    """Return the second latent of a clip in which nothing moves."""
    return codec.encode(picture.repeat(1, 1, 2, 1, 1))[0][:, :, 1:]


def join(parts: Sequence[LatentClips]) -> LatentClips:
    """Return the clips of all `parts`."""
    joined = {name: torch.cat([part.tensors[name] for part in parts]) for name in TENSORS}
    return LatentClips(labels=[label for part in parts for label in part.labels], **joined)


def fill(
    folder: Path,
    codec_file: Path,
    pictures: LookPictures,
    *,
    clips: int,
    size: int,
    latents: int,
    device: torch.device = CPU,
) -> None:
    """Add shards to `folder` until it holds `clips` clips.

    Raises:
        ValueError: the folder holds latents of another codec or size.
    """
    folder.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(codec_file.read_bytes()).hexdigest()
    recipe = {"codec": digest, "size": size, "latents": latents}
    known = folder / "recipe.json"
    if known.exists() and json.loads(known.read_text()) != recipe:
        raise ValueError(f"{folder} holds latents of another recipe; take an empty folder")
    known.write_text(json.dumps(recipe) + "\n")
    codec = load_codec(codec_file).to(device)
    for shard in range(-(-clips // SHARD)):
        file = folder / f"{shard:04d}.npz"
        if file.exists():
            continue
        _write(file, codec, pictures, shard, size, latents)
        logger.info("%d clips", (shard + 1) * SHARD)


def _write(
    file: Path, codec: Codec, pictures: LookPictures, shard: int, size: int, latents: int
) -> None:
    parts = []
    for seed in range(shard * SHARD, (shard + 1) * SHARD):
        clip = compose(pictures, seed, size=size, frames=FRAMES_PER_LATENT * latents)
        parts.append(encode(codec, [prepare(clip)]))
    made = join(parts).to(CPU)
    scratch = file.with_name(file.name + ".new")
    with scratch.open("wb") as out:
        line: NDArray[np.str_] = np.array(json.dumps(made.labels))
        tensors = {name: part.numpy() for name, part in made.tensors.items()}
        np.savez(out, allow_pickle=False, told=line, **tensors)
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
    parts: dict[str, list[Tensor]] = {name: [] for name in TENSORS}
    labels: list[ClipLabel] = []
    for file in files:
        with np.load(file) as shard:
            for name, held in parts.items():
                held.append(torch.from_numpy(shard[name]))
            labels += json.loads(str(shard["told"]))
    whole = {name: torch.cat(held) for name, held in parts.items()}
    return LatentClips(labels=labels, **whole)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training")
    parser.add_argument("--folder", type=Path, default=root / "latents")
    parser.add_argument("--codec", type=Path, default=root / "codec" / "codec.safetensors")
    parser.add_argument("--pictures", type=Path, default=root / "pictures" / "pictures.zip")
    parser.add_argument("--clips", type=int, default=8000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--latents", type=int, default=12)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", type=torch.device, default=CPU)
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
        device=options.device,
    )


if __name__ == "__main__":
    main()
