"""Where text is in a picture: a network marks the cores of lines, and rectangles go around them.

Source: Liao et al. 2020 (differentiable binarization, DB); PP-OCRv6 of PaddleOCR. The thresholds
are those of the package that the weights come from.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from numpy.typing import NDArray

from models.vision.text.networks import Floats, OnnxNetwork, as_input
from models.vision.text.regions import Corners, inside, regions, sides, smallest_rectangle

STRIDE = 32  # pixels: the sides of the network's input are multiples
CORE = 0.3  # probability from which a pixel belongs to the core of a line
MIN_SCORE = 0.5  # mean probability in the rectangle around a core
MIN_SIDE = 3.0  # pixels of the network's input: smaller cores are noise
SHRINKAGE = 1.6  # a line is wider than its core by area / perimeter times this
MAX_REGIONS = 1000  # of one picture that are looked at, as in the package


@dataclass(frozen=True, slots=True, eq=False)
class TextBox:
    """A line of text: the corners of a rectangle around it, in pixels, and a score, 0 to 1."""

    corners: Corners
    score: float


class TextDetector:
    """Detects lines of text; the longer side of what it looks at has at most `side` pixels."""

    def __init__(self, network: OnnxNetwork, *, side: int) -> None:
        self._network = network
        self._side = side

    def detect(self, pixels: NDArray[np.uint8]) -> list[TextBox]:
        """Return the lines in a picture, uint8 (height, width, 3) RGB, in no order."""
        height, width = pixels.shape[:2]
        size = input_size(width, height, self._side)
        small = _resized(pixels, size)
        probabilities = self._network.run(as_input(small)[None])[0, 0]
        scale = np.array([width / size[0], height / size[1]])
        limit = np.array([width - 1, height - 1])
        return [
            TextBox(np.clip(box.corners * scale, 0, limit), box.score)
            for box in boxes_of(probabilities)
        ]


def input_size(width: int, height: int, side: int) -> tuple[int, int]:
    """Return the width and height to which a picture is resized; it is not made larger."""
    scale = min(1.0, side / max(width, height))
    return _multiple(width * scale), _multiple(height * scale)


def boxes_of(probabilities: Floats) -> list[TextBox]:
    """Return the boxes of lines, by the probability of each pixel, (height, width), of a core."""
    core = probabilities > CORE
    wide = core.copy()  # by a pixel to the right and below, as in the package
    wide[:, 1:] |= core[:, :-1]
    wide[1:] |= wide[:-1].copy()
    found: list[TextBox] = []
    for number, points in enumerate(regions(wide)):
        if number == MAX_REGIONS:
            break
        box = _box(probabilities, points)
        found += [] if box is None else [box]
    return found


def _box(probabilities: Floats, points: NDArray[np.float64]) -> TextBox | None:
    around = smallest_rectangle(points)
    width, height = sides(around)
    if min(width, height) < MIN_SIDE:
        return None
    score = _mean_inside(probabilities, around)
    if score < MIN_SCORE:
        return None
    margin = SHRINKAGE * width * height / (2 * (width + height))
    return TextBox(smallest_rectangle(points, margin), score)


def _mean_inside(probabilities: Floats, corners: Corners) -> float:
    (left, top), (right, bottom) = corners.min(0), corners.max(0)
    rows = slice(max(int(top), 0), int(np.ceil(bottom)) + 1)
    columns = slice(max(int(left), 0), int(np.ceil(right)) + 1)
    part = probabilities[rows, columns]
    y = np.arange(part.shape[0], dtype=np.float64)[:, None] + rows.start
    x = np.arange(part.shape[1], dtype=np.float64)[None] + columns.start
    within = inside(corners, x, y)
    return float(part[within].mean()) if within.any() else 0.0


def _multiple(length: float) -> int:
    return max(STRIDE, round(length / STRIDE) * STRIDE)


def _resized(pixels: NDArray[np.uint8], size: Sequence[int]) -> Floats:
    """Return `pixels` with the width and height of `size`, float32."""
    image = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    made = F.interpolate(image, (size[1], size[0]), mode="bilinear", antialias=True)
    resized: Floats = made[0].permute(1, 2, 0).numpy()
    return resized
