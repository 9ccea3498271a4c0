"""The caches of networks."""

import pytest
import torch

from models.engine import update_cache


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("starts", [[0], [5, 0, 2]])
def test_a_cache_is_updated_in_place_from_the_slot_of_each_row(
    count: int, starts: list[int]
) -> None:
    rows = len(starts)
    cache, new = torch.randn(rows, 2, 8, 4), torch.randn(rows, 2, count, 4)
    wanted = cache.clone()
    for row, start in enumerate(starts):
        wanted[row, :, start : start + count] = new[row]
    assert update_cache(cache, new, torch.tensor(starts)) is cache
    assert torch.equal(cache, wanted)


def test_an_update_asks_for_no_value_of_a_tensor() -> None:
    """It would wait for a GPU: meta tensors have no values."""
    cache, new = torch.zeros(2, 1, 8, 4, device="meta"), torch.zeros(2, 1, 3, 4, device="meta")
    updated = update_cache(cache, new, torch.zeros(2, dtype=torch.int64, device="meta"))
    assert updated is cache
