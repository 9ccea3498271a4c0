"""Names of the classifier and the detector, fused."""

import pytest
import torch

from models.assistant.scene.scene_making import PERSON_SCORE, agreed, fuse, make_scene
from models.vision.class_names import NAMES, PERSON, SPOKEN
from models.vision.detection import Detection

COLORS_SEEN = torch.zeros(224, 224, dtype=torch.int64)
MAP = torch.rand(7, 7, generator=torch.Generator().manual_seed(0))


def by_class(**probabilities: float) -> torch.Tensor:
    made = torch.zeros(1000)
    for name, probability in probabilities.items():
        made[SPOKEN.index(name)] = probability
    return made


def test_a_name_is_as_likely_as_that_one_model_is_right() -> None:
    things = fuse(by_class(cup=0.5), [Detection("cup", 0.1, 0.1, 0.6, 0.6, 0.6)])
    assert float(things.by_name[NAMES.index("cup")]) == pytest.approx(0.8)
    only = fuse(by_class(lamp=0.5), [Detection("giraffe", 0.1, 0.1, 0.6, 0.6, 0.6)])
    assert float(only.by_name[NAMES.index("giraffe")]) == pytest.approx(0.6)
    assert float(only.by_name[NAMES.index("lamp")]) == pytest.approx(0.5)


def test_a_small_thing_is_there_but_not_the_main_thing() -> None:
    small = Detection("giraffe", 0.1, 0.1, 0.2, 0.2, 0.9, "brown")
    things = fuse(by_class(lamp=0.4), [small])
    scene = make_scene(0.0, COLORS_SEEN, things, MAP)
    assert scene.names[0][0] == "lamp"
    assert scene.others == ("giraffe",)
    assert float(things.by_name[NAMES.index("giraffe")]) == pytest.approx(0.9)


def test_a_large_thing_that_only_the_detector_knows_has_its_place_and_color() -> None:
    large = Detection("giraffe", 0.6, 0.1, 1.0, 0.9, 0.9, "brown")
    scene = make_scene(0.0, COLORS_SEEN, fuse(by_class(lamp=0.1), [large]), MAP)
    assert scene.names[0][0] == "giraffe"
    assert (scene.colour, scene.place) == ("brown", "right")


def test_a_large_thing_that_the_classifier_should_see_is_doubted() -> None:
    box = Detection("banana", 0.1, 0.1, 0.9, 0.9, 0.8)
    (doubted,) = fuse(by_class(flower=0.6), [box]).detections
    (believed,) = fuse(by_class(flower=0.6, banana=0.1), [box]).detections
    assert doubted.score < 0.5 < believed.score == 0.8
    (small,) = fuse(by_class(flower=0.6), [Detection("banana", 0.1, 0.1, 0.2, 0.2, 0.8)]).detections
    assert small.score > 0.75


def test_persons_are_counted_and_are_no_name() -> None:
    person = Detection("person", 0.6, 0.1, 1.0, 0.9, 0.9)
    faint = Detection("person", 0.1, 0.1, 0.3, 0.9, 0.3)
    scene = make_scene(0.0, COLORS_SEEN, fuse(by_class(lamp=0.2), [person, faint]), MAP)
    assert (scene.names[0][0], scene.people, scene.place) == ("person", 1, "right")


@pytest.mark.parametrize(
    ("score", "side", "others", "counts"),
    [
        (0.55, 0.6, (), False),
        (0.55, 0.6, (Detection(PERSON, 0.1, 0.1, 0.65, 0.7, 0.06),), True),
        (0.55, 0.6, (Detection("goat", 0.1, 0.1, 0.7, 0.7, 0.9),), False),
        (0.55, 0.6, (Detection(PERSON, 0.8, 0.8, 1.0, 1.0, 0.9),), False),
        (0.55, 0.2, (), True),  # the other detector does not see small persons
        (0.8, 0.6, (), True),
    ],
)
def test_a_large_person_whom_one_detector_doubts_must_be_seen_by_the_other(
    score: float, side: float, others: tuple[Detection, ...], *, counts: bool
) -> None:
    person = Detection(PERSON, 0.1, 0.1, 0.1 + side, 0.1 + side, score)
    (found,) = agreed([person], others)
    assert (found.score >= PERSON_SCORE) is counts
    assert found.score <= score
