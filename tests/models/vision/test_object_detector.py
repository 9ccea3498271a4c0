"""The detector of things: its arithmetic here, its weights against TensorFlow.js's own run."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.engine import TorchEngine
from models.errors import WeightsError
from models.vision import nanodet
from models.vision.class_names import COUNTABLE, DETECTED, NAMES
from models.vision.nanodet import BINS, CELLS, KINDS, SIDE, NanoDet
from models.vision.object_detector import (
    ObjectDetector,
    ObjectDetectorNetwork,
    letterboxed,
    load,
    probability_of_score,
)
from tests.models.packaged import folder
from tests.models.vision.test_person_detector import scene
from tests.models.vision.tfjs.test_graph_model import OPERATIONS

GOLDEN = Path(__file__).parent / "things_tensorflow_js.npz"
CUP, DOG = DETECTED.index("cup"), DETECTED.index("dog")


class PlacedThings(torch.nn.Module):
    """Levels with a thing in given cells: kind, level, row, column and distances in cells."""

    def __init__(self, *things: tuple[int, int, int, int, int], score: float = 0.9) -> None:
        super().__init__()
        self.things, self.score = things, score
        self.unused = torch.nn.Parameter(torch.zeros(1))  # an engine asks it where it runs

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        sides = [SIDE // stride for stride in nanodet.STRIDES]
        scores = [torch.zeros(len(images), KINDS, side, side) for side in sides]
        logits = [torch.zeros(len(images), 4 * BINS, side, side) for side in sides]
        for kind, level, row, column, distance in self.things:
            scores[level][:, kind, row, column] = self.score
            for side in range(4):
                logits[level][:, side * BINS + distance, row, column] = 30.0
        return (*scores, *logits)


def detector(*things: tuple[int, int, int, int, int], score: float = 0.9) -> ObjectDetector:
    network = NanoDet(PlacedThings(*things, score=score))
    return ObjectDetector(TorchEngine(ObjectDetectorNetwork(network)))


def blank(height: int, width: int) -> Tensor:
    return torch.zeros(height, width, 3, dtype=torch.uint8).permute(2, 0, 1)


def test_there_is_a_center_for_each_cell() -> None:
    centers = nanodet.cell_centers()
    assert centers.shape == (CELLS, 2)
    assert centers[:2].tolist() == [[4.0, 4.0], [12.0, 4.0]]  # row by row
    assert centers[-1].tolist() == [400.0, 400.0]


def test_a_thing_has_its_name_and_its_box_in_the_frame() -> None:
    # level 2 has cells of 32 pixels; the middle of row 6, column 3 is at x 112, y 208
    ((found,),) = detector((CUP, 2, 6, 3, 1)).detect([blank(SIDE, SIDE)])
    assert found.name == "cup"
    edges = (found.left, found.top, found.right, found.bottom)
    assert edges == pytest.approx((80 / 416, 176 / 416, 144 / 416, 240 / 416))
    assert found.score == pytest.approx(float(probability_of_score(torch.tensor(0.9))))


def test_boxes_are_in_fractions_of_a_frame_of_any_shape() -> None:
    wide = blank(100, 200)  # 208 pixels high in the square, from 104 on
    ((found,),) = detector((DOG, 2, 6, 6, 1)).detect([wide])
    assert found.center == pytest.approx((0.5, 0.5))
    assert found.bottom - found.top == pytest.approx(64 / 208)
    ((outside,),) = detector((DOG, 2, 6, 0, 3)).detect([wide])
    assert outside.left == 0.0


def test_nothing_is_found_where_nothing_is_sure() -> None:
    sure = detector((CUP, 1, 3, 3, 2), score=0.5)
    frames = [blank(30, 40), blank(90, 20)]
    assert sure.detect(frames, min_score=0.5) == [(), ()]
    assert [len(found) for found in sure.detect(frames, min_score=0.3)] == [1, 1]


@given(st.integers(1, 2000), st.integers(1, 2000))
def test_a_frame_fills_its_square_in_one_direction(height: int, width: int) -> None:
    square, place = letterboxed(blank(height, width) + 9, side=32)
    assert square.shape == (3, 32, 32)
    assert max(place.width, place.height) == 32
    assert min(place.width, place.height) >= 1
    shown = square[0] == 9.0
    assert int(shown.sum()) == place.width * place.height


def test_every_kind_but_persons_has_a_column() -> None:
    assert len(DETECTED) == KINDS
    assert {NAMES[column] for column in COUNTABLE} == set(DETECTED[1:])
    assert "person" not in NAMES


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    shutil.copy(OPERATIONS / "model.json", tmp_path / nanodet.FILES[0])
    shutil.copy(OPERATIONS / "weights.bin", tmp_path / "weights.bin")
    (tmp_path / nanodet.FILES[1]).write_bytes(b"")
    with pytest.raises(WeightsError, match="the graph has no"):
        load(tmp_path)


@pytest.mark.slow
def test_boxes_and_scores_are_those_of_tensorflow_js() -> None:
    """Golden: TensorFlow.js 4.22 running the same graph on `scene`, 40 cells of 3,549."""
    golden = np.load(GOLDEN)
    padded = np.pad(scene(), ((0, 116), (0, 116), (0, 0)))
    picture = torch.from_numpy(padded).permute(2, 0, 1).float()
    _, scores = nanodet.read(folder("things"))(picture[None])
    # float32 through 40 layers, summed in another order; the file has 16 bits
    np.testing.assert_allclose(scores[0][golden["cells"]], golden["scores"], atol=2e-3)
