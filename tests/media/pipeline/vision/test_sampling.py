from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.frames import VideoFrame
from media.pipeline.limits import Sampling
from media.pipeline.vision.sampling import AnalyzedFrame, due

SAMPLING = Sampling(interval=0.5, attentive_interval=0.25, still_interval=2.0, threshold=2.0)


def frame(time: float, brightness: int = 40, *, side: int = 64) -> VideoFrame:
    return VideoFrame(np.full((side, side, 3), brightness, np.uint8), round(time * 90_000))


def analyses(frames: list[VideoFrame], *, attentive: bool = False) -> list[float]:
    last: AnalyzedFrame | None = None
    times = []
    for each in frames:
        analyzed_time = due(last, each, SAMPLING, attentive=attentive)
        if analyzed_time is not None:
            last = analyzed_time
            times.append(each.time)
    return times


def test_a_still_scene_is_analyzed_seldom() -> None:
    assert analyses([frame(n / 10) for n in range(50)]) == [0, 2, 4]


def test_a_changing_scene_is_analyzed_twice_a_second() -> None:
    changing = [frame(n / 10, 5 * n % 256) for n in range(20)]
    assert analyses(changing) == [0, 0.5, 1, 1.5]


def test_a_waiting_question_makes_even_a_still_scene_analyzed() -> None:
    assert analyses([frame(n / 20) for n in range(21)], attentive=True) == [0, 0.25, 0.5, 0.75, 1]


def test_a_stream_of_another_size_is_another_picture() -> None:
    assert analyses([frame(0), frame(0.5, side=70)]) == [0, 0.5]


def test_noise_of_a_camera_is_no_change() -> None:
    rng = np.random.default_rng(0)
    noisy = [
        VideoFrame(rng.normal(100, 1.0, (90, 160, 3)).clip(0, 255).astype(np.uint8), n * 9000)
        for n in range(30)
    ]
    assert analyses(noisy) == [0, 2]


@given(
    st.lists(st.tuples(st.floats(0.001, 1), st.integers(0, 255)), min_size=1, max_size=60),
    st.booleans(),
)
def test_analyses_are_never_closer_than_the_attentive_interval(
    steps: list[tuple[float, int]], attentive: bool
) -> None:
    times = np.cumsum([step for step, _ in steps])
    frames = [frame(float(t), b) for t, (_, b) in zip(times, steps, strict=True)]
    seen = analyses(frames, attentive=attentive)
    assert seen[0] == frames[0].time
    assert all(b - a >= SAMPLING.attentive_interval for a, b in pairwise(seen))
