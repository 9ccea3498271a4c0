"""Sound whose properties change from frame to frame."""

from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from media.files.audio_timeline import AudioTimeline
from media.frames import SAMPLE_RATE, AudioChunk
from tests.media.media_files import tone

FORMATS = ["u8", "u8p", "s16", "s16p", "s32", "s32p", "flt", "fltp", "dbl", "dblp"]
PARTS = st.lists(
    st.tuples(
        st.sampled_from(FORMATS),
        st.sampled_from(["mono", "stereo", "5.1"]),
        st.sampled_from([8000, 11_025, 16_000, 22_050, 44_100, 48_000, 96_000]),
        st.sampled_from([1000, 90_000, None]),  # of a second, or samples
        st.integers(1, 5),  # frames of 20 ms and more
    ),
    min_size=1,
    max_size=6,
)


def converted(
    mono: NDArray[np.float32],
    format: str,
    layout: str,
    rate: int,
    start: Fraction,
    unit: int | None,
) -> av.AudioFrame:
    """Return `mono` in another format, the same in every channel."""
    channels = av.AudioLayout(layout).nb_channels
    planar = av.AudioFrame.from_ndarray(np.repeat(mono[None], channels, 0), "fltp", layout)
    planar.sample_rate, planar.pts = rate, 0
    [frame] = av.AudioResampler(format, layout, rate).resample(planar)
    frame.time_base = Fraction(1, unit or rate)
    frame.pts = round(start / frame.time_base)
    return frame


@given(parts=PARTS)
def test_any_property_of_the_sound_may_change_at_any_frame(
    parts: list[tuple[str, str, int, int | None, int]],
) -> None:
    timeline, start = AudioTimeline(Fraction(0), latest=60.0), Fraction(0)
    chunks: list[AudioChunk] = []
    for format, layout, rate, unit, count in parts:
        size = rate // 25
        sound = tone(1.0, rate, hz=500.0)
        for n in range(count):
            mono = sound[n * size : (n + 1) * size]
            chunks += timeline.convert(converted(mono, format, layout, rate, start, unit))
            start += Fraction(size, rate)
    chunks += timeline.flush()
    assert all(before.end == after.start for before, after in pairwise(chunks))
    # Each change of the rate may round by a sample, or add the tail of a filter.
    assert abs(chunks[-1].end - start * SAMPLE_RATE) <= 40 * len(parts)
    heard = np.concatenate([chunk.samples for chunk in chunks])
    assert np.sqrt(np.mean(heard**2)) > 0.2  # of a tone at half of full scale, in any layout


def test_a_timestamp_beyond_the_latest_is_no_gap() -> None:
    timeline = AudioTimeline(Fraction(0), latest=60.0)
    chunks: list[AudioChunk] = []
    for n, start in enumerate([Fraction(0), Fraction(1_000_000), Fraction(2, 25)]):
        mono = tone(1.0)[n * 640 : (n + 1) * 640]
        chunks += timeline.convert(converted(mono, "s16", "mono", SAMPLE_RATE, start, None))
    chunks += timeline.flush()
    assert chunks[-1].end == 3 * 640
