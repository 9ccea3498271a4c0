import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from models.asr.whisper.alignment import token_starts


def plain_best(gain: NDArray[np.float32]) -> float:
    """Return the sum of the best path, cell by cell."""
    rows, frames = gain.shape
    best = np.full((rows, frames), -np.inf)
    for r in range(rows):
        for c in range(frames):
            before = [best[r - 1, c - 1]] if r and c else []
            before += [best[r - 1, c]] if r else []
            before += [best[r, c - 1]] if c else []
            best[r, c] = gain[r, c] + (max(before) if before else 0.0)
    return float(best[-1, -1])


def path_sum(gain: NDArray[np.float32], starts: NDArray[np.int64]) -> float:
    """Return the sum of the best path that enters each row at its start."""
    rows, frames = gain.shape
    best = {0: float(gain[0, :1].sum())}
    total = -np.inf
    for row in range(rows):
        entered = {int(starts[row]): best[int(starts[row])]}
        along = entered[int(starts[row])]
        ends = {int(starts[row]): along}
        for c in range(int(starts[row]) + 1, frames):
            along += float(gain[row, c])
            ends[c] = along
        if row + 1 == rows:
            total = ends[frames - 1]
            break
        following = int(starts[row + 1])
        came = [ends[c] for c in (following - 1, following) if c in ends]
        best = {following: max(came) + float(gain[row + 1, following])}
    return total


@given(seed=st.integers(0, 1000), rows=st.integers(1, 6), frames=st.integers(6, 20))
@settings(max_examples=60)
def test_the_path_is_monotone_and_no_other_is_better(seed: int, rows: int, frames: int) -> None:
    gain = np.random.default_rng(seed).standard_normal((rows, frames)).astype(np.float32)
    starts = token_starts(gain)
    assert starts[0] == 0
    assert (np.diff(starts) >= 0).all()
    np.testing.assert_allclose(path_sum(gain, starts), plain_best(gain), rtol=1e-4, atol=1e-4)


def test_a_clear_diagonal_is_followed() -> None:
    gain = np.full((3, 9), -1.0, np.float32)
    for row in range(3):
        gain[row, 3 * row : 3 * row + 3] = 1.0
    assert token_starts(gain).tolist() == [0, 3, 6]
