"""A made-up stream in moments, for benchmarks: scenes of 20 seconds, one moment every 5.

720 moments an hour is as many as the embedded model remembers of a stream that never rests.
"""

import random
from collections.abc import Sequence

import numpy as np
import torch

from models.assistant.scene.perception import Look, Observation, Perception, Pixels
from models.assistant.scene.scene_entry import SceneEntry
from models.vision.class_names import NAMES

INTERVAL, SCENE = 5, 20  # seconds
THINGS = (
    "cup", "dog", "guitar", "banana", "bicycle", "clock", "umbrella", "horse", "book", "chair",
    "laptop", "phone", "cat", "ball", "hat", "lamp", "bottle", "car",
)  # fmt: skip
ABSENT = ("elephant", "violin", "hammer", "pizza")  # not in any scene
COLORS = ("red", "blue", "green", "white", "black", "yellow")
PLACES = ("left", "middle", "right")


def entry_at(time: int) -> SceneEntry:
    """Return the scene entry at `time`, in seconds."""
    rng = random.Random(time // SCENE)
    thing, colour, place = rng.choice(THINGS), rng.choice(COLORS), rng.choice(PLACES)
    people = rng.choice((0, 0, 1, 2))
    return SceneEntry(
        time=float(time), names=((thing, 1.0),), colour=colour, place=place, people=people
    )


def observation_at(time: int) -> Observation:
    """Return the observation at `time`, in seconds."""
    seen = entry_at(time)
    shares = torch.zeros(len(NAMES))
    shares[NAMES.index(seen.names[0][0])] = 1.0
    return Observation(seen, shares)


class SyntheticPerception(Perception):
    """A perception that knows the scene at each time: no network, any picture."""

    def __init__(self) -> None:
        pass

    def analyze_many(self, looks: Sequence[Look]) -> list[Observation]:
        return [observation_at(int(look.time)) for look in looks]


BLANK_FRAME: Pixels = np.zeros((1, 1, 3), np.uint8)


def questions(count: int) -> list[str]:
    """Return questions of every kind about things that were there and things that never were."""
    kinds = (
        "When did you last see my {}?", "Is there a {}?", "Where is the {}?",
        "What colour is the {}?", "What did I hold before the {}?", "Did you see a {}?",
        "How many people are there?", "Is there anyone in the room?", "What do you see?",
    )  # fmt: skip
    rng = random.Random(5)
    return [
        kinds[number % len(kinds)].format(rng.choice(THINGS + ABSENT)) for number in range(count)
    ]
