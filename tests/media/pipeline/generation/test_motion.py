import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.events.generation import TrackPoints
from media.pipeline.generation.motion import MotionTracks
from models.generation.chunk_request import MAX_THINGS

RATE = 16.0


def live(*points: tuple[float, float], thing: int = 0) -> TrackPoints:
    return TrackPoints(thing, points, None, 0.0)


def path(*timed: tuple[float, float, float], thing: int = 0) -> TrackPoints:
    times = tuple(t for t, _, _ in timed)
    return TrackPoints(thing, tuple((x, y) for _, x, y in timed), times, 0.0)


def positions(tracks: MotionTracks, pictures: int = 4) -> NDArray[np.float32]:
    found = tracks.chunk(pictures)
    assert found is not None
    return found


def test_without_points_there_is_no_track() -> None:
    tracks = MotionTracks(RATE, 100)
    assert tracks.chunk(4) is None
    tracks.append(live((0.5, 0.5)))
    tracks.clear()
    assert tracks.chunk(4) is None


def test_a_path_is_followed_in_its_own_time_from_its_arrival() -> None:
    tracks = MotionTracks(RATE, 100)
    tracks.chunk(4)  # frames of earlier chunks
    tracks.append(path((0.0, 0.2, 0.5), (1.0, 0.8, 0.5)))
    gone = np.concatenate([positions(tracks) for _ in range(6)], 1)
    np.testing.assert_allclose(gone[0, :16, 0], 0.2 + 0.6 * np.arange(16) / 16, atol=1e-6)
    np.testing.assert_allclose(gone[0, 16:], [[0.8, 0.5]] * 8, atol=1e-6)  # it stays there
    assert np.isnan(gone[1]).all()


def test_a_path_may_come_in_pieces() -> None:
    whole, parts = MotionTracks(RATE, 100), MotionTracks(RATE, 100)
    timed = [(n / 4, (n % 5) / 5, (n % 3) / 3) for n in range(9)]
    whole.append(path(*timed))
    parts.append(path(*timed[:4]))
    for chunk in range(9):
        if chunk == 2:
            parts.append(path(*timed[4:]))
        np.testing.assert_array_equal(positions(parts), positions(whole))


def test_live_points_are_followed_to_the_newest_in_each_chunk() -> None:
    tracks = MotionTracks(RATE, 100)
    tracks.append(live((0.1, 0.1)))
    np.testing.assert_allclose(positions(tracks), _both([[0.1, 0.1]] * 4))
    tracks.append(live((0.2, 0.1), (0.3, 0.1)))
    tracks.append(live((0.4, 0.1), (0.5, 0.1)))
    np.testing.assert_allclose(
        positions(tracks), _both([[0.2, 0.1], [0.3, 0.1], [0.4, 0.1], [0.5, 0.1]]), rtol=1e-6
    )
    np.testing.assert_allclose(positions(tracks), _both([[0.5, 0.1]] * 4))


def _both(first: list[list[float]]) -> NDArray[np.float32]:
    none = np.full((MAX_THINGS - 1, len(first), 2), np.nan)
    return np.concatenate([np.array([first]), none]).astype(np.float32)


def test_live_points_replace_a_path_and_a_new_path_replaces_them() -> None:
    tracks = MotionTracks(RATE, 100)
    tracks.append(path((0.0, 0.0, 0.0), (10.0, 1.0, 1.0)))
    tracks.chunk(16)
    tracks.append(live((0.9, 0.9)))
    taken = positions(tracks)
    assert taken[0, -1, 0] == pytest.approx(0.9)
    assert 0.0 < taken[0, 0, 0] < 0.9  # from where it was
    tracks.append(path((0.0, 0.3, 0.3), (1.0, 0.4, 0.3)))
    again = positions(tracks)
    assert again[0, 0, 0] == pytest.approx(0.3)


def test_each_thing_has_its_own_track() -> None:
    tracks = MotionTracks(RATE, 100)
    tracks.append(live((0.1, 0.1), thing=0))
    tracks.append(live((0.9, 0.9), thing=1))
    tracks.clear(0)
    left = positions(tracks)
    assert np.isnan(left[0]).all()
    np.testing.assert_allclose(left[1], [[0.9, 0.9]] * 4, rtol=1e-6)


@given(
    batches=st.lists(st.integers(1, 300), min_size=1, max_size=20),
    timed=st.booleans(),
    max_points=st.integers(2, 50),
)
def test_few_points_are_kept_and_positions_stay_inside(
    batches: list[int], timed: bool, max_points: int
) -> None:
    tracks, number = MotionTracks(RATE, max_points), 0
    for size in batches:
        numbers = range(number, number + size)
        points = tuple(((n * 0.37) % 1, (n * 0.61) % 1) for n in numbers)
        times = tuple(n / 100 for n in numbers) if timed else None
        tracks.append(TrackPoints(0, points, times, 0.0))
        number += size
        motion = tracks._motions[0]
        assert len(motion.path) + len(motion.pending) <= max_points
        first = positions(tracks)[0]
        assert (first >= 0).all()
        assert (first <= 1).all()
