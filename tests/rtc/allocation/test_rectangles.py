"""Regions painted onto a frame give the map again, and there are few."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from rtc.allocation.qp_map import BLOCK, qp_offsets
from rtc.allocation.rectangles import MAX_REGIONS, STEPS, regions_of
from rtc.allocation.regions import Box, Region

SIZE = (640, 360)
MAPS = arrays(np.int64, (6, 10), elements=st.integers(0, 25))
RELEVANCE = arrays(np.bool_, (6, 10))


def painted(regions: tuple[Region, ...]) -> NDArray[np.int64]:
    """Return the offset of each block; of regions that overlap, the first applies."""
    blocks = np.full((6, 10), -1)
    for region in reversed(regions):
        left, right = round(region.box.left * SIZE[0]), round(region.box.right * SIZE[0])
        top, bottom = round(region.box.top * SIZE[1]), round(region.box.bottom * SIZE[1])
        assert left % BLOCK == top % BLOCK == 0
        blocks[top // BLOCK : -(-bottom // BLOCK), left // BLOCK : -(-right // BLOCK)] = (
            region.offset
        )
    return blocks


@given(MAPS)
def test_any_map_becomes_few_regions_that_favor_the_same_blocks(offsets: NDArray[np.int64]) -> None:
    regions = regions_of(offsets, SIZE)
    assert len(regions) <= MAX_REGIONS
    if not regions:
        assert offsets.min() == offsets.max()
        return
    blocks = painted(regions)
    assert blocks.min() >= 0  # each block has one
    assert (blocks[offsets == offsets.min()] == blocks.min()).all()


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5)), min_size=1, max_size=3))
def test_few_relevant_blocks_have_exactly_the_levels_of_the_map(
    found: list[tuple[int, int]],
) -> None:
    boxes = [Box(x / 10, y / 6, (x + 1) / 10, (y + 1) / 6) for x, y in found]
    offsets = qp_offsets(boxes, SIZE)
    blocks = painted(regions_of(offsets, SIZE))
    assert any(np.array_equal(blocks, offsets // step * step) for step in STEPS)


def test_the_most_relevant_region_comes_first() -> None:
    regions = regions_of(qp_offsets([Box(0, 0, 0.1, 0.2)], SIZE), SIZE)
    assert [region.offset for region in regions] == sorted(region.offset for region in regions)
    assert regions[0].offset == 0
