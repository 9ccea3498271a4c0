from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.training.video.clips import composition
from tests.bench.bench_video_quality import found, looks, moving_clips, track_error
from tests.bench.prompt_switch import changes, seen_after
from tests.bench.video_probe import GROUND_NAMES, Probe, batch, frechet, right, train
from tests.models.training.video import drawn

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


def test_the_distance_between_sets_is_that_of_their_gaussians() -> None:
    torch.manual_seed(0)
    probe = Probe().eval()
    rng = np.random.default_rng(0)

    class FixedFeatures(Probe):
        def features(self, crops: Tensor, pictures: Tensor) -> Tensor:
            return torch.cat([crops, pictures], 1)

    fixed = FixedFeatures()
    one, two = (torch.from_numpy(rng.normal(size=(4000, 4))) for _ in range(2))
    nothing = torch.zeros(4000, 0)
    assert abs(frechet(fixed, (one, nothing), (one, nothing))) < 1e-9
    assert frechet(fixed, (one, nothing), (two, nothing)) < 0.02
    # N(0, 1) and N(3, 4): 3 squared, and (2 - 1) squared, in each of four directions
    assert frechet(fixed, (one, nothing), (3 + 2 * two, nothing)) == pytest.approx(40, rel=0.05)
    clips = moving_clips(PICTURES, 4, 64)
    views = [looks([clip.frames for clip in part], part, 10) for part in (clips[:2], clips[2:])]
    assert frechet(probe, views[0], views[1]) > 0


def test_a_change_is_seen_when_the_new_background_is_named_twice() -> None:
    class Bright(Probe):
        def forward(self, crops: Tensor, pictures: Tensor) -> tuple[Tensor, Tensor]:
            named = (pictures.mean((1, 2, 3)) > 0).long()
            return crops, torch.nn.functional.one_hot(named, len(GROUND_NAMES)).float()

    clip = moving_clips(PICTURES, 1, 64)[0]
    then = replace(clip, background=GROUND_NAMES[1])
    pictures = np.zeros((32, 64, 64, 3), np.uint8)
    assert seen_after(Bright(), pictures, then) == float("inf")
    pictures[3] = pictures[8:] = 255
    assert seen_after(Bright(), pictures, then) == 0.5
    clips = moving_clips(PICTURES, 5, 64)
    for first, second in changes(clips):
        assert first.kinds != second.kinds
        assert first.background != second.background


@pytest.mark.slow
def test_a_probe_tells_things_and_backgrounds_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, count in (("KINDS", 8), ("BACKGROUNDS", 6)):  # fewer are learned in fewer steps
        known = getattr(composition, name)
        monkeypatch.setattr(composition, name, dict(list(known.items())[:count]))
    probe = train(PICTURES, 64, steps=25)
    kinds, grounds = right(probe, batch(PICTURES, range(120), 64))
    assert kinds > 0.3  # of 8
    assert grounds > 0.8  # of 6
