import torch
from hypothesis import given
from hypothesis import strategies as st

from models.language.kv_cache import KvCache, SlidingWindowCache


def numbered(low: int, high: int) -> torch.Tensor:
    return torch.arange(low, high, dtype=torch.float32)[None, :, None].repeat(2, 1, 3)


@given(lengths=st.lists(st.integers(0, 9), max_size=8), spare=st.integers(0, 12))
def test_a_cache_holds_what_was_added_in_order(lengths: list[int], spare: int) -> None:
    cache = KvCache(numbered(0, 2), -numbered(0, 2), spare=spare, position=2)
    end = 2
    for length in lengths:
        keys, values = cache.append(numbered(end, end + length), -numbered(end, end + length))
        end += length
        assert torch.equal(keys, numbered(0, end))
        assert torch.equal(values, -numbered(0, end))
        assert cache.position == end
    cache.drop_last(end - 1)
    assert torch.equal(cache.keys, numbered(0, 1))
    cache.append(numbered(1, 4), -numbered(1, 4))
    assert torch.equal(cache.values, -numbered(0, 4))


@given(lengths=st.lists(st.integers(1, 9), max_size=30), keep=st.integers(1, 20))
def test_a_window_gives_what_is_kept_and_what_is_new(lengths: list[int], keep: int) -> None:
    window = SlidingWindowCache(keep=keep)
    end = 0
    for length in lengths:
        keys, values = window.append(numbered(end, end + length), -numbered(end, end + length))
        low = max(0, end - keep)
        end += length
        assert window.first == low
        assert torch.equal(keys, numbered(low, end))
        assert torch.equal(values, -numbered(low, end))
    if window._pair is not None:
        assert window._pair[0].shape[1] <= 4 * (keep + 9)


def test_a_window_restarts_at_a_place() -> None:
    window = SlidingWindowCache(keep=5)
    window.append(numbered(0, 4), numbered(0, 4))
    window.restart(100)
    keys, _ = window.append(numbered(100, 103), numbered(100, 103))
    assert window.first == 100
    assert torch.equal(keys, numbered(100, 103))
