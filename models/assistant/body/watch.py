"""Looks at bodies and hands in a session's frames, and keeps those of the last seconds.

Poses are found when a person is seen. Hands are looked for when a standing request needs them, or
when a question asks: in the frames of the last looks, which are kept for that in a small size.
"""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from torch import Tensor

from models.assistant.body.actions import BodyLook, hand_signs, signs
from models.assistant.body.signs import Sign
from models.engine import EngineLoader, load_in_torch
from models.errors import ModelError
from models.vision.body import hands, pose
from models.vision.body.hands import HandFinder
from models.vision.body.pose import Pose, PoseEstimator
from models.vision.detection import Detection, overlap

logger = logging.getLogger(__name__)

WEIGHTS = "body"  # in models.weights.catalog
KEPT = 8.0  # seconds of looks
PICTURES = 6  # of the last looks are kept, for hands: speech is recognized seconds later
OLD = 1.0  # seconds before the newest look, at which a kept picture does not show that any more
MAX_SIDE = 640  # pixels of a kept picture
MAX_POSES = 3  # persons, the largest: what a look may cost
RESTING_FROM = 3  # persons, of whom one in turn keeps the pose of the look before
FRESH = 1.0  # seconds for which a pose may be kept
SAME_PERSON = 0.3  # overlap of the boxes of one person in two looks

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class KeptPicture:
    """A frame in a small size, uint8 (3, height, width)."""

    time: float
    pixels: Tensor


@dataclass(slots=True, eq=False)
class BodyState:
    """The looks of the last seconds at one stream, and the last pictures.

    `turn` counts the looks at several persons, of whom one rests in each.
    """

    looks: deque[BodyLook] = field(default_factory=deque)
    turn: int = 0
    pictures: deque[KeptPicture] = field(default_factory=lambda: deque(maxlen=PICTURES))


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is known of bodies at one moment.

    `people` has the signs of each person with a pose, the largest first. `hands` is None if nobody
    looked for any.
    """

    time: float
    people: tuple[frozenset[Sign], ...]
    look: BodyLook

    @property
    def signs(self) -> frozenset[Sign]:
        """What anybody does or shows."""
        shown = hand_signs(self.look.hands) if self.look.hands else frozenset()
        return frozenset().union(shown, *self.people)


class BodyWatch:
    """Finds poses and hands; one serves every session.

    `problem` says why it cannot, once a network has failed: it is not tried again.
    """

    def __init__(self, poses: PoseEstimator, hands: HandFinder) -> None:
        self._poses, self._hands = poses, hands
        self.problem = ""

    def give_up(self, error: ModelError) -> None:
        """Look at bodies no more: a network is missing or has failed."""
        self.problem = str(error)
        logger.warning("poses and hands are not looked for any more: %s", error)

    def look(
        self,
        state: BodyState,
        pixels: Pixels,
        time: float,
        persons: Sequence[Detection],
        *,
        hands: bool = False,
    ) -> Seen:
        """Add a look at a frame with `persons` to `state`; with `hands`, look for hands too."""
        picture = _small(pixels)
        aspect = picture.shape[2] / picture.shape[1]
        chosen = sorted(persons, key=lambda person: -person.area)[:MAX_POSES]
        resting, kept = _resting(state, chosen, time, aspect)
        due = [person for index, person in enumerate(chosen) if index != resting]
        poses = self._poses.estimate(picture, due)
        poses[resting:resting] = kept
        found = tuple(self._hands.find(picture)) if hands else None
        look = BodyLook(time, tuple(poses), aspect, found)
        _add(state, look)
        state.pictures.append(KeptPicture(time, picture.round().to(torch.uint8)))
        return Seen(time, signs(tuple(state.looks)), look)

    def see_nothing(self, state: BodyState, time: float) -> None:
        """Add a look at a frame that shows nothing, as of a covered camera, to `state`."""
        _add(state, BodyLook(time, (), 1.0, ()))

    def glance(self, state: BodyState, pixels: Pixels, time: float) -> None:
        """Add a look at the persons of the look before, a moment later, to `state`."""
        if not state.looks or state.looks[-1].time >= time:
            return
        persons = [pose.person for pose in state.looks[-1].poses]
        picture = _small(pixels)
        poses = tuple(self._poses.estimate(picture, persons))
        _add(state, BodyLook(time, poses, picture.shape[2] / picture.shape[1]))

    def recall(self, state: BodyState, until: float, *, hands: bool) -> Seen | None:
        """Return what was seen last up to `until`; with `hands`, look for them in that frame.

        None before the first look.
        """
        looks = [look for look in tuple(state.looks) if look.time <= until]
        if not looks:
            return None
        newest = looks[-1]
        if hands and newest.hands is None:
            kept = [each for each in tuple(state.pictures) if each.time <= until]
            if kept and kept[-1].time >= newest.time - OLD:
                newest = replace(newest, hands=tuple(self._hands.find(kept[-1].pixels.float())))
        return Seen(newest.time, signs(looks), newest)


def _resting(
    state: BodyState, persons: Sequence[Detection], time: float, aspect: float
) -> tuple[int, list[Pose]]:
    """Return which of `persons` keeps the pose of the look before, and the pose; -1 if none does.

    Each of `RESTING_FROM` persons or more rests in turn, so a look estimates one pose less.
    """
    if len(persons) < RESTING_FROM or not state.looks or time - state.looks[-1].time > FRESH:
        return -1, []
    state.turn += 1
    resting = state.turn % len(persons)
    person = persons[resting]
    before = [pose for pose in state.looks[-1].poses if overlap(pose.person, person) >= SAME_PERSON]
    if not before:
        return -1, []
    nearest = max(before, key=lambda pose: overlap(pose.person, person))
    return resting, [nearest.moved_to(person, aspect)]


def _add(state: BodyState, look: BodyLook) -> None:
    """Add a look, and forget those that are too old."""
    state.looks.append(look)
    while state.looks[0].time < look.time - KEPT:
        state.looks.popleft()


def _small(pixels: Pixels) -> Tensor:
    """Return `pixels` as float32 (3, height, width), at most `MAX_SIDE` long."""
    picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float()
    factor = MAX_SIDE / max(picture.shape[1:])
    if factor >= 1:
        return picture
    size = [max(1, round(side * factor)) for side in picture.shape[1:]]
    return F.interpolate(picture[None], size, mode="bilinear", antialias=True)[0]


def load(folder: Path, load_engine: EngineLoader = load_in_torch) -> BodyWatch:
    """Return the watch with the weights in `folder`.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: an engine cannot be built or loaded.
    """
    home = folder / WEIGHTS
    return BodyWatch(pose.load(home, load_engine), hands.load(home, load_engine))
