"""Analysis of frames by a classifier and a person detector.

They recognize the 1,000 classes of ImageNet, persons, colors and places: no actions, no text, no
faces. Frames of several sessions can be analyzed together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from torch import Tensor

from models.assistant.body.signs import Sign
from models.assistant.scene.query_parsing import find_name_ids
from models.assistant.scene.scene_entry import SceneEntry
from models.engine import EngineLoader, load_in_torch
from models.vision import classifier, efficientnet, person_detector, ssdlite
from models.vision.class_names import COLUMNS, NAMES, grouped
from models.vision.classifier import CELLS, Classifier
from models.vision.colors import dominant_color
from models.vision.person_detector import Person, PersonDetector
from models.vision.relevance import relevance, relevant_classes

Pixels = NDArray[np.uint8]  # (height, width, 3) RGB

MIN_CONTRAST = 6.0  # standard deviation, of 0..255, below which a frame shows nothing
MAIN_PROBABILITY = 0.5  # at which a thing is the main thing, even beside persons
OTHER_PROBABILITY = 0.25  # at which a further thing is listed
NOISE_PROBABILITY = 0.004  # of one of 1,000 classes, below which it is noise
NAME_PROBABILITY = 0.35  # at which a thing is called by its name, not by its kind
UNKNOWN_PROBABILITY = 0.1  # below which the main thing is `something`
COARSE_KINDS = ("animal", "building", "vehicle", "furniture", "fruit")  # used instead of a name
SOMETHING = "something"
PERSON_SCORE = 0.5  # at which a detection counts as a person
POSSIBLE_PERSON_SCORE = 0.1  # at which it is evidence, to be summed over observations
MIDDLE_RANGE = 0.12  # widths to each side of the center that count as the middle


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What one frame shows: a scene, and the probability of each of `NAMES`, float32 (names,).

    Probabilities sum to less than 1, because noise is left out. `relevance` is float32 (7, 7) in
    [0, 1]. `person_scores` are those of the detections at or above `POSSIBLE_PERSON_SCORE`, the
    highest first; `persons` are those that count. `signs` are what persons and hands do, see
    `models.assistant.body`; None if nobody looked at bodies.
    """

    scene: SceneEntry
    probabilities: Tensor
    relevance: Tensor = field(default_factory=lambda: torch.zeros(CELLS, CELLS))
    person_scores: tuple[float, ...] = ()
    persons: tuple[Person, ...] = ()
    signs: frozenset[Sign] | None = None

    @property
    def confidence(self) -> float | None:
        """The probability of the likeliest thing, or the score of a person if that is higher.

        A frame that shows nothing, as of a covered camera, has none.
        """
        if not self.scene.names:
            return None
        return max(float(self.probabilities.max()), *self.person_scores, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """One frame to analyze: `pixels` at `time`, in seconds since the start of its stream.

    Its relevance map shows the columns `attended` of `NAMES`, by default the main thing.
    """

    pixels: Pixels
    time: float
    attended: frozenset[int] = frozenset()


class Perception:
    """The classifier and the detector; one pair serves every session."""

    def __init__(self, classifier: Classifier, detector: PersonDetector) -> None:
        self.classifier = classifier
        self.detector = detector

    def analyze(
        self, pixels: Pixels, time: float, attended: frozenset[int] = frozenset()
    ) -> Observation:
        """Return what one frame shows, see `Look`."""
        return self.analyze_many([Look(pixels, time, attended)])[0]

    def analyze_many(self, looks: Sequence[Look]) -> list[Observation]:
        """Return what each frame shows; at most `MAX_BATCH` frames, each of any size."""
        frames = [torch.from_numpy(look.pixels.copy()).permute(2, 0, 1).float() for look in looks]
        small = [_resized(frame, efficientnet.SIDE) for frame in frames]
        plain = [float(image.std()) < MIN_CONTRAST for image in small]
        visible = [index for index, blank in enumerate(plain) if not blank]
        found = iter(
            self._recognize(
                [looks[index] for index in visible],
                torch.stack([small[index] for index in visible]),
                torch.stack([_resized(frames[i], ssdlite.SIDE).round() for i in visible]),
            )
            if visible
            else ()
        )
        return [
            Observation(SceneEntry(time=look.time, names=()), torch.zeros(len(NAMES)))
            if blank
            else next(found)
            for look, blank in zip(looks, plain, strict=True)
        ]

    def _recognize(
        self, looks: Sequence[Look], small: Tensor, wide: Tensor
    ) -> Iterator[Observation]:
        """Yield what frames show: `small` for the classifier, `wide` for the detector."""
        classified = self.classifier.classify(small)
        detected = self.detector.detect(wide, min_score=POSSIBLE_PERSON_SCORE)
        things = [_named(probabilities) for probabilities in classified.probabilities]
        relevant = [
            relevant_classes(by_class, look.attended)
            for by_class, look in zip(classified.probabilities, looks, strict=True)
        ]
        classes = [
            torch.cat([thing.best, shown])
            for thing, (shown, _) in zip(things, relevant, strict=True)
        ]
        maps = self.classifier.activation_maps(classified.features, torch.stack(classes))
        for index, look in enumerate(looks):
            persons = [each for each in detected[index] if each.score >= PERSON_SCORE]
            thing = things[index]
            yield Observation(
                _scene(look.time, small[index], thing, maps[index, 0], persons),
                thing.by_name,
                relevance(maps[index, 1:], relevant[index][1], persons),
                tuple(person.score for person in detected[index]),
                tuple(persons),
            )


@dataclass(frozen=True, slots=True, eq=False)
class _MainThing:
    """The probability of each name, and the likeliest class of the likeliest name, int64 (1,)."""

    by_name: Tensor
    best: Tensor


def _named(by_class: Tensor) -> _MainThing:
    by_name = grouped(by_class.where(by_class >= NOISE_PROBABILITY, 0))
    best = by_class.where(by_name.argmax() == COLUMNS, 0).argmax()
    return _MainThing(by_name, best[None])


def _scene(
    time: float, image: Tensor, thing: _MainThing, activation: Tensor, persons: list[Person]
) -> SceneEntry:
    """Return the scene of an image (3, 224, 224), whose main thing has the map `activation`."""
    by_name = thing.by_name
    if persons and float(by_name.max()) < MAIN_PROBABILITY:
        return _person_entry(persons, by_name, time)
    mask = _soft_mask(activation)
    columns = torch.linspace(0, 1, mask.shape[1])
    return SceneEntry(
        time=time,
        names=name_candidates(by_name),
        colour=dominant_color(image, mask),
        place=_place(float((mask.sum(0) * columns).sum() / mask.sum())),
        others=_others(by_name),
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


def load(folder: Path, load_engine: EngineLoader = load_in_torch) -> Perception:
    """Return the classifier and the detector with the weights in `folder`.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: an engine cannot be built or loaded.
    """
    return Perception(
        classifier.load(folder / "efficientnet-lite0", load_engine),
        person_detector.load(folder / "persons", load_engine),
    )


def _person_entry(persons: list[Person], by_name: Tensor, time: float) -> SceneEntry:
    largest = max(persons, key=lambda person: person.area)
    best = int(by_name.argmax())
    others = (NAMES[best],) if float(by_name[best]) >= OTHER_PROBABILITY else ()
    return SceneEntry(
        time=time,
        names=(("person", 1.0),),
        place=_place((largest.left + largest.right) / 2),
        others=others,
        people=len(persons),
    )


def _others(by_name: Tensor) -> tuple[str, ...]:
    top = by_name.topk(3)
    pairs = list(zip(top.indices.tolist(), top.values.tolist(), strict=True))
    return tuple(NAMES[index] for index, found in pairs[1:] if found >= OTHER_PROBABILITY)


def _place(x: float) -> str:
    """Return the name of the position `x`, a fraction of the width."""
    if abs(x - 0.5) < MIDDLE_RANGE:
        return "middle"
    return "left" if x < 0.5 else "right"


def _soft_mask(activation: Tensor) -> Tensor:
    """Return a mask of the thing, (224, 224) in [0, 1], from its map (7, 7)."""
    side = efficientnet.SIDE
    wide = F.interpolate(activation[None, None], (side, side), mode="bicubic", align_corners=False)[
        0, 0
    ]
    low, high = wide.mean(), wide.max()
    return ((wide - low) / (high - low).clamp(min=1e-3)).clamp(0, 1)


def _resized(frame: Tensor, side: int) -> Tensor:
    small = F.interpolate(frame[None], (side, side), mode="bilinear", antialias=True)
    return small[0].clamp(0, 255)
