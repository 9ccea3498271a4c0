"""A small classifier of things and backgrounds, trained on real clips.

It reads one frame, and a crop around the thing. Its accuracy on real held-out clips is the ceiling
for generated ones; report both.
"""

from itertools import pairwise

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from torch import Tensor, nn

from models.generation.small.looks.pictures import LookPictures
from models.training.video.clips.composition import VideoClip, compose
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS

CROP = 32  # pixels around a thing's middle, of pictures 64 pixels wide
KIND_NAMES, GROUND_NAMES = tuple(KINDS), tuple(BACKGROUNDS)


class Probe(nn.Module):
    """Two convolutional networks, one for the thing and one for the background.

    `features` is theirs together, for distances between sets of pictures.
    """

    def __init__(self) -> None:
        super().__init__()
        self.thing, self.ground = _layers(), _layers()
        self.kinds = nn.Linear(96, len(KIND_NAMES))
        self.grounds = nn.Linear(96, len(GROUND_NAMES))

    def features(self, crops: Tensor, pictures: Tensor) -> Tensor:
        return torch.cat([self.thing(crops), self.ground(pictures)], 1)

    def forward(self, crops: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return scores of kinds and of backgrounds, from (n, 3, 32, 32) and (n, 3, 32, 32)."""
        both = self.features(crops, pictures)
        return self.kinds(both[:, :96]), self.grounds(both[:, 96:])


def _layers() -> nn.Sequential:
    sizes = (3, 24, 48, 96)
    layers: list[nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Conv2d(96, 96, 3, padding=1), nn.ReLU(), _Mean())


class _Mean(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def views(picture: NDArray[np.uint8], place: NDArray[np.float32]) -> tuple[Tensor, Tensor]:
    """Return the cut round `place` (x, y in [0, 1]) of `picture`, and the whole, both 32 wide."""
    size = len(picture)
    whole = torch.from_numpy(picture.copy()).permute(2, 0, 1).float() / 127.5 - 1
    half = CROP * size // 128
    padded = F.pad(whole[None], (half,) * 4, mode="reflect")[0]
    x, y = (round(float(value) * size) for value in np.clip(place, 0, 1))
    cut = padded[:, y : y + 2 * half, x : x + 2 * half]
    small = F.interpolate(whole[None], (32, 32), mode="area")[0]
    return F.interpolate(cut[None], (32, 32), mode="area")[0], small


def sample(clip: VideoClip, frame: int) -> tuple[Tensor, Tensor, int, int]:
    """Return the views of a clip's picture, its first thing's number, its background's number."""
    cut, whole = views(clip.frames[frame], clip.tracks[0, frame])
    return cut, whole, KIND_NAMES.index(clip.kinds[0]), GROUND_NAMES.index(clip.background)


def batch(pictures: LookPictures, seeds: range, size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return views and numbers of a picture of each clip with one thing among `seeds`."""
    parts = []
    for seed in seeds:
        clip = compose(pictures, seed, size=size, frames=4)
        if len(clip.kinds) == 1:
            parts.append(sample(clip, 2))
    cuts, wholes, kinds, grounds = zip(*parts, strict=True)
    return torch.stack(cuts), torch.stack(wholes), torch.tensor(kinds), torch.tensor(grounds)


def train(pictures: LookPictures, size: int, steps: int = 400) -> Probe:
    """Return a probe trained on clips that neither codec nor generator was trained on.

    `size` is theirs, in pixels.
    """
    torch.manual_seed(0)
    probe = Probe()
    optimizer = torch.optim.AdamW(probe.parameters(), lr=2e-3)
    for step in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * (1 - step / steps)
        start = 50_000_000 + 48 * step
        cuts, wholes, kinds, grounds = batch(pictures, range(start, start + 48), size)
        shift = torch.from_numpy(np.random.default_rng(step).integers(-2, 3, 2))
        cuts = cuts.roll((int(shift[0]), int(shift[1])), (2, 3))
        logits = probe(cuts, wholes)
        loss = F.cross_entropy(logits[0], kinds) + F.cross_entropy(logits[1], grounds)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]  # PyTorch's own
        optimizer.step()
    return probe.eval()


@torch.no_grad()
def frechet(probe: Probe, one: tuple[Tensor, Tensor], two: tuple[Tensor, Tensor]) -> float:
    """Return the Fréchet distance between two sets of views, by the probe's features.

    A stand-in for the distance by an Inception network: it compares what this probe looks at, and
    only sets of the same size with each other. Source: Heusel et al. 2017, section 2.
    """
    sets = [probe.features(*views).double() for views in (one, two)]
    apart = (sets[0].mean(0) - sets[1].mean(0)).square().sum()
    first, second = (torch.cov(each.T) for each in sets)
    values, axes = torch.linalg.eigh(first)
    root = axes * values.clamp(min=0).sqrt() @ axes.T
    common = torch.linalg.eigvalsh(root @ second @ root).clamp(min=0).sqrt().sum()
    return float(apart + first.trace() + second.trace() - 2 * common)


@torch.no_grad()
def right(probe: Probe, seen: tuple[Tensor, Tensor, Tensor, Tensor]) -> tuple[float, float]:
    """Return the share of `seen` whose thing, and whose background, the probe names."""
    cuts, wholes, kinds, grounds = seen
    logits = probe(cuts, wholes)
    return (
        float((logits[0].argmax(1) == kinds).float().mean()),
        float((logits[1].argmax(1) == grounds).float().mean()),
    )
