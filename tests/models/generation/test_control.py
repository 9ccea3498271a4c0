import math

import pytest
import torch

from models.generation.codec.codec import FRAMES_PER_LATENT
from models.generation.control import MAP_CHANNELS, track_maps
from tests.models.generation import tiny


def test_a_spot_lies_where_the_track_is_in_each_picture() -> None:
    places = [(0.125, 0.125), (0.375, 0.125), (0.625, 0.625), (0.875, 0.375)]
    shown = track_maps(torch.tensor(places)[None], 1, 4, 4)[:FRAMES_PER_LATENT, 0]
    for spot, (x, y) in zip(shown, places, strict=True):
        row, column = divmod(int(spot.argmax()), 4)
        assert (column, row) == (int(x * 4), int(y * 4))
        assert spot.max() == pytest.approx(1.0)


def test_the_track_map_points_to_the_target_from_everywhere() -> None:
    shown = track_maps(torch.full((1, 4, 2), 0.625), 1, 4, 4)[
        FRAMES_PER_LATENT : FRAMES_PER_LATENT + 2, 0
    ]
    # from the middle of the cell in row 0, column 3: a quarter to the left, half down
    assert shown[:, 0, 3].tolist() == pytest.approx([-0.25, 0.5])


def test_waves_tell_a_pixel_more_and_both_ends_of_a_latent() -> None:
    still, moved = torch.full((1, 4, 2), 0.5), torch.full((1, 4, 2), 0.5)
    moved[0, 3, 0] += 1 / 64  # a pixel to the right in the last picture
    change = (track_maps(moved, 1, 4, 4) - track_maps(still, 1, 4, 4))[
        FRAMES_PER_LATENT + 3 : MAP_CHANNELS, 0
    ].abs()
    first, last = torch.unflatten(change, 0, (2, 2, -1))
    assert first.max() == 0
    assert last[0].amax((0, 1, 2)) > 0.5
    assert last[1].max() == 0  # nothing went up or down
    way = (0.5 - 0.125) * 2 * math.pi  # from the middle of the first cell, in the longest wave
    direction = track_maps(still, 1, 4, 4)[
        FRAMES_PER_LATENT + 3 : FRAMES_PER_LATENT + 5, 0, 0, 0
    ].tolist()
    assert direction == pytest.approx([math.sin(way), math.cos(way)], abs=1e-6)


def test_untracked_things_are_zero_and_nan_hides_one_frame_only() -> None:
    track = torch.full((1, 8, 2), 0.625)
    track[0, 5] = float("nan")
    shown = track_maps(track, 2, 4, 4)
    assert shown.isfinite().all()
    assert shown[MAP_CHANNELS:].abs().max() == 0  # there is no second thing
    assert shown[1, 1].abs().max() == 0
    assert shown[2, 1].max() > 0.5
    assert shown[FRAMES_PER_LATENT + 2].amax((1, 2)).tolist() == [1.0, 0.0]  # tracked whole, or not
    assert track_maps(None, 2, 4, 4).abs().max() == 0


def test_a_track_for_two_chunks_is_one_after_the_other() -> None:
    both = torch.cat([tiny.track(3), tiny.track(4)], 1)
    apart = [track_maps(tiny.track(n), 1, 4, 4) for n in (3, 4)]
    assert torch.equal(track_maps(both, 2, 4, 4), torch.cat(apart, 1))


def test_a_track_outside_the_frame_is_a_map_of_numbers() -> None:
    shown = track_maps(torch.full((2, 4, 2), -40.0), 1, 4, 4)
    assert shown.isfinite().all()
