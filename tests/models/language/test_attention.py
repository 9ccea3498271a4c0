import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.language import attention
from models.language.attention import (
    WindowKeys,
    attend,
    causal_attention,
    merge_parts,
    sliding_window_attention,
)
from models.rotary import RotaryEmbedding, apply_rotary
from tests.models.language import plain

WIDTH = 8
ROTARY = RotaryEmbedding(width=WIDTH, theta=100.0)


def normal(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(shape, generator=rng, dtype=torch.float64)).to(dtype)


def written_out(
    query: Tensor, key: Tensor, value: Tensor, visible: Tensor
) -> tuple[Tensor, Tensor]:
    """Softmax attention a query at a time; zeros and minus infinity where nothing is seen."""
    heads, count, width = query.shape
    out = torch.zeros(heads, count, width, dtype=torch.float64)
    log = torch.full((heads, count), -torch.inf, dtype=torch.float64)
    for h in range(heads):
        kh = h // (heads // len(key))
        for i in range(count):
            seen = [j for j in range(key.shape[1]) if visible[i, j]]
            powers = [math.exp(float(query[h, i] @ key[kh, j]) / width**0.5) for j in seen]
            if seen:
                log[h, i] = math.log(sum(powers))
            for j, power in zip(seen, powers, strict=True):
                out[h, i] += power / sum(powers) * value[kh, j]
    return out, log


@pytest.mark.parametrize("masked", [True, False])
@pytest.mark.parametrize(
    ("dtype", "atol"),
    [  # bits of the type
        (torch.float64, 1e-12),
        (torch.float32, 1e-5),
        (torch.float16, 0.01),
        (torch.bfloat16, 0.05),
    ],
)
def test_a_part_is_softmax_attention_and_its_denominator(
    masked: bool, dtype: torch.dtype, atol: float
) -> None:
    query, key, value = (
        normal(heads, n, WIDTH, seed=n, dtype=dtype) for heads, n in ((6, 5), (2, 7), (2, 7))
    )
    visible = torch.ones(5, 7, dtype=torch.bool)
    if masked:
        visible = normal(5, 7, seed=9) > 0
        visible[2] = False
    out, log = attend(query, key, value, visible if masked else None)
    expected = written_out(query.double(), key.double(), value.double(), visible)
    torch.testing.assert_close(out.double(), expected[0], atol=atol, rtol=atol)
    torch.testing.assert_close(log.double(), expected[1], atol=atol, rtol=atol)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_part_on_a_gpu_is_that_of_the_plain_sums(dtype: torch.dtype) -> None:
    query, key, value = (
        normal(heads, n, 64, seed=n, dtype=dtype).cuda()
        for heads, n in ((14, 50), (2, 300), (2, 300))
    )
    everything = torch.ones(50, 300, dtype=torch.bool, device="cuda")
    for found, expected in zip(
        attend(query, key, value), attend(query, key, value, everything), strict=True
    ):
        torch.testing.assert_close(found, expected.to(found.dtype), atol=0.05, rtol=0.02)


@settings(max_examples=30)
@given(cuts=st.lists(st.integers(0, 9), max_size=3).map(sorted))
def test_parts_joined_are_one_softmax_over_all_keys(cuts: list[int]) -> None:
    query, key, value = (
        normal(4, 3, WIDTH),
        normal(2, 9, WIDTH, seed=1),
        normal(2, 9, WIDTH, seed=2),
    )
    parts = [
        attend(query, key[:, low:high], value[:, low:high])
        for low, high in zip([0, *cuts], [*cuts, 9], strict=True)
    ]
    for found, expected in zip(merge_parts(parts), attend(query, key, value), strict=True):
        torch.testing.assert_close(found, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("count", [1, 4, 9])
def test_causal_attention_sees_up_to_each_query(count: int) -> None:
    query, key, value = (
        normal(4, count, WIDTH),
        normal(2, 9, WIDTH, seed=1),
        normal(2, 9, WIDTH, seed=2),
    )
    visible = torch.arange(9) <= torch.arange(9 - count, 9)[:, None]
    expected, _ = written_out(query, key, value, visible)
    torch.testing.assert_close(
        causal_attention(query, key, value), expected, atol=1e-12, rtol=1e-12
    )


@pytest.mark.slow
@settings(max_examples=40)
@given(
    window=st.integers(1, 30),
    count=st.integers(1, 12),
    before=st.integers(0, 25),
    sinks=st.integers(0, 4),
    tile=st.integers(1, 8),
)
def test_sliding_window_attention_is_the_written_out_mask_for_any_sizes(
    window: int, count: int, before: int, sinks: int, tile: int
) -> None:
    """Keys that slid out of the window are not even given."""
    total = max(before, sinks) + count
    start = total - count
    query, key, value = (
        normal(4, total, WIDTH),
        normal(2, total, WIDTH, seed=1),
        normal(2, total, WIDTH, seed=2),
    )
    turned = apply_rotary(key, ROTARY.cos_sin(torch.arange(total)))
    first = max(0, start - window + 1)
    local = WindowKeys(
        keys=turned[:, first:],
        values=value[:, first:],
        first=first,
        sink_keys=key[:, :sinks],
        sink_values=value[:, :sinks],
    )
    near = apply_rotary(query[:, start:], ROTARY.cos_sin(torch.arange(start, total)))
    far = apply_rotary(query[:, start:], ROTARY.cos_sin(torch.tensor([window - 1])))
    default = attention.TILE
    attention.TILE = tile
    try:
        found, _ = sliding_window_attention(near, far, local, window=window)
    finally:
        attention.TILE = default
    expected = plain.mixed(query, key, value, 100.0, window, sinks)[start:]
    torch.testing.assert_close(found.transpose(0, 1).flatten(1), expected, atol=1e-11, rtol=1e-9)


def test_rotation_is_complex_multiplication() -> None:
    x = normal(3, 5, WIDTH)
    places = torch.tensor([0, 1, 7, 300, 2_000_000])
    expected = torch.stack(
        [
            torch.stack([plain.turn(x[h, i], float(p), 100.0) for i, p in enumerate(places)])
            for h in range(3)
        ]
    )
    torch.testing.assert_close(
        apply_rotary(x, ROTARY.cos_sin(places)), expected, atol=1e-9, rtol=0.0
    )


def test_several_axes_turn_their_own_frequencies() -> None:
    rotary = RotaryEmbedding(width=WIDTH, theta=100.0, sections=(1, 2, 1))
    places = torch.tensor([[3, 4], [50, 60], [7, 9]])
    cosines, _ = rotary.cos_sin(places)
    for i, axis in enumerate([0, 1, 1, 2] * 2):
        angle = places[axis].double() * 100.0 ** (-2 * (i % 4) / WIDTH)
        torch.testing.assert_close(cosines[:, i], angle.cos())
    flat = torch.tensor([5, 6])
    torch.testing.assert_close(rotary.cos_sin(flat), rotary.cos_sin(flat.expand(3, -1)))
    with pytest.raises(ValueError, match="positions on 1 axes, got 3"):
        ROTARY.cos_sin(places)
