"""The batch of a training step of ANCAT: augmented utterances with their units."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.asr.ancat.network import FRAME
from models.asr.streaming.running_mel import running_log_mel
from models.asr.whisper.mel import Samples
from models.asr.words import RATE
from models.training.ancat.letter_times import Times, targets
from models.training.asr.mixing import augment

Rng = np.random.Generator
IGNORED = -100  # as a target: unknown
DRAWN = 24  # items from which a step takes those of similar length
TAIL = 0.8  # seconds of silence after the last utterance, for late letters


@dataclass(frozen=True, slots=True, eq=False)
class TrainingUtterance:
    """Sound, its units, and their end times, as in `letter_times`."""

    sound: Samples
    units: tuple[int, ...]
    times: Times


@dataclass(frozen=True, slots=True, eq=False)
class AncatBatch:
    """`mel` is (batch, mels, n), `labels` int64 (batch, most), `counts` how many are real.

    `guide`, int64 (batch, frames of 40 ms), is the unit of each frame, or IGNORED.
    """

    mel: Tensor
    labels: Tensor
    counts: Tensor
    guide: Tensor
    seconds: float


def make_batch(
    draw: Callable[[], TrainingUtterance], seconds: int, longest: float, rng: Rng
) -> AncatBatch:
    """Return items of similar length with at most `seconds` of sound in all, or one item."""
    drawn = sorted((_item(draw, longest, rng) for _ in range(DRAWN)), key=_length)
    items = _near(drawn, int(rng.integers(DRAWN)), seconds * RATE)
    length = _length(items[-1]) + int(TAIL * RATE)
    length += -length % FRAME
    heard = [
        augment(np.pad(item.sound, (0, length - len(item.sound))), lambda: draw().sound, rng)
        for item in items
    ]
    most = max(1, *(len(item.units) for item in items))
    labels = torch.zeros(len(items), most, dtype=torch.int64)
    guide = torch.full((len(items), length // FRAME), IGNORED)
    for row, guided, item in zip(labels, guide, items, strict=True):
        row[: len(item.units)] = torch.tensor(item.units, dtype=torch.int64)
        wanted_units = targets(item.units, item.times, length // FRAME, FRAME / RATE)
        if wanted_units is not None:
            guided.copy_(torch.tensor(wanted_units))
    counts = torch.tensor([len(item.units) for item in items])
    mel = torch.stack([running_log_mel(sound) for sound in heard])
    return AncatBatch(mel, labels, counts, guide, len(items) * length / RATE)


def _length(item: TrainingUtterance) -> int:
    return len(item.sound)


def _near(
    items: Sequence[TrainingUtterance], place: int, samples: int
) -> Sequence[TrainingUtterance]:
    """Return as many neighbors of the item at `place` as fit into `samples`.

    `items` are sorted by length; each is padded to the longest, with its tail.
    """
    first, end = place, place + 1
    tail = int(TAIL * RATE)
    while end < len(items) and (end + 1 - first) * (_length(items[end]) + tail) <= samples:
        end += 1
    while first and (end - first + 1) * (_length(items[end - 1]) + tail) <= samples:
        first -= 1
    return items[first:end]


def _item(draw: Callable[[], TrainingUtterance], longest: float, rng: Rng) -> TrainingUtterance:
    """Return an utterance, several with pauses, or silence.

    A stream continues after a full stop, and has frames late in the window too.
    """
    if rng.random() < 0.03:
        return TrainingUtterance(
            np.zeros(int(rng.uniform(2, 8) * RATE), np.float32), (), np.zeros(0)
        )
    limit = rng.uniform(0.3, 1.0) * longest * RATE if rng.random() < 0.25 else 0.0
    parts: list[Samples] = []
    units: tuple[int, ...] = ()
    unit_times: list[Times] = []
    count = 0
    while not parts or count < limit:
        drawn = draw()
        if parts and count + len(drawn.sound) > longest * RATE:
            break
        pause = int((rng.uniform(0.1, 1.0) if parts else rng.uniform(0, 0.6)) * RATE)
        sound = _spoken(drawn.sound, rng)
        # Shifted by the sound before it, and stretched by the change of speed.
        unit_times.append((count + pause) / RATE + drawn.times * (len(sound) / len(drawn.sound)))
        parts += [np.zeros(pause, np.float32), sound]
        count += pause + len(sound)
        units += drawn.units
    return TrainingUtterance(np.concatenate(parts), units, np.concatenate(unit_times))


def _spoken(sound: Samples, rng: Rng) -> Samples:
    """Return `sound` at a random level, sometimes resampled a little faster or slower."""
    level = np.float32(10 ** (rng.uniform(-6, 0) / 20))
    if rng.random() < 0.5:
        return sound * level
    speed = rng.uniform(0.9, 1.12)
    places = np.arange(int(len(sound) / speed)) * speed
    bent: Samples = np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
    return bent * level
