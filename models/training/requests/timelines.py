"""Timelines with known events, composed of observations of labeled pictures and clips.

A timeline shows pictures for some seconds each, two observations a second, as from a camera carried
from place to place. An hour of it has some 500 scene changes, many more than a room has, so its
false alarms per hour are those of a hard hour.
"""

import json
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.assistant.body.signs import Sign
from models.assistant.requests.targets import Target
from models.assistant.scene.perception import Observation
from models.assistant.scene.query_parsing import find_name_ids
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.seen_text import says
from models.vision.detection import unplaced_persons

FOLDER = Path(".cache/eyeline/standing")
RATE = 2.0  # observations a second
SCENES = 8  # in a timeline
SHOWN = (6, 20)  # observations of a scene
STILL = 0.5  # probability of the same view as half a second before
PEOPLE = ("person", "people", "man", "woman")


@dataclass(frozen=True, slots=True, eq=False)
class LabeledPicture:
    """A photograph or clip with its observations and labels; `people` None is unknown.

    `objects` are lists of synonyms of each thing, the main thing first; `colors` are its accepted
    colors. `counts` has how many there are of the things with some columns of `NAMES`, `signs` what
    a hand shows, and `written` the text in it.
    """

    id: str
    clip: bool
    half: int
    objects: Sequence[Sequence[str]]
    people: int | None
    colors: Sequence[str]
    observations: tuple[Observation, ...]
    counts: Sequence[tuple[frozenset[int], int]] = ()
    signs: frozenset[Sign] = frozenset()
    written: str = ""

    def shows(self, target: Target) -> bool | None:
        """Return whether it shows `target`; None if the labels do not say."""
        if target.reads:
            return says([self.written], target.phrase) if target.phrase else bool(self.written)
        if target.sign is not None:
            return target.sign in self.signs
        if target.people:
            return self._peopled(target.people)
        if target.count > 1:
            return self._counted(target)
        return self._named(target)

    def _counted(self, target: Target) -> bool | None:
        for columns, number in self.counts:
            if columns & target.name_ids:
                return number >= target.count
        return False if self._named(target) is False else None

    def _named(self, target: Target) -> bool | None:
        for names in self.objects:
            columns = [find_name_ids(name) for name in names]
            known = [found for found in columns if found]
            if known and known[0] & target.name_ids:
                return True
            if any(found & target.name_ids for found in known):
                return None  # a synonym, but not the first name: a cheetah is a cat
        return False

    def _peopled(self, count: int) -> bool | None:
        if self.people is not None:
            return self.people >= count
        if count == 1 and self.objects[0][0] in PEOPLE:
            return True
        return None


@dataclass(frozen=True, slots=True, eq=False)
class ObservationTimeline:
    """Observations, and their scenes with first and last index."""

    observations: tuple[Observation, ...]
    scenes: tuple[tuple[int, int, LabeledPicture], ...]

    def truth(self, target: Target) -> list[bool] | None:
        """Return whether each observation shows `target`; None if unknown."""
        out: list[bool] = []
        for begin, end, picture in self.scenes:
            shown = picture.shows(target)
            if shown is None:
                return None
            out += [shown] * (end - begin)
        return out


def load(folder: Path = FOLDER) -> list[LabeledPicture]:
    """Return the observed pictures (`python -m tests.bench.bench_standing looks`).

    Raises:
        FileNotFoundError: there are none.
    """
    rows = [json.loads(line) for line in (folder / "looks.jsonl").read_text().splitlines()]
    shares = np.load(folder / "shares.npy").astype(np.float32)
    by_id: dict[str, list[tuple[dict[str, Any], Observation]]] = defaultdict(
        list
    )  # any JSON object
    for row, seen in zip(rows, shares, strict=True):
        by_id[row["id"]].append((row, _look(row, seen)))
    return [_picture(found) for found in by_id.values()]


def _picture(found: list[tuple[dict[str, Any], Observation]]) -> LabeledPicture:
    row = found[0][0]
    return LabeledPicture(
        id=row["id"],
        clip=row["media"] == "clip",
        half=row["half"],
        objects=row["objects"],
        people=row["people"],
        colors=row["colours"],
        observations=tuple(observation for _, observation in found),
    )


def _look(row: dict[str, Any], shares: NDArray[np.float32]) -> Observation:
    stored = row["moment"]
    names = tuple((name, share) for name, share in stored["names"])
    moment = SceneEntry(**(stored | {"names": names, "others": tuple(stored["others"])}))
    return Observation(
        moment, torch.from_numpy(shares), detections=unplaced_persons(row["persons"])
    )


def compose(
    pictures: Sequence[LabeledPicture], count: int, seed: int
) -> Iterator[ObservationTimeline]:
    """Yield `count` timelines of `SCENES` different pictures each, or of all if there are fewer."""
    rng = random.Random(seed)
    for _ in range(count):
        observations: list[Observation] = []
        scenes = []
        for picture in rng.sample(list(pictures), min(SCENES, len(pictures))):
            part = _scene(picture, rng)
            scenes.append((len(observations), len(observations) + len(part), picture))
            observations += part
        yield ObservationTimeline(_timed(observations), tuple(scenes))


def _timed(observations: Sequence[Observation]) -> tuple[Observation, ...]:
    """Return `observations` with times from 0, `RATE` a second."""
    return tuple(
        replace(observation, scene=replace(observation.scene, time=index / RATE))
        for index, observation in enumerate(observations)
    )


def _scene(picture: LabeledPicture, rng: random.Random) -> list[Observation]:
    """Return observations of `picture`: a part of a clip, or random views of a photograph."""
    count = rng.randint(*SHOWN)
    if picture.clip:
        start = rng.randrange(max(len(picture.observations) - count, 0) + 1)
        return list(picture.observations[start : start + count])
    seen = [rng.choice(picture.observations)]
    while len(seen) < count:
        seen.append(seen[-1] if rng.random() < STILL else rng.choice(picture.observations))
    return seen


def whole(pictures: Sequence[LabeledPicture]) -> Iterator[ObservationTimeline]:
    """Yield each clip as it is, uncut."""
    for picture in pictures:
        if picture.clip:
            yield ObservationTimeline(
                _timed(picture.observations), ((0, len(picture.observations), picture),)
            )


def targets(pictures: Sequence[LabeledPicture]) -> list[Target]:
    """Return the targets in `pictures`: people, and each thing by its first known name."""
    found: dict[frozenset[int], Target] = {}
    for picture in pictures:
        for names in picture.objects:
            known = next((name for name in names if find_name_ids(name)), None)
            if known is not None:
                target = Target(label=known, name_ids=find_name_ids(known))
                found.setdefault(target.name_ids, target)
    people = [Target(label=f"{count} people", people=count) for count in (1, 2)]
    return [*people, *found.values()]
