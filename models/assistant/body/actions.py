"""What each person does, from the poses of the last seconds.

Pure functions of body looks in order of time. A person is followed from look to look by the place
of the box.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from models.assistant.body.signs import COUNTED, Sign
from models.vision.body.fingers import Gesture, fingers_up, gesture
from models.vision.body.hands import Hand
from models.vision.body.pose import Pose
from models.vision.body.posture import ARMS, Posture, points, posture, raised_arms, shoulder_width
from models.vision.detection import Detection

SPAN = 2.2  # seconds of looks that an action is found in
GAP = 1.3  # seconds between two looks, from which they are not the same movement
REACH = 1.2  # heights of a person that they may move in a second and be the same
BLURRED = 0.2  # score of a keypoint from which it is seen, of a hand that moves
SWING = 0.2  # of a wrist that waves, in widths of the shoulders
REVERSALS = 2  # of its direction
WALK = 0.15  # heights of a person that are walked in a second, at least
WALK_TIME = 0.9  # seconds
APPROACH = 1.15  # growth of a person's height in a second, who walks to the camera, or away
EDGE = 0.97  # where a box ends that reaches out of the picture: at the desk, nobody is walking
POSTURES = {
    Posture.STANDING: Sign.STANDING,
    Posture.SITTING: Sign.SITTING,
    Posture.LYING: Sign.LYING,
}
GESTURES = {
    Gesture.FIST: Sign.FIST,
    Gesture.OPEN_HAND: Sign.OPEN_HAND,
    Gesture.THUMBS_UP: Sign.THUMBS_UP,
    Gesture.THUMBS_DOWN: Sign.THUMBS_DOWN,
    Gesture.POINTING: Sign.FINGER,
    Gesture.VICTORY: Sign.VICTORY,
    Gesture.OK: Sign.OK,
}


@dataclass(frozen=True, slots=True, eq=False)
class BodyLook:
    """The bodies of one frame, the largest person first; `hands` is None if nobody looked for any.

    `time` is in seconds of the stream, `aspect` the picture's width in heights.
    """

    time: float
    poses: tuple[Pose, ...]
    aspect: float
    hands: tuple[Hand, ...] | None = None


def signs(looks: Sequence[BodyLook]) -> tuple[frozenset[Sign], ...]:
    """Return what each person of the newest look does; `looks` are in order of time."""
    if not looks:
        return ()
    recent = [look for look in looks if look.time >= looks[-1].time - SPAN]
    return tuple(_signs_of(follow(recent, index)) for index in range(len(looks[-1].poses)))


def hand_signs(hands: Sequence[Hand]) -> frozenset[Sign]:
    """Return what `hands` show: their gestures, and the number of fingers."""
    found = {GESTURES[each] for each in map(gesture, hands) if each is not None}
    count = fingers_up(list(hands))
    if 1 <= count <= len(COUNTED):
        found.add(COUNTED[count - 1])
    return frozenset(found)


def follow(looks: Sequence[BodyLook], index: int) -> list[tuple[BodyLook, Pose]]:
    """Return the looks at the person with `index` in the newest of `looks`, oldest first."""
    found = [(looks[-1], looks[-1].poses[index])]
    for look in reversed(looks[:-1]):
        later, pose = found[-1]
        between = later.time - look.time
        if between > GAP or not look.poses:
            break
        near = min(look.poses, key=lambda each: _moved(each.person, pose.person, look.aspect))
        if _moved(near.person, pose.person, look.aspect) > REACH * max(between, 0.3):
            break
        found.append((look, near))
    return found[::-1]


def _signs_of(track: Sequence[tuple[BodyLook, Pose]]) -> frozenset[Sign]:
    newest = track[-1][1]
    found = set()
    placed = posture(newest)
    if placed is not None:
        found.add(POSTURES[placed])
    if _walks(track):
        found = (found - {Sign.STANDING, Sign.SITTING}) | {Sign.WALKING}
    raised = raised_arms(newest) or 0
    if raised:
        found.add(Sign.ARMS_RAISED if raised == len(ARMS) else Sign.HAND_RAISED)
    if any(_waves(track, arm) for arm in ARMS):
        found.add(Sign.WAVING)
    elif points(newest):
        found.add(Sign.POINTING)
    return frozenset(found)


def _waves(track: Sequence[tuple[BodyLook, Pose]], arm: Sequence[int]) -> bool:
    """Return whether the wrist of `arm` is up and goes to and fro beside the shoulder."""
    shoulder, _, wrist = arm
    widths = [width for _, pose in track if (width := shoulder_width(pose))]
    if not widths:
        return False
    width = float(np.median(widths))
    places = [
        float(pose.points[wrist, 0] - pose.points[shoulder, 0])
        for _, pose in track
        if _is_up(pose, arm, width)
    ]
    if len(places) < len(track) - 1 or len(places) < REVERSALS + 2:
        return False
    return _reversals(places, SWING * width) >= REVERSALS


def _is_up(pose: Pose, arm: Sequence[int], width: float) -> bool:
    """Return whether the wrist is above the elbow, which may be below the picture."""
    shoulder, elbow, wrist = (pose.points[each] for each in arm)
    if wrist[2] < BLURRED:
        return False
    lowest = elbow[1] if elbow[2] >= BLURRED else shoulder[1] + width
    return bool(wrist[1] < lowest)


def _reversals(places: Sequence[float], least: float) -> int:
    """Return how often the direction of `places` turns after a way of `least` or more."""
    turns, direction, extreme = 0, 0, places[0]
    for place in places[1:]:
        way = place - extreme
        if direction and way * direction > 0:
            extreme = place
        elif abs(way) >= least:
            turns += direction != 0
            direction, extreme = (1 if way > 0 else -1), place
    return turns


def _walks(track: Sequence[tuple[BodyLook, Pose]]) -> bool:
    """Return whether somebody whose feet are in the picture changes place, or comes nearer."""
    (first, start), (last, end) = track[0], track[-1]
    time = last.time - first.time
    if time < WALK_TIME or any(pose.person.bottom > EDGE for _, pose in track):
        return False
    way = [
        abs(_middle(b.person, look.aspect)[0] - _middle(a.person, look.aspect)[0])
        / max(_height(b.person), 1e-6)
        for (look, a), (_, b) in pairwise(track)
    ]
    net = _moved(start.person, end.person, last.aspect)
    if net >= WALK * time and sum(way) < 3 * max(net, 1e-6):
        return True
    growth = _height(end.person) / max(_height(start.person), 1e-6)
    return bool(max(growth, 1 / max(growth, 1e-6)) >= APPROACH**time)


def _moved(one: Detection, other: Detection, aspect: float) -> float:
    """Return how far apart the middles of two boxes are, in heights of the larger one."""
    way = np.subtract(_middle(one, aspect), _middle(other, aspect))
    return float(np.linalg.norm(way)) / max(_height(one), _height(other), 1e-6)


def _middle(person: Detection, aspect: float) -> tuple[float, float]:
    return (person.left + person.right) / 2 * aspect, (person.top + person.bottom) / 2


def _height(person: Detection) -> float:
    return person.bottom - person.top
