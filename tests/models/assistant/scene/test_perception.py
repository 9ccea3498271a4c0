"""What a picture becomes in words, with the real classifier and detector."""

from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from models.assistant.scene import perception
from models.assistant.scene.perception import Look, Perception, Pixels
from models.assistant.scene.scene_making import name_candidates
from models.errors import EngineError
from models.vision.class_names import NAMES
from models.vision.object_detector import ObjectDetector
from tests.models.packaged import folder


@pytest.fixture(scope="module")
def real() -> Perception:
    home = folder("efficientnet-lite0").parent
    folder("persons")
    folder("things")
    return perception.load(home)


def photograph(name: str) -> Pixels:
    import gradio

    file = Path(gradio.__file__).parent / "media_assets/images" / name
    return np.array(Image.open(file).convert("RGB"))


def test_likely_names_are_squares_of_shares_that_sum_to_nearly_one() -> None:
    named = torch.zeros(len(NAMES))
    named[:4] = torch.tensor([0.6, 0.3, 0.08, 0.02])
    names = name_candidates(named)
    assert [name for name, _ in names] == [NAMES[0], NAMES[1]]
    assert names[0][1] == pytest.approx(0.36 / (0.36 + 0.09 + 0.0064 + 0.0004))


def probabilities(**named: float) -> torch.Tensor:
    made = torch.zeros(len(NAMES))
    for name, probability in named.items():
        made[NAMES.index(name)] = probability
    return made


def test_where_no_name_is_likely_a_kind_is_named_or_nothing() -> None:
    def first(**named: float) -> str:
        return name_candidates(probabilities(**named))[0][0]

    assert first(castle=0.25, church=0.2, palace=0.1) == "building"
    assert first(castle=0.4, church=0.3) == "castle"
    assert first(cat=0.3, fox=0.05, cup=0.2) == "cat"
    assert first(cat=0.09, cup=0.05) == "something"


@pytest.mark.slow
def test_a_cheetah_is_seen_and_nobody_with_it(real: Perception) -> None:
    observation = real.analyze(photograph("cheetah1.jpg"), 3.5)
    assert observation.scene.time == 3.5
    assert observation.scene.names[0][0] == "cheetah"
    assert observation.scene.people == 0
    assert 0.7 < float(observation.probabilities[NAMES.index("cheetah")]) <= 1.0


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "place"), [(0, "left"), (1, "right")])
def test_a_thing_at_one_side_has_that_side_as_its_place(
    real: Perception, shift: int, place: str
) -> None:
    cheetah = np.array(Image.fromarray(photograph("cheetah1.jpg")).resize((240, 240)))
    wide = np.full((240, 520, 3), 128, np.uint8)
    wide[:, shift * 280 : shift * 280 + 240] = cheetah
    assert real.analyze(wide, 0.0).scene.place == place


@pytest.mark.slow
@pytest.mark.parametrize("level", [0, 128, 255])
def test_in_a_picture_of_one_shade_nothing_is_seen(real: Perception, level: int) -> None:
    observation = real.analyze(np.full((480, 640, 3), level, np.uint8), 1.0)
    assert observation.scene.names == ()
    assert observation.scene.people == 0
    assert not observation.probabilities.any()


@pytest.mark.slow
@pytest.mark.parametrize("size", [(1, 1), (7, 3000), (2160, 3840), (300, 300)])
def test_any_size_of_picture_can_be_analyzed(real: Perception, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(2)
    pixels = rng.integers(0, 256, (*size, 3), dtype=np.uint8)
    assert real.analyze(pixels, 0.0).scene.time == 0.0


@pytest.mark.slow
def test_frames_that_are_analyzed_together_show_what_each_shows_alone(real: Perception) -> None:
    cheetah, tower = photograph("cheetah1.jpg"), photograph("tower.jpg")
    looks = [
        Look(cheetah, 1.0),
        Look(np.zeros((90, 160, 3), np.uint8), 2.0),
        Look(tower, 3.0, frozenset({NAMES.index("castle")})),
        Look(cheetah[:, ::-1], 4.0),
    ]
    together = real.analyze_many(looks)
    assert len(together) == len(looks)
    for look, observation in zip(looks, together, strict=True):
        alone = real.analyze(look.pixels, look.time, look.attended)
        assert [name for name, _ in observation.scene.names] == [n for n, _ in alone.scene.names]
        assert observation.scene.place == alone.scene.place
        assert observation.scene.colour == alone.scene.colour
        # float32, in batches of another size
        torch.testing.assert_close(observation.relevance, alone.relevance, atol=1e-3, rtol=0)
        torch.testing.assert_close(
            observation.probabilities, alone.probabilities, atol=1e-4, rtol=0
        )
    assert real.analyze_many([]) == []


class BrokenDetector(ObjectDetector):
    def __init__(self) -> None:
        self.calls = 0

    def detect(self, frames: Sequence[Tensor], *, min_score: float = 0.5) -> NoReturn:
        self.calls += 1
        raise EngineError("its file is damaged; fetch it again")


@pytest.mark.slow
def test_without_the_detector_of_things_the_rest_is_seen_and_told(real: Perception) -> None:
    broken = BrokenDetector()
    without = Perception(real.classifier, real.persons, broken)
    cheetah = photograph("cheetah1.jpg")
    for _ in range(2):
        assert without.analyze(cheetah, 0.0).scene.names[0][0] == "cheetah"
    assert broken.calls == 1
    assert "its file is damaged" in without.degraded
    assert real.degraded == ""
