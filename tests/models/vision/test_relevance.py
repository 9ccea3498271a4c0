"""Where the map of what matters is high: for the thing that is asked about, and for persons."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from models.assistant.scene import perception
from models.assistant.scene.perception import Perception
from models.vision.class_names import NAMES, SPOKEN
from models.vision.detection import Detection
from models.vision.relevance import coverage, normalized, relevance, relevant_classes
from tests.models.assistant.scene.test_perception import photograph
from tests.models.packaged import folder

EDGES = st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted)
CUP, DOG = SPOKEN.index("cup"), SPOKEN.index("dog")
NOTHING: frozenset[int] = frozenset()


def shown(attended: frozenset[int], boxes: list[Detection]) -> torch.Tensor:
    """Return the map of a frame with a cup on the left and, less surely, a dog on the right."""
    at = {CUP: 0, DOG: 6}
    by_class = torch.zeros(1000)
    by_class[CUP], by_class[DOG] = 0.6, 0.3
    classes, weights = relevant_classes(by_class, attended)
    maps = torch.zeros(3, 7, 7)
    for each, found in zip(maps, classes.tolist(), strict=True):
        if found in at:
            each[3, at[found]] = 1.0
    return relevance(maps, weights, boxes)


def highest(shown: torch.Tensor) -> int:
    return int(shown.argmax()) % 7


def test_the_thing_asked_about_matters_and_without_a_question_the_main_thing() -> None:
    assert highest(shown(NOTHING, [])) == 0
    assert highest(shown(frozenset({NAMES.index("dog")}), [])) == 6
    assert highest(shown(frozenset({NAMES.index("banana")}), [])) == 0


def test_a_person_matters_besides_the_thing() -> None:
    person = Detection("person", 3 / 7, 0.0, 4 / 7, 1.0, 1.0)
    relevant = shown(NOTHING, [person])
    assert float(relevant[:, 3].min()) == pytest.approx(1.0)
    assert float(relevant[3, 0]) == 1.0
    assert float(relevant[0, 5]) == 0.0


@given(EDGES, EDGES)
def test_a_box_covers_as_much_of_the_map_as_of_the_picture(
    across: list[float], down: list[float]
) -> None:
    box = Detection("cup", across[0], down[0], across[1], down[1], 1.0)
    covered = coverage(box)
    assert 0 <= float(covered.min()) <= float(covered.max()) <= 1
    assert float(covered.mean()) == pytest.approx(box.area, abs=1e-5)  # float32


def test_a_map_without_any_difference_matters_nowhere() -> None:
    assert not normalized(torch.full((7, 7), 3.0)).any()


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "side"), [(0, slice(0, 3)), (1, slice(4, 7))])
def test_a_real_cheetah_matters_where_it_is(shift: int, side: slice) -> None:
    home = folder("efficientnet-lite0").parent
    folder("persons")
    folder("things")
    real: Perception = perception.load(home)
    cheetah = np.array(Image.fromarray(photograph("cheetah1.jpg")).resize((240, 240)))
    wide = np.full((240, 520, 3), 128, np.uint8)
    wide[:, shift * 280 : shift * 280 + 240] = cheetah
    relevant = real.analyze(wide, 0.0).relevance
    assert relevant.shape == (7, 7)
    assert float(relevant.max()) == pytest.approx(1.0)
    assert float(relevant[:, side].sum()) > 0.8 * float(relevant.sum())
