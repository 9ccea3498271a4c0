"""The scene of a frame, from what the classifier and the detector found in it.

Names of both are fused: a name is as likely as that one of them is right. Which thing is the main
one depends on sizes too, so that a small thing in the background is listed, and no more.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor

from models.assistant.scene.query_parsing import find_name_ids
from models.assistant.scene.scene_entry import SceneEntry
from models.vision.class_names import CLASSIFIED, COLUMNS, NAMES, PERSON, grouped
from models.vision.colors import dominant_color
from models.vision.detection import Detection, overlap

MAIN_PROBABILITY = 0.5  # at which a thing is the main thing, even beside persons
OTHER_PROBABILITY = 0.25  # at which a further thing is listed
SURE_BOX = 0.75  # score at which a thing with a box is listed
NOISE_PROBABILITY = 0.004  # of one of 1,000 classes, below which it is noise
NAME_PROBABILITY = 0.35  # at which a thing is called by its name, not by its kind
UNKNOWN_PROBABILITY = 0.1  # below which the main thing is `something`
COARSE_KINDS = ("animal", "building", "vehicle", "furniture", "fruit")  # used instead of a name
SOMETHING = "something"
PERSON_SCORE = 0.5  # at which a detection counts as a person
DENIED = 0.01  # probability of a name, below which the classifier does not see it,
OUTDONE = 0.1  # or below this fraction of the likeliest name's
DOUBT = 2.5  # of a large box that it does not see, in log odds
SURE_PERSON = 0.75  # score from which a person is not doubted,
LARGE_PERSON = 0.05  # nor if the box is smaller, as a fraction of the frame
SAME_PERSON = 0.3  # overlap of two boxes that may be one person
DOUBT_PERSON = 1.5  # of a person whom the other detector does not see at all, in log odds
LARGE = 0.1  # area of a box, as a fraction of the frame, from which it counts in full
MAX_OTHERS = 2  # further things in a scene
MIDDLE_RANGE = 0.12  # widths to each side of the center that count as the middle


@dataclass(frozen=True, slots=True, eq=False)
class FoundThings:
    """What both models found in a frame.

    `by_name` has the probability that each of `NAMES` is in the frame, and `prominence` the same
    with small things counting less. `best` is the likeliest class of the likeliest name that the
    classifier knows, int64 (1,).
    """

    by_name: Tensor
    prominence: Tensor
    best: Tensor
    detections: tuple[Detection, ...]

    @property
    def classified_name(self) -> str:
        """The name that the classifier finds likeliest."""
        return NAMES[int(COLUMNS[self.best])]

    @property
    def persons(self) -> list[Detection]:
        """The persons that count."""
        return [
            each for each in self.detections if each.name == PERSON and each.score >= PERSON_SCORE
        ]


def fuse(by_class: Tensor, detections: Sequence[Detection]) -> FoundThings:
    """Return the names that `by_class`, (1000,), and `detections` give together."""
    classified = grouped(by_class.where(by_class >= NOISE_PROBABILITY, 0))
    detections = [_doubted(each, classified) for each in detections]
    missed, hidden = torch.ones(len(NAMES)), torch.ones(len(NAMES))
    for each in detections:
        if each.name != PERSON:
            column = NAMES.index(each.name)
            missed[column] = min(float(missed[column]), 1 - each.score)
            share = min(1.0, each.area / LARGE)
            hidden[column] = min(float(hidden[column]), 1 - each.score * share)
    best = by_class.where(classified.argmax() == COLUMNS, 0).argmax()
    return FoundThings(
        1 - (1 - classified) * missed,
        1 - (1 - classified) * hidden,
        best[None],
        tuple(detections),
    )


def _doubted(box: Detection, classified: Tensor) -> Detection:
    """Return `box` with a lower score if the classifier does not see so large a thing.

    Names that the classifier does not know are not doubted.
    """
    column = NAMES.index(box.name) if box.name in NAMES else -1
    least = max(DENIED, OUTDONE * float(classified.max()))
    if column not in CLASSIFIED or float(classified[column]) >= least:
        return box
    return replace(box, score=_with_odds(box.score, -DOUBT * min(1.0, box.area / LARGE)))


def agreed(persons: Sequence[Detection], things: Sequence[Detection]) -> tuple[Detection, ...]:
    """Return `persons` with lower scores for large, doubtful ones that nothing in `things` is near.

    `things` are what the other detector found, persons among them, with low scores too. It does not
    see small persons, so these are not doubted.
    """
    seen = [each for each in things if each.name == PERSON]
    return tuple(
        replace(each, score=_with_odds(each.score, -DOUBT_PERSON))
        if each.score < SURE_PERSON
        and each.area >= LARGE_PERSON
        and not any(overlap(each, other) >= SAME_PERSON for other in seen)
        else each
        for each in persons
    )


def _with_odds(score: float, more: float) -> float:
    """Return `score` with `more` added to its log odds."""
    odds = math.log(score / max(1 - score, 1e-6)) + more
    return 1 / (1 + math.exp(-odds))


def make_scene(time: float, colors: Tensor, things: FoundThings, activation: Tensor) -> SceneEntry:
    """Return the scene of an image whose pixels have `colors`, (224, 224), see `classify_pixels`.

    The classifier's main thing has the map `activation`, (7, 7).
    """
    persons = things.persons
    if persons and float(things.prominence.max()) < MAIN_PROBABILITY:
        return _person_entry(persons, things, time)
    names = name_candidates(things.prominence)
    box = largest_box(things.detections, names[0][0])
    mask = _soft_mask(activation)
    columns = torch.linspace(0, 1, mask.shape[1])
    x = float((mask.sum(0) * columns).sum() / mask.sum()) if box is None else box.center[0]
    if box is not None and names[0][0] != things.classified_name:
        colour = box.colour  # the map is that of another thing
    else:
        colour = dominant_color(colors, mask)
    return SceneEntry(
        time=time,
        names=names,
        colour=colour,
        place=place_name(x),
        others=_others(things, names[0][0]),
        people=len(persons),
    )


def name_candidates(by_name: Tensor, count: int = 5) -> tuple[tuple[str, float], ...]:
    """Return the `count` likeliest names, with the squares of their probabilities, scaled to sum 1.

    If no name is likely, return the name of a kind, such as building, or `something`.
    """
    kind = _kind(by_name)
    if kind is not None:
        return ((kind, 1.0),)
    top = by_name.topk(count)
    squares = top.values.square()
    squares = squares / squares.sum()
    pairs = zip(top.indices.tolist(), squares.tolist(), strict=True)
    return tuple((NAMES[index], probability) for index, probability in pairs if probability > 0.02)


def _kind(by_name: Tensor) -> str | None:
    """Return the name to use if no single name is likely; None if one is."""
    best = float(by_name.max())
    if best >= NAME_PROBABILITY:
        return None
    kinds = {kind: float(by_name[sorted(find_name_ids(kind))].sum()) for kind in COARSE_KINDS}
    kind = max(kinds, key=lambda key: kinds[key])
    if kinds[kind] >= NAME_PROBABILITY and best < 0.7 * kinds[kind]:
        return kind
    return SOMETHING if best < UNKNOWN_PROBABILITY else None


def largest_box(
    detections: Sequence[Detection], name: str, *, min_score: float = PERSON_SCORE
) -> Detection | None:
    """Return the largest box of `name`, None if there is none."""
    boxes = [each for each in detections if each.name == name and each.score >= min_score]
    return max(boxes, key=lambda each: each.area, default=None)


def _person_entry(persons: list[Detection], things: FoundThings, time: float) -> SceneEntry:
    largest = max(persons, key=lambda person: person.area)
    best = int(things.by_name.argmax())
    others = (NAMES[best],) if float(things.by_name[best]) >= OTHER_PROBABILITY else ()
    return SceneEntry(
        time=time,
        names=((PERSON, 1.0),),
        place=place_name(largest.center[0]),
        others=others,
        people=len(persons),
    )


def _others(things: FoundThings, main: str) -> tuple[str, ...]:
    """Return further names: those that the classifier finds likely, then those with sure boxes."""
    top = things.prominence.topk(3)
    pairs = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    names = [NAMES[index] for index, found in pairs if found >= OTHER_PROBABILITY]
    names += [each.name for each in things.detections if each.score >= SURE_BOX]
    return tuple(dict.fromkeys(each for each in names if each not in (main, PERSON)))[:MAX_OTHERS]


def place_name(x: float) -> str:
    """Return the name of the position `x`, a fraction of the width."""
    if abs(x - 0.5) < MIDDLE_RANGE:
        return "middle"
    return "left" if x < 0.5 else "right"


def _soft_mask(activation: Tensor, side: int = 224) -> Tensor:
    """Return a mask of the thing, (side, side) in [0, 1], from its map (7, 7)."""
    wide = F.interpolate(activation[None, None], (side, side), mode="bicubic", align_corners=False)[
        0, 0
    ]
    low, high = wide.mean(), wide.max()
    return ((wide - low) / (high - low).clamp(min=1e-3)).clamp(0, 1)
