"""How many of a thing a frame shows, with more care than the detector of things takes.

The detector finds most things, but it often gives a truck the name of a bus, and both low scores.
So its boxes of any name are cut out, and the classifier, which knows more names, says what they
show. That takes a run of the classifier for each box, so it is done for numbers alone.
"""

from collections.abc import Collection, Sequence
from itertools import combinations

import torch
from torch import Tensor

from models.vision.class_names import NAMES, PERSON
from models.vision.detection import Detection

CANDIDATE_SCORE = 0.03  # of a box that may show the thing; chosen on the tuning half, as the rest
MIN_AREA = 0.003  # of such a box, as a fraction of the frame: smaller ones show too little
MAX_CANDIDATES = 8  # in a frame, the likeliest
MARGIN = 0.08  # around a box that is cut out, of its width and height
NAMED = 0.4  # probability of the thing in what is cut out, from which it is one
SURE = 0.5  # score of a box from which it is not cut out
MAX_IOU = 0.5  # of two boxes of different things
WITHIN = 0.6  # of a box, from which it is a part of the other
ALIKE = 0.5  # of the largest box's area, from which a thing may be another of these
GROUP = 0.7  # area of one thing, as a fraction of the area of a box around several

Groups = Collection[frozenset[int]]  # columns of `NAMES`: what one question or request counts


def candidates(detections: Sequence[Detection]) -> list[Detection]:
    """Return the boxes to cut out, the likeliest first."""
    large = [each for each in detections if each.name != PERSON and each.area >= MIN_AREA]
    return [each for each in large if each.score >= CANDIDATE_SCORE][:MAX_CANDIDATES]


def cut_out(frame: Tensor, box: Detection) -> Tensor:
    """Return what `box` shows of a frame (3, height, width), with a margin."""
    height, width = frame.shape[1:]
    aside, above = MARGIN * (box.right - box.left), MARGIN * (box.bottom - box.top)
    left, right = int(max(box.left - aside, 0) * width), int((box.right + aside) * width) + 1
    top, bottom = int(max(box.top - above, 0) * height), int((box.bottom + above) * height) + 1
    return frame[:, top:bottom, left:right]


def counted(
    found: Sequence[Detection],
    doubtful: Sequence[Detection],
    shown: Tensor,
    columns: frozenset[int],
) -> list[Detection]:
    """Return the boxes of things with a name in `columns`, the likeliest first.

    `found` are boxes with their own scores, `doubtful` those that were cut out, and `shown`,
    (boxes, names), the probabilities of what they show.
    """
    names = {NAMES[column] for column in columns}
    sure = [each for each in found if each.name in names and each.score >= SURE]
    chosen = sorted(columns)
    likely = []
    for box, probabilities in zip(doubtful, shown, strict=True):
        probability = float(probabilities[chosen].sum())
        certain = box.score >= SURE and box.name not in names  # of another thing
        if probability >= max(NAMED, float(probabilities.max())) and not certain:
            name = NAMES[chosen[int(probabilities[chosen].argmax())]]
            likely.append(_named(box, name, SURE + probability / 4))  # two looks or more decide
    likely = [each for each in likely if not _surrounds(each, [*sure, *likely])]
    kept = list(sure)
    for box in sorted(likely, key=lambda each: -each.score):
        if not any(_same(box, other) for other in kept):
            kept.append(box)
    largest = max((each.area for each in kept), default=0.0)
    kept = [each for each in kept if each in sure or each.area >= ALIKE * largest]
    return sorted(kept, key=lambda each: -each.score)


def with_counted(
    found: Sequence[Detection], doubtful: Sequence[Detection], shown: Tensor, groups: Groups
) -> tuple[Detection, ...]:
    """Return `found` with the boxes of `groups` as they were counted, see `counted`."""
    boxes = list(found)
    for columns in groups:
        names = {NAMES[column] for column in columns}
        others = [each for each in boxes if each.name not in names]
        boxes = [*others, *counted(found, doubtful, shown, columns)]
    return tuple(sorted(boxes, key=lambda each: -each.score))


def _named(box: Detection, name: str, score: float) -> Detection:
    colour = box.colour
    return Detection(name, box.left, box.top, box.right, box.bottom, score, colour)


def _surrounds(box: Detection, others: Sequence[Detection]) -> bool:
    """Return whether two things of about one size are in `box`, side by side."""
    inside = [
        each
        for each in others
        if each is not box
        and _shared(box, each) > WITHIN * each.area
        and each.area < GROUP * box.area
    ]
    return any(
        _shared(one, two) < 0.3 * min(one.area, two.area)
        and min(one.area, two.area) > 0.4 * max(one.area, two.area)
        for one, two in combinations(inside, 2)
    )


def _same(one: Detection, two: Detection) -> bool:
    """Return whether two boxes show one thing, or a thing and a part of it."""
    shared = _shared(one, two)
    union = one.area + two.area - shared
    return shared > MAX_IOU * union or shared > WITHIN * min(one.area, two.area)


def _shared(one: Detection, two: Detection) -> float:
    width = min(one.right, two.right) - max(one.left, two.left)
    height = min(one.bottom, two.bottom) - max(one.top, two.top)
    return max(width, 0.0) * max(height, 0.0)


def no_boxes() -> Tensor:
    """Return the probabilities of no boxes at all, (0, names)."""
    return torch.zeros(0, len(NAMES))
