"""Looking at one picture: a classifier and a detector of persons, put into a `Moment`.

They know the 1,000 classes of ImageNet, persons, colours and places, and nothing else: no
actions, no text, no faces. Costs about 0.12 CPU seconds a picture.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray
from torch import Tensor

from models.assistant.scene.query_parsing import named as columns_of
from models.assistant.scene.scene_entry import SceneEntry
from models.vision import efficientnet
from models.vision import person_detector as persons
from models.vision.class_names import NAMES, SPOKEN, grouped
from models.vision.colours import colour
from models.vision.person_detector import Person, Persons
from models.vision.relevance import CELLS, relevance

Pixels = NDArray[np.uint8]  # (height, width, 3) RGB

FLAT = 6.0  # spread of a picture, of 0..255, under which nothing can be seen in it
CLEAR = 0.5  # share from which a thing is what the picture is about, persons or not
ALSO = 0.25  # share from which another thing is worth a word
NOISE = 0.004  # share of one class of 1,000 up to which it is the classifier's guessing
SURE = 0.35  # share from which a thing is called by its own name, though its kind is surer
UNSURE = 0.1  # share under which nothing is named
ROUGHLY = ("animal", "building", "vehicle", "furniture", "fruit")  # kinds that may be named
SOMETHING = "something"
PERSON = 0.5  # how sure the detector must be of a person who counts
POSSIBLE = 0.1  # the same for one who may be there, which several looks will tell
BESIDE = 0.12  # from the middle, in widths: further out is left or right


@dataclass(frozen=True, slots=True, eq=False)
class Observation:
    """What was seen: in words, and the share of each name of `NAMES`, float32 (names,).

    Shares sum to less than 1, as what is only noise is left out.

    `relevance` says what matters where, float32 (7, 7) in [0, 1]. `persons` says how sure the
    detector is of each box that may be a person, from `POSSIBLE` up, the surest first.
    """

    moment: SceneEntry
    shares: Tensor
    relevance: Tensor = field(default_factory=lambda: torch.zeros(CELLS, CELLS))
    persons: tuple[float, ...] = ()


class Perception:
    """The classifier and the detector; one pair serves every session."""

    def __init__(self, classifier: efficientnet.EfficientNet, detector: Persons) -> None:
        self.classifier = classifier
        self.detector = detector

    @torch.no_grad()
    def look(self, pixels: Pixels, time: float, about: frozenset[int] = frozenset()) -> Observation:
        """Return what is in `pixels` at `time`, seconds since the stream began.

        `about` are the columns of `NAMES` that matter, by default the main thing's.
        """
        picture = torch.from_numpy(pixels.copy()).permute(2, 0, 1).float()
        small = _resized(picture, efficientnet.SIDE)
        if float(small.std()) < FLAT:
            return Observation(SceneEntry(time=time, names=()), torch.zeros(len(NAMES)))
        features = self.classifier.features(small[None])
        by_class = self.classifier.shares(features)[0]
        named = grouped(by_class.where(by_class >= NOISE, 0))
        possible = self.detector.find(_bytes(_resized(picture, persons.SIDE)), surer=POSSIBLE)
        found = [person for person in possible if person.score >= PERSON]
        scores = tuple(person.score for person in possible)
        matters = relevance(self.classifier, features, by_class, about, found)
        if found and float(named.max()) < CLEAR:
            return Observation(_of_person(found, named, time), named, matters, scores)
        best = int(by_class.where(_spoken(int(named.argmax())), torch.tensor(0.0)).argmax())
        seen = self.classifier.maps(features, torch.tensor([best]))
        on = _mask(seen)
        moment = SceneEntry(
            time=time,
            names=likely(named),
            colour=colour(small, on),
            place=_place(float((on.sum(0) * torch.linspace(0, 1, on.shape[1])).sum() / on.sum())),
            others=_others(named),
            people=len(found),
        )
        return Observation(moment, named, matters, scores)


def likely(named: Tensor, count: int = 5) -> tuple[tuple[str, float], ...]:
    """Return the `count` likeliest names with shares: squares of the classifier's, to sum 1.

    Where no name is likely it is the name of a kind, such as building, or `something`.
    """
    top = named.topk(count)
    kind = _kind(named)
    if kind is not None:
        return ((kind, 1.0),)
    squares = top.values.square()
    squares = squares / squares.sum()
    pairs = zip(top.indices.tolist(), squares.tolist(), strict=True)
    return tuple((NAMES[index], share) for index, share in pairs if share > 0.02)


def _kind(named: Tensor) -> str | None:
    """Return what to call a thing that is not surely any one; none if one name is likely."""
    best = float(named.max())
    if best >= SURE:
        return None
    shares = {kind: float(named[sorted(columns_of(kind))].sum()) for kind in ROUGHLY}
    kind = max(shares, key=lambda key: shares[key])
    if shares[kind] >= SURE and best < 0.7 * shares[kind]:
        return kind
    return SOMETHING if best < UNSURE else None


def load(folder: Path) -> Perception:
    """Return the eyes with the weights in `folder`.

    Raises:
        WeightsError: a file is missing, damaged, or of another network.
    """
    return Perception(
        efficientnet.load(folder / "efficientnet-lite0"), persons.load(folder / "persons")
    )


def _of_person(found: list[Person], named: Tensor, time: float) -> SceneEntry:
    largest = max(found, key=lambda person: person.area)
    best = int(named.argmax())
    others = (NAMES[best],) if float(named[best]) >= ALSO else ()
    return SceneEntry(
        time=time,
        names=(("person", 1.0),),
        place=_place((largest.left + largest.right) / 2),
        others=others,
        people=len(found),
    )


def _others(named: Tensor) -> tuple[str, ...]:
    top = named.topk(3)
    pairs = list(zip(top.indices.tolist(), top.values.tolist(), strict=True))
    return tuple(NAMES[index] for index, share in pairs[1:] if share >= ALSO)


def _place(x: float) -> str:
    """Return where `x` is, in shares of the width."""
    if abs(x - 0.5) < BESIDE:
        return "middle"
    return "left" if x < 0.5 else "right"


def _spoken(name: int) -> Tensor:
    """Return which classes are called `NAMES[name]`, bool (1000,)."""
    return torch.tensor([spoken == NAMES[name] for spoken in SPOKEN])


def _mask(seen: Tensor) -> Tensor:
    """Return where the thing is, (224, 224) in [0, 1], from its map (1, 7, 7)."""
    side = efficientnet.SIDE
    wide = F.interpolate(seen[None], (side, side), mode="bicubic", align_corners=False)[0, 0]
    low, high = wide.mean(), wide.max()
    return ((wide - low) / (high - low).clamp(min=1e-3)).clamp(0, 1)


def _resized(picture: Tensor, side: int) -> Tensor:
    small = F.interpolate(picture[None], (side, side), mode="bilinear", antialias=True)
    return small[0].clamp(0, 255)


def _bytes(picture: Tensor) -> Pixels:
    pixels: Pixels = picture.round().byte().permute(1, 2, 0).numpy()
    return pixels
