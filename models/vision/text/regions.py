"""Connected regions of a mask, and the smallest rectangle around each: plain geometry.

Source: Toussaint 1983 (rotating calipers): a side of the smallest rectangle lies on the hull.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]  # (points, 2): x, y
Corners = NDArray[np.float64]  # (4, 2): x, y; top left, top right, bottom right, bottom left


def regions(mask: NDArray[np.bool_]) -> Iterator[Points]:
    """Yield the ends of the rows of each region of `mask`, (rows, columns), in no order.

    Pixels that touch at a side or a corner are in the same region.
    """
    rows, starts, ends = _runs(mask)
    if not len(rows):
        return
    labels = _joined(len(rows), _touching(rows, starts, ends))
    order = np.argsort(labels, kind="stable")
    cuts = np.flatnonzero(np.diff(labels[order])) + 1
    for each in np.split(order, cuts):
        left = np.stack([starts[each], rows[each]], 1)
        right = np.stack([ends[each] - 1, rows[each]], 1)
        yield np.concatenate([left, right]).astype(np.float64)


def _runs(
    mask: NDArray[np.bool_],
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
    """Return the row, the first column and the column after the last of each run, row by row."""
    padded = np.pad(mask, ((0, 0), (1, 1))).astype(np.int8)
    change = np.diff(padded, axis=1)
    rows, starts = np.nonzero(change == 1)
    _, ends = np.nonzero(change == -1)
    return rows, starts, ends


def _touching(
    rows: NDArray[np.intp], starts: NDArray[np.intp], ends: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Return pairs (pairs, 2) of runs of neighboring rows that touch, also at a corner."""
    width = int(ends.max()) + 2
    first, last = rows * width + starts, rows * width + ends  # one line, row after row
    low = np.searchsorted(last, first + width, side="left")  # runs of the next row that touch
    high = np.searchsorted(first, last + width, side="right")
    counts = np.maximum(high - low, 0)
    one = np.repeat(np.arange(len(rows)), counts)
    offset = np.arange(len(one)) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.stack([one, np.repeat(low, counts) + offset], 1)


def _joined(count: int, pairs: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return a label for each of `count` things; those that `pairs` connect share one."""
    labels = np.arange(count)
    while True:
        both = labels[pairs]
        updated = labels.copy()
        for side in (0, 1):  # what a label stands for follows it
            np.minimum.at(updated, both[:, side], both.min(1))
        updated = updated[updated]
        if np.array_equal(updated, labels):
            return labels
        labels = updated


def convex_hull(points: Points) -> Points:
    """Return the corners of the convex hull of at least one point, in order around it.

    Source: Andrew 1979 (monotone chain).
    """
    ordered = np.unique(points, axis=0)
    if len(ordered) < 3:
        return ordered
    chains = [_chain(each) for each in (ordered.tolist(), ordered[::-1].tolist())]
    return np.array(chains[0][:-1] + chains[1][:-1])


def _chain(ordered: list[list[float]]) -> list[list[float]]:
    chain: list[list[float]] = []
    for x, y in ordered:
        while len(chain) > 1:
            (ax, ay), (bx, by) = chain[-2:]
            if (bx - ax) * (y - ay) - (by - ay) * (x - ax) > 0:
                break
            chain.pop()
        chain.append([x, y])
    return chain


def smallest_rectangle(points: Points, margin: float = 0.0) -> Corners:
    """Return the rectangle with the least area around `points`, wider by `margin` on each side."""
    hull = convex_hull(points)
    edges = np.diff(np.concatenate([hull, hull[:1]]), axis=0)
    angles = np.unique(np.arctan2(edges[:, 1], edges[:, 0]) % (np.pi / 2))
    axes = np.stack([np.cos(angles), np.sin(angles)], 1)  # (angles, 2)
    along = hull @ axes.T  # (corners, angles)
    across = hull @ np.stack([-axes[:, 1], axes[:, 0]])
    areas = np.ptp(along, axis=0) * np.ptp(across, axis=0)
    best = int(areas.argmin())
    x, y = axes[best]
    left, right = along[:, best].min() - margin, along[:, best].max() + margin
    top, bottom = across[:, best].min() - margin, across[:, best].max() + margin
    turned = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    return from_top_left(turned @ np.array([[x, y], [-y, x]]))


def from_top_left(corners: Corners) -> Corners:
    """Return the corners of a rectangle clockwise, from the top left one.

    Of the two on the left, that is the upper one, as for a line that is turned by up to 45 degrees.
    """
    center = corners.mean(0)
    around = np.arctan2(corners[:, 1] - center[1], corners[:, 0] - center[0])
    clockwise = corners[np.argsort(around)]  # y points down
    left = np.argsort(clockwise[:, 0], kind="stable")[:2]
    first = left[int(clockwise[left, 1].argmin())]
    return np.roll(clockwise, -int(first), axis=0)


def sides(corners: Corners) -> tuple[float, float]:
    """Return the width and the height of a rectangle, the mean of both sides."""
    top, right, bottom, left = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    return float(top + bottom) / 2, float(left + right) / 2


def inside(corners: Corners, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return whether each point is in a rectangle, whose corners are clockwise, or on its edge."""
    within = np.ones(np.broadcast_shapes(x.shape, y.shape), bool)
    for (ax, ay), (bx, by) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        within &= (bx - ax) * (y - ay) - (by - ay) * (x - ax) >= -1e-6
    return within
