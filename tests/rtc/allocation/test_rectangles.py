"""Regions painted onto a frame give the relevant blocks again, and there are few."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from rtc.allocation.qp_map import OUTSIDE, relevant_blocks, relevant_boxes
from rtc.allocation.rectangles import MAX_REGIONS, WHOLE, regions_of
from rtc.allocation.regions import Box, Region

SIZE = (640, 352)
MAPS = arrays(np.float32, (7, 7), elements=st.sampled_from([0, 0, 0, 1]))


def painted(regions: tuple[Region, ...]) -> NDArray[np.int64]:
    """Return the offset of each pixel; of regions that overlap, the first applies."""
    pixels = np.full((SIZE[1], SIZE[0]), -1)
    for region in reversed(regions):
        left, right = round(region.box.left * SIZE[0]), round(region.box.right * SIZE[0])
        top, bottom = round(region.box.top * SIZE[1]), round(region.box.bottom * SIZE[1])
        pixels[top:bottom, left:right] = region.offset
    return pixels


@given(MAPS)
def test_any_map_becomes_few_regions_that_have_all_of_its_boxes(
    values: NDArray[np.float32],
) -> None:
    boxes = relevant_boxes(values)
    regions = regions_of(boxes, SIZE)
    assert len(regions) <= MAX_REGIONS
    if not regions:
        return
    pixels = painted(regions)
    assert set(np.unique(pixels)) == {0, OUTSIDE}
    for block in np.argwhere(relevant_blocks(boxes, SIZE)):
        top, left = 16 * block
        assert not pixels[top : top + 16, left : left + 16].any()


@given(MAPS.filter(lambda values: 0 < values.sum() <= 5))
def test_few_boxes_become_exactly_their_blocks(values: NDArray[np.float32]) -> None:
    boxes = relevant_boxes(values)
    blocks = relevant_blocks(boxes, SIZE)
    expected = np.where(blocks.repeat(16, 0).repeat(16, 1), 0, OUTSIDE)
    np.testing.assert_array_equal(painted(regions_of(boxes, SIZE)), expected)


def test_the_most_relevant_region_comes_first_and_the_rest_last() -> None:
    regions = regions_of([Box(0, 0, 0.1, 0.2), Box(0.5, 0.5, 0.6, 0.7)], SIZE)
    assert [region.offset for region in regions] == [0, 0, OUTSIDE]
    assert regions[-1].box == WHOLE


def test_there_are_no_regions_without_boxes_and_if_they_are_everywhere() -> None:
    assert regions_of([], SIZE) == ()
    assert regions_of([WHOLE], SIZE) == ()
    assert regions_of([Box(0, 0, 0.5, 1), Box(0.5, 0, 1, 1)], SIZE) == ()
    corners = [Box(0, 0, 0.1, 0.1), Box(0.9, 0.9, 1, 1)]
    boxes = [Box(x / 40, y / 22, (x + 1) / 40, (y + 1) / 22) for x in range(40) for y in range(22)]
    assert regions_of([*corners, *boxes[::2]], SIZE) == ()  # stripes and corners
