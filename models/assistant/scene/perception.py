"""Analysis of frames by a classifier and two detectors, of persons and of things.

They recognize the 1,000 classes of ImageNet, persons and 79 further kinds of things with their
boxes, colors and places: no actions, no text, no faces. Frames of several sessions can be analyzed
together.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from torch import Tensor

from models.assistant.body.signs import Sign
from models.assistant.scene import counting
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.scene_making import PERSON_SCORE, agreed, fuse, make_scene
from models.engine import EngineLoader, load_in_torch
from models.errors import ModelError
from models.vision import classifier, efficientnet, object_detector, person_detector, ssdlite
from models.vision.class_names import NAMES, PERSON, grouped
from models.vision.classifier import CELLS, Classifier
from models.vision.colors import classify_pixels, color_in_box
from models.vision.detection import Detection
from models.vision.object_detector import ObjectDetector
from models.vision.person_detector import PersonDetector
from models.vision.relevance import relevance, relevant_classes

logger = logging.getLogger(__name__)

Pixels = NDArray[np.uint8]  # (height, width, 3) RGB

MIN_CONTRAST = 6.0  # standard deviation, of 0..255, below which a frame shows nothing
FAINT_SCORE = 0.05  # at which a person of the detector of things speaks for one of the other's
POSSIBLE_SCORE = 0.1  # at which a detection is evidence, to be summed over observations


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What one frame shows: a scene, and the probability of each of `NAMES`, float32 (names,).

    `relevance` is float32 (7, 7) in [0, 1]. `detections` are the boxes with a score of at least
    `POSSIBLE_SCORE`, the likeliest first. `signs` are what persons and hands do, see
    `models.assistant.body`; None if nobody looked at bodies. `counted` are the columns of `NAMES`
    that were counted with care, see `models.assistant.scene.counting`; None if that is never done.
    """

    scene: SceneEntry
    probabilities: Tensor
    relevance: Tensor = field(default_factory=lambda: torch.zeros(CELLS, CELLS))
    detections: tuple[Detection, ...] = ()
    signs: frozenset[Sign] | None = None
    counted: tuple[frozenset[int], ...] | None = None

    @property
    def person_scores(self) -> tuple[float, ...]:
        """The scores of persons, the highest first."""
        return tuple(each.score for each in self.detections if each.name == PERSON)

    @property
    def persons(self) -> tuple[Detection, ...]:
        """The persons that count."""
        found = (each for each in self.detections if each.name == PERSON)
        return tuple(each for each in found if each.score >= PERSON_SCORE)

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

    Its relevance map shows the columns `attended` of `NAMES`, by default the main thing. Things of
    each of `counted` are counted with care.
    """

    pixels: Pixels
    time: float
    attended: frozenset[int] = frozenset()
    counted: tuple[frozenset[int], ...] = ()


class Perception:
    """The classifier and the detectors; one set serves every session.

    The detector of things finds persons too, but fewer than the one that knows nothing else. It is
    the one that is loaded late: if it fails, things are not located, and `degraded` says so.
    """

    degraded = ""

    def __init__(
        self, classifier: Classifier, persons: PersonDetector, things: ObjectDetector
    ) -> None:
        self.classifier = classifier
        self.persons = persons
        self.things = things

    def analyze(
        self, pixels: Pixels, time: float, attended: frozenset[int] = frozenset()
    ) -> Observation:
        """Return what one frame shows, see `Look`."""
        return self.analyze_many([Look(pixels, time, attended)])[0]

    def analyze_many(self, looks: Sequence[Look]) -> list[Observation]:
        """Return what each frame shows; at most `MAX_BATCH` frames, each of any size."""
        frames = [torch.from_numpy(look.pixels.copy()).permute(2, 0, 1) for look in looks]
        small = [_resized(frame, efficientnet.SIDE) for frame in frames]
        plain = [float(image.std()) < MIN_CONTRAST for image in small]
        visible = [index for index, blank in enumerate(plain) if not blank]
        found = iter(
            self._recognize(
                [looks[index] for index in visible],
                torch.stack([small[index] for index in visible]),
                [frames[index] for index in visible],
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
        self, looks: Sequence[Look], small: Tensor, frames: Sequence[Tensor]
    ) -> Iterator[Observation]:
        """Yield what `frames` show; `small` are the same frames for the classifier."""
        classified = self.classifier.classify(small)
        wide = torch.stack([_resized(frame, ssdlite.SIDE) for frame in frames])
        persons = self.persons.detect(wide, min_score=POSSIBLE_SCORE)
        counts = any(look.counted for look in looks)
        seen = self._detect_things(frames, counting.CANDIDATE_SCORE if counts else FAINT_SCORE)
        faint_boxes = [[each for each in found if each.score >= FAINT_SCORE] for found in seen]
        boxes = [[each for each in found if each.score >= POSSIBLE_SCORE] for found in seen]
        colors = [classify_pixels(image) for image in small]
        things = [
            fuse(probabilities, (*agreed(people, faint), *_colored(others, shown)))
            for probabilities, people, others, faint, shown in zip(
                classified.probabilities, persons, boxes, faint_boxes, colors, strict=True
            )
        ]
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
            thing = things[index]
            shown = [
                each
                for each in thing.detections
                if each.name != PERSON and NAMES.index(each.name) in look.attended
            ]
            yield Observation(
                make_scene(look.time, colors[index], thing, maps[index, 0]),
                thing.by_name,
                relevance(maps[index, 1:], relevant[index][1], [*thing.persons, *shown]),
                self._counted(thing.detections, seen[index], frames[index], look.counted),
                counted=look.counted,
            )

    def _counted(
        self,
        found: tuple[Detection, ...],
        seen: Sequence[Detection],
        frame: Tensor,
        groups: counting.Groups,
    ) -> tuple[Detection, ...]:
        """Return `found` in `frame` with the things of `groups` counted among all boxes `seen`."""
        boxes = counting.candidates(seen) if groups else []
        if not boxes:
            return found
        parts = [_resized(counting.cut_out(frame, box), efficientnet.SIDE) for box in boxes]
        shown = grouped(self.classifier.classify(torch.stack(parts)).probabilities.cpu())
        return counting.with_counted(found, boxes, shown, groups)

    def _detect_things(
        self, frames: Sequence[Tensor], min_score: float
    ) -> Sequence[Sequence[Detection]]:
        if not self.degraded:
            try:
                return self.things.detect(frames, min_score=min_score)
            except ModelError as error:
                self.degraded = f"things are neither counted nor located: {error}"
                logger.warning("%s", self.degraded)
        return [()] * len(frames)


def _colored(detections: Sequence[Detection], colors: Tensor) -> tuple[Detection, ...]:
    """Return `detections` with their colors by those of pixels, (224, 224), without persons."""
    return tuple(
        replace(each, colour=color_in_box(colors, each))
        for each in detections
        if each.name != PERSON
    )


def load(
    folder: Path,
    load_engine: EngineLoader = load_in_torch,
    load_later: EngineLoader | None = None,
) -> Perception:
    """Return the classifier and the detectors with the weights in `folder`.

    `load_later` is for the largest network, which only sessions with pictures need.

    Raises:
        WeightsError: a file is missing, damaged, or from another network.
        EngineError: an engine cannot be built or loaded.
    """
    return Perception(
        classifier.load(folder / "efficientnet-lite0", load_engine),
        person_detector.load(folder / "persons", load_engine),
        object_detector.load(folder / "things", load_later or load_engine),
    )


def _resized(frame: Tensor, side: int) -> Tensor:
    """Return `frame`, uint8 (3, height, width), as float32 (3, side, side).

    PyTorch resizes bytes several times as fast as floats.
    """
    return F.interpolate(frame[None], (side, side), mode="bilinear", antialias=True)[0].float()
