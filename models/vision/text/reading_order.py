"""The order in which lines are read: blocks from top to bottom, in each line after line.

Pieces of one line that stand close together are joined first. Sizes and distances are compared in
the direction of the writing, so a tilted sign is read as an upright one.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.vision.text.regions import Corners

SAME_ROW = 0.5  # of the smaller height: pieces whose middles are closer are in one row
WORD_GAP = 1.5  # heights between two pieces of a line, at most
LINE_GAP = 1.2  # heights between two lines of a block, at most
SIMILAR = 2.0  # times that the heights of lines of a block differ, at most


@dataclass(frozen=True, slots=True, eq=False)
class TextLine:
    """A line: what it says, how sure that is (0 to 1), and the rectangle around it in pixels.

    The rectangle begins where the line does, and its corners go along the writing first.
    """

    text: str
    score: float
    corners: Corners


@dataclass(frozen=True, slots=True, eq=False)
class TextBlock:
    """Lines that belong together, such as those of one sign, from top to bottom."""

    lines: tuple[TextLine, ...]

    @property
    def text(self) -> str:
        return " ".join(line.text for line in self.lines)

    @property
    def score(self) -> float:
        """The mean score of the lines, the longer ones counting more."""
        return _mean_score(self.lines)


@dataclass(frozen=True, slots=True)
class _Extent:
    """A line in coordinates along the writing and across it."""

    left: float
    right: float
    top: float
    bottom: float

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def in_reading_order(lines: Sequence[TextLine]) -> list[TextBlock]:
    """Return `lines` as blocks in the order in which they are read, pieces of one line joined."""
    axis = _direction(lines)
    rows = [_joined(row) for row in _rows(lines, axis)]
    extents = [_extent(row, axis) for row in rows]
    numbers = _blocks(extents)
    blocks = [
        sorted(
            (row for row, number in enumerate(numbers) if number == block),
            key=lambda row: (extents[row].top, extents[row].left),
        )
        for block in sorted(set(numbers))
    ]
    blocks.sort(key=lambda block: (extents[block[0]].top, extents[block[0]].left))
    return [TextBlock(tuple(rows[row] for row in block)) for block in blocks]


def _direction(lines: Sequence[TextLine]) -> NDArray[np.float64]:
    """Return the direction of most of the writing, a unit vector."""
    total = np.sum([line.corners[1] - line.corners[0] for line in lines], axis=0)
    length = float(np.linalg.norm(total))
    return total / length if length else np.array([1.0, 0.0])


def _extent(line: TextLine, axis: NDArray[np.float64]) -> _Extent:
    along = line.corners @ axis
    across = line.corners @ np.array([-axis[1], axis[0]])
    return _Extent(*map(float, (along.min(), along.max(), across.min(), across.max())))


def _rows(lines: Sequence[TextLine], axis: NDArray[np.float64]) -> list[list[TextLine]]:
    """Return pieces of one line together, from left to right."""
    extents = [_extent(line, axis) for line in lines]
    rows: list[list[int]] = []
    for each in sorted(range(len(lines)), key=lambda piece: extents[piece].left):
        row = next((row for row in rows if _continues(extents[row[-1]], extents[each])), None)
        if row is None:
            rows.append([each])
        else:
            row.append(each)
    return [[lines[piece] for piece in row] for row in rows]


def _continues(one: _Extent, other: _Extent) -> bool:
    """Return whether `other` goes on to the right of `one`."""
    low, high = sorted((one.height, other.height))
    return (
        abs(one.middle - other.middle) < SAME_ROW * low
        and -low < other.left - one.right < WORD_GAP * low
        and high < SIMILAR * low
    )


def _joined(row: Sequence[TextLine]) -> TextLine:
    if len(row) == 1:
        return row[0]
    first, last = row[0].corners, row[-1].corners
    corners = np.stack([first[0], last[1], last[2], first[3]])
    return TextLine(" ".join(piece.text for piece in row), _mean_score(row), corners)


def _mean_score(lines: Sequence[TextLine]) -> float:
    lengths = [max(len(line.text), 1) for line in lines]
    return float(np.average([line.score for line in lines], weights=lengths))


def _blocks(extents: Sequence[_Extent]) -> list[int]:
    """Return for each line the number of its block: that of the first of its lines."""
    blocks = list(range(len(extents)))
    for one in range(len(extents)):
        for other in range(one):
            if blocks[one] != blocks[other] and _stacked(extents[one], extents[other]):
                low, high = sorted((blocks[one], blocks[other]))
                blocks = [low if block == high else block for block in blocks]
    return blocks


def _stacked(one: _Extent, other: _Extent) -> bool:
    """Return whether one line is right below the other."""
    low, high = sorted((one.height, other.height))
    gap = max(one.top, other.top) - min(one.bottom, other.bottom)
    shared = min(one.right, other.right) - max(one.left, other.left)
    return shared > 0 and gap < LINE_GAP * low and high < SIMILAR * low
