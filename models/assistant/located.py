"""Where in the picture the subject of an answer is: boxes that a Video-LLM writes as text.

Qwen2.5-VL was trained to write boxes as JSON, in pixels of the picture as it got it.
Source: Qwen2.5-VL technical report, arXiv 2502.13923, section 2.2.1.
"""

import re

import numpy as np
from numpy.typing import NDArray

CELLS = (18, 32)  # rows and columns of the map: cells are near the blocks of encoders
MAX_BOXES = 16
NUMBER = r"\s*(-?\d{1,6}(?:\.\d{1,6})?)\s*"
BOX = re.compile(r'"bbox_2d"\s*:\s*\[' + ",".join([NUMBER] * 4) + r"\]")
PROMPT = (
    "Locate in the newest picture what this question is about: {question} "
    'Output JSON: [{{"bbox_2d": [x1, y1, x2, y2]}}], or [] if it is not there.'
)


def relevance_of_boxes(text: str, size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return a relevance map with 1 in the boxes of `text`, None if it has no box.

    `size` is the width and height that the boxes refer to. A box is cut at the edges of the
    picture, and one that is empty is left out.
    """
    found = np.zeros(CELLS, np.float32)
    for match in list(BOX.finditer(text))[:MAX_BOXES]:
        left, top, right, bottom = (float(each) for each in match.groups())
        rows = _cells(top / size[1], bottom / size[1], CELLS[0])
        columns = _cells(left / size[0], right / size[0], CELLS[1])
        found[rows, columns] = 1.0
    return found if found.any() else None


def _cells(low: float, high: float, count: int) -> slice:
    """Return the cells that the fractions from `low` to `high` touch."""
    low, high = max(0.0, low), min(1.0, high)
    if low >= high:
        return slice(0, 0)
    return slice(int(low * count), max(int(low * count) + 1, int(np.ceil(high * count - 1e-9))))
