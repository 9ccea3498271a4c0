"""What a line of text says: it is cut out upright, and a network reads it from left to right.

Source: Graves et al. 2006 (connectionist temporal classification, CTC), decoded greedily;
PP-OCRv6 of PaddleOCR.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.errors import WeightsError
from models.vision.text.networks import Floats, OnnxNetwork, as_input
from models.vision.text.regions import Corners, sides

HEIGHT = 48  # pixels of a line as the network takes it
MIN_WIDTH = 320  # pixels; a shorter line is filled up, as in the package
MAX_WIDTH = 1600  # pixels; a longer line is squeezed
STEP = 32  # widths are multiples, so that lines of similar length are one batch
MAX_SHRINKAGE = 4  # times that points are averaged: a line of 200 pixels keeps its detail
UPRIGHT = 1.5  # height / width from which a line is written from top to bottom
BLANK = 0


@dataclass(frozen=True, slots=True)
class RecognizedText:
    """What a line says, and the mean probability of its characters, 0 without any."""

    text: str
    score: float


class TextRecognizer:
    """Reads lines that were cut out by `cut_line`.

    Raises:
        WeightsError: the network's file does not list its characters.
    """

    def __init__(self, network: OnnxNetwork) -> None:
        self._network = network
        listed = network.metadata.get("character", "")
        if not listed:
            raise WeightsError("the network of text has no list of characters: fetch it again")
        self._characters = ["", *listed.split("\n"), " "]  # CTC's blank comes first

    def recognize(self, line: Floats) -> RecognizedText:
        """Return what a line says, float32 (HEIGHT, width, 3), RGB of 0 to 255."""
        width = max(MIN_WIDTH, -(-line.shape[1] // STEP) * STEP)
        images = np.zeros((1, 3, HEIGHT, width), np.float32)
        images[0, :, :, : line.shape[1]] = as_input(line)
        return decode(self._network.run(images)[0], self._characters)


def decode(probabilities: Floats, characters: Sequence[str]) -> RecognizedText:
    """Return the likeliest text of `probabilities`, (steps, characters), whose column 0 is blank.

    A character that is the likeliest for several steps in a row is one.
    """
    best = probabilities.argmax(1)
    new = np.ones(len(best), bool)
    new[1:] = best[1:] != best[:-1]
    kept = np.flatnonzero(new & (best != BLANK))
    if not len(kept):
        return RecognizedText("", 0.0)
    text = "".join(characters[column] for column in best[kept])
    return RecognizedText(text, float(probabilities[kept, best[kept]].mean()))


def along_writing(corners: Corners) -> Corners:
    """Return the corners of a line from where it begins: of one that stands, at the top right."""
    width, height = sides(corners)
    return np.roll(corners, -1, axis=0) if height >= UPRIGHT * width else corners


def cut_line(pixels: NDArray[np.uint8], corners: Corners) -> Floats:
    """Return the line in `corners`, which are `along_writing`, as float32 (HEIGHT, width, 3).

    Points between pixels are interpolated, and of many pixels the mean is taken.
    """
    width, height = sides(corners)
    columns = int(np.clip(round(HEIGHT * width / max(height, 1.0)), 1, MAX_WIDTH))
    finer = int(np.clip(round(height / HEIGHT), 1, MAX_SHRINKAGE))
    y = (np.arange(HEIGHT * finer) + 0.5)[:, None] / (HEIGHT * finer)
    x = (np.arange(columns * finer) + 0.5)[None] / (columns * finer)
    sampled = _sample(pixels, *_between(corners, x, y))
    line: Floats = sampled.reshape(HEIGHT, finer, columns, finer, 3).mean((1, 3))
    return line


def _between(
    corners: Corners, x: NDArray[np.float64], y: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the places of the fractions `x` and `y` of a rectangle, in pixels."""
    top_left, top_right, bottom_right, bottom_left = corners
    place = [
        (1 - y) * ((1 - x) * top_left[axis] + x * top_right[axis])
        + y * ((1 - x) * bottom_left[axis] + x * bottom_right[axis])
        for axis in (0, 1)
    ]
    return place[0], place[1]


def _sample(pixels: NDArray[np.uint8], x: NDArray[np.float64], y: NDArray[np.float64]) -> Floats:
    """Return the colors at places between pixels, (rows, columns, 3)."""
    height, width = pixels.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, bottom = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    across, down = (
        (x - left).astype(np.float32)[..., None],
        (y - top).astype(np.float32)[..., None],
    )
    upper = pixels[top, left] * (1 - across) + pixels[top, right] * across
    lower = pixels[bottom, left] * (1 - across) + pixels[bottom, right] * across
    mixed: Floats = upper * (1 - down) + lower * down
    return mixed
