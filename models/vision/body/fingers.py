"""What a hand shows: which fingers are stretched, and the gesture that this makes."""

from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from models.vision.body.hands import MIDDLE, WRIST, Hand

FINGERS = ("thumb", "index finger", "middle finger", "ring finger", "little finger")
STRAIGHT = 0.7  # cosine of the bend between a finger's first part and the rest, if it is stretched
THUMB_STRAIGHT = 0.7
THUMB_AWAY = 1.25  # of the thumb's tip from the little finger's root, in distances of its own root
TOUCHING = 0.45  # of the tips of thumb and index finger, in lengths of the palm
UPRIGHT = 0.7  # cosine to the vertical, of a thumb that points up or down
LITTLE = 17  # the landmark where the little finger begins


class Gesture(StrEnum):
    """A gesture of one hand, as it is called in an answer."""

    FIST = "a fist"
    OPEN_HAND = "an open hand"
    THUMBS_UP = "a thumbs up"
    THUMBS_DOWN = "a thumbs down"
    POINTING = "a pointing finger"
    VICTORY = "a victory sign"
    OK = "an OK sign"


def stretched(hand: Hand) -> tuple[bool, ...]:
    """Return whether each of the five fingers of `hand` is stretched, the thumb first."""
    points = hand.points
    fingers = [_straightness(points, 1 + 4 * finger) for finger in range(5)]
    away = _distance(points[4], points[LITTLE]) / max(_distance(points[2], points[LITTLE]), 1e-6)
    thumb = fingers[0] >= THUMB_STRAIGHT and away >= THUMB_AWAY
    return (thumb, *(each >= STRAIGHT for each in fingers[1:]))


def gesture(hand: Hand) -> Gesture | None:
    """Return the gesture of `hand`, None if it is none of those that are known."""
    thumb, *rest = stretched(hand)
    if rest[1:] == [True, True, True] and _thumb_meets_index(hand):
        return Gesture.OK
    match rest:
        case [False, False, False, False]:
            return _thumb_gesture(hand) if thumb else Gesture.FIST
        case [True, True, True, True]:
            return Gesture.OPEN_HAND if thumb else None
        case [True, False, False, False]:
            return Gesture.POINTING
        case [True, True, False, False]:
            return None if thumb else Gesture.VICTORY
        case _:
            return None


def fingers_up(hands: list[Hand]) -> int:
    """Return how many fingers are held up by `hands`: of several, those that hang do not count."""
    raised = hands if len(hands) == 1 else [hand for hand in hands if not _hangs(hand)]
    return sum(sum(stretched(hand)) for hand in raised)


def _thumb_gesture(hand: Hand) -> Gesture | None:
    x, y = (hand.points[4] - hand.points[2])[:2]
    up = -y / max(float(np.hypot(x, y)), 1e-6)
    if abs(up) < UPRIGHT:
        return None
    return Gesture.THUMBS_UP if up > 0 else Gesture.THUMBS_DOWN


def _thumb_meets_index(hand: Hand) -> bool:
    palm = _distance(hand.points[WRIST], hand.points[MIDDLE])
    return _distance(hand.points[4], hand.points[8]) < TOUCHING * palm


def _hangs(hand: Hand) -> bool:
    x, y = (hand.points[MIDDLE] - hand.points[WRIST])[:2]
    return bool(y > 0.3 * np.hypot(x, y))


def _straightness(points: NDArray[np.float32], root: int) -> float:
    """Return the cosine between a finger's first part, from `root` on, and the rest of it."""
    first, rest = points[root + 1] - points[root], points[root + 3] - points[root + 1]
    length = float(np.linalg.norm(first) * np.linalg.norm(rest))
    return float(first @ rest) / max(length, 1e-9)


def _distance(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    return float(np.linalg.norm(one - other))
