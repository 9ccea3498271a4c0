import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.memory.retrieval import (
    local_line,
    score_blocks,
    top_rows,
)
from tests.bench.research.recall_probe import (
    position_bias,
)


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_score_is_the_product_with_keys_given_to_every_query_head() -> None:
    keys, query = normal(5, 2, 8, seed=1), normal(6, 8, seed=2)
    found = score_blocks(keys.flatten(1), query, scoring="dot", span=0)
    for row in range(5):
        expanded = sum(float(keys[row, head // 3] @ query[head]) for head in range(6))
        assert float(found[row]) == pytest.approx(expanded, abs=1e-5)


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40), st.integers(1, 12))
def test_a_local_line_is_the_least_squares_fit_to_the_neighbors(
    values: list[float], span: int
) -> None:
    found = local_line(torch.tensor(values), span)
    width = min(span, len(values))
    for i in range(len(values)):
        low = min(max(0, i - width // 2), len(values) - width)
        near = values[low : low + width]
        line = np.polynomial.Polynomial.fit(range(width), near, min(1, width - 1))
        assert float(found[i]) == pytest.approx(line(i - low), abs=1e-4)


def test_a_steady_drift_is_taken_away_up_to_the_ends() -> None:
    drift = 3.0 + 0.5 * torch.arange(50)
    torch.testing.assert_close(local_line(drift, 16), drift)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 25))
def test_the_best_come_in_order_of_time_and_of_equals_the_earlier(
    values: list[int], count: int
) -> None:
    rows = top_rows(torch.tensor(values, dtype=torch.float32), count).tolist()
    ranked = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert rows == sorted(ranked[:count])


def test_a_drift_hides_what_is_asked_for_and_centring_shows_it() -> None:
    """Scores that rise with time by more than what stands out in any one frame."""
    query = normal(4, 8, seed=3)
    direction = query.view(2, 2, 8).sum(1).flatten()
    direction = direction / direction.norm()
    keys = 0.1 * normal(200, 16, seed=4) + torch.linspace(0, 8, 200)[:, None] * direction
    keys[60] += 2 * direction
    raw = score_blocks(keys, query, scoring="dot", span=32)
    centered = score_blocks(keys, query, scoring="centered", span=32)
    assert 60 not in top_rows(raw, 40)
    assert top_rows(centered, 1).tolist() == [60]
    assert position_bias(raw) > 0.9
    assert abs(position_bias(centered)) < 0.2
