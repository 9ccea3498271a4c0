import numpy as np
import pytest

from models.training.dit_probe import batch, right, train
from models.training.dit_score import found, moving_clips, track_error
from tests.models.training import drawn

PICTURES = drawn.pictures()


def test_a_square_is_found_where_it_is() -> None:
    pictures = np.full((24, 64, 64, 3), 90, np.uint8)
    places = []
    for n in range(24):
        x, y = 5 + 2 * n, 20 + (n % 3)
        pictures[n, y : y + 6, x : x + 6] = 250
        places.append(((x + 3) / 64, (y + 3) / 64))
    assert np.abs(found(pictures) - np.array(places)).max() < 1e-3


def test_real_clips_have_a_small_error_and_a_large_one_against_another_track() -> None:
    clips = moving_clips(PICTURES, 6, 64)
    own = [track_error(clip.frames, clip.tracks[0]) for clip in clips]
    pairs = zip(clips, [*clips[1:], clips[0]], strict=True)
    other = [track_error(clip.frames, strange.tracks[0]) for clip, strange in pairs]
    assert np.mean(own) < 5
    assert np.mean(other) > 2 * np.mean(own)


@pytest.mark.slow
def test_a_probe_tells_things_and_backgrounds_apart() -> None:
    probe = train(PICTURES, steps=25)
    kinds, grounds = right(probe, batch(PICTURES, range(120)))
    assert kinds > 0.25  # of 20
    assert grounds > 0.5  # of 12
