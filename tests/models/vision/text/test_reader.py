"""The packaged networks read signs as a camera sees them."""

from pathlib import Path

import numpy as np
import pytest

from models.errors import WeightsError
from models.vision.text import reader
from models.vision.text.detection import TextBox
from models.vision.text.reader import ReaderConfig, TextReader
from tests.models.packaged import folder
from tests.models.vision.text.signs import View, photograph

SIGN = ["EMERGENCY EXIT", "Push bar to open"]


@pytest.fixture(scope="module")
def text_reader() -> TextReader:
    return reader.load(folder(reader.WEIGHTS).parent)


@pytest.mark.slow
@pytest.mark.parametrize(
    "view",
    [
        View(),
        View(height=14),
        View(tilt=25),
        View(tilt=180),
        View(slant=0.3, tilt=-8),
        View(blur=2.0),
        View(light=0.1, noise=4.0),
    ],
    ids=lambda view: str(view).removeprefix("View"),
)
def test_a_sign_is_read(text_reader: TextReader, view: View) -> None:
    (block,) = text_reader.read(photograph(SIGN, view)).blocks
    assert block.text == " ".join(SIGN)
    assert block.score > 0.9


@pytest.mark.slow
def test_what_is_too_small_is_not_read(text_reader: TextReader) -> None:
    assert text_reader.read(photograph(SIGN, View(height=5, blur=1.0))).blocks == ()


def test_a_picture_without_text_has_none(text_reader: TextReader) -> None:
    empty = np.full((240, 320, 3), 127, np.uint8)
    read = text_reader.read(empty)
    assert (read.blocks, read.unread) == ((), 0)


@pytest.mark.slow
def test_a_reading_has_steps_and_no_more_lines_than_wanted(text_reader: TextReader) -> None:
    picture = photograph(["ONE", "TWO", "THREE"], View(height=40))
    *steps, read = text_reader.steps(picture, max_lines=2)
    assert steps == [None] * 3  # the search, and each line
    assert read is not None
    assert (len(read.lines), read.unread, read.skipped) == (2, 1, 1)


def test_lines_are_read_by_size_and_those_of_one_size_from_the_top() -> None:
    rng, tops = np.random.default_rng(0), (300, 20, 100, 200, 60)
    heights = [21 + float(rng.uniform(-2, 2)) for _ in tops[:-1]] + [60.0]
    boxes = [
        TextBox(np.array([[0, top], [200, top], [200, top + height], [0, top + height]]), 1.0)
        for top, height in zip(tops, heights, strict=True)
    ]
    ordered = [float(box.corners[0, 1]) for box in reader.largest_first(boxes)]
    assert ordered == [60, 20, 100, 200, 300]


def test_missing_networks_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=reader.DETECTION):
        reader.load(tmp_path, ReaderConfig())
