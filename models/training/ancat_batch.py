"""What one step of training an ANCAT hears: utterances in rooms and noise, with their units."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.asr.ancat import FRAME
from models.asr.mel import Samples
from models.asr.running_mel import running_log_mel
from models.asr.words import RATE
from models.training.mixing import augment

Rng = np.random.Generator
Drawn = tuple[Samples, tuple[int, ...]]
TAIL = 0.8  # seconds of silence after the last utterance: the last letters may come late


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """`mel` is (batch, mels, n), `labels` int64 (batch, most), `counts` how many are real."""

    mel: Tensor
    labels: Tensor
    counts: Tensor
    seconds: float


def batch(draw: Callable[[], Drawn], seconds: int, longest: float, rng: Rng) -> Batch:
    """Return items of about the same length, `seconds` of sound in all."""
    items = [_item(draw, longest, rng)]
    wanted = len(items[0][0])
    while (len(items) + 1) * wanted <= seconds * RATE:
        near = sorted(
            (_item(draw, longest, rng) for _ in range(2)),
            key=lambda item: abs(len(item[0]) - wanted),
        )
        items.append(near[0])
    length = max(len(sound) for sound, _ in items) + int(TAIL * RATE)
    length += -length % FRAME
    heard = [
        augment(np.pad(sound, (0, length - len(sound))), lambda: draw()[0], rng)
        for sound, _ in items
    ]
    most = max(1, *(len(units) for _, units in items))
    labels = torch.zeros(len(items), most, dtype=torch.int64)
    for row, (_, units) in zip(labels, items, strict=True):
        row[: len(units)] = torch.tensor(units, dtype=torch.int64)
    counts = torch.tensor([len(units) for _, units in items])
    mel = torch.stack([running_log_mel(sound) for sound in heard])
    return Batch(mel, labels, counts, len(items) * length / RATE)


def _item(draw: Callable[[], Drawn], longest: float, rng: Rng) -> Drawn:
    """Return one or two utterances after each other, or none: sometimes nobody speaks."""
    if rng.random() < 0.03:
        return np.zeros(int(rng.uniform(2, 8) * RATE), np.float32), ()
    sound, units = draw()
    sound = _spoken(sound, rng)
    parts = [np.zeros(int(rng.uniform(0, 0.6) * RATE), np.float32), sound]
    if rng.random() < 0.2 and len(sound) < longest * RATE / 2:
        more, others = draw()
        if len(more) < longest * RATE / 2:
            pause = np.zeros(int(rng.uniform(0.1, 1.0) * RATE), np.float32)
            parts += [pause, _spoken(more, rng)]
            units += others
    return np.concatenate(parts), units


def _spoken(sound: Samples, rng: Rng) -> Samples:
    """Return `sound` a little faster or slower, and with it higher or lower, at some level."""
    level = np.float32(10 ** (rng.uniform(-6, 0) / 20))
    if rng.random() < 0.5:
        return sound * level
    speed = rng.uniform(0.9, 1.12)
    places = np.arange(int(len(sound) / speed)) * speed
    bent: Samples = np.interp(places, np.arange(len(sound)), sound).astype(np.float32)
    return bent * level
