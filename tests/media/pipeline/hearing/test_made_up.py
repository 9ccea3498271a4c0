from hypothesis import given
from hypothesis import strategies as st

from media.frames import SAMPLE_RATE, Gap
from media.pipeline.hearing.made_up import MAX_REGIONS, with_gap, without_made_up

FRAME = 512


@given(
    st.lists(st.floats(0, 1), max_size=30),
    st.integers(0, 100_000),
    st.lists(st.tuples(st.integers(0, 20_000), st.integers(1, 3000)), max_size=5),
)
def test_frames_with_made_up_sound_have_no_speech_unless_it_is_short(
    probabilities: list[float], start: int, pieces: list[tuple[int, int]]
) -> None:
    regions = [(start + begin, start + begin + length) for begin, length in pieces]
    made_up = [set(range(begin, end)) for begin, end in regions if end - begin >= 960]
    heard = without_made_up(probabilities, start, regions)
    for number, (before, after) in enumerate(zip(probabilities, heard, strict=True)):
        frame = set(range(start + number * FRAME, start + (number + 1) * FRAME))
        assert after == (0.0 if any(frame & each for each in made_up) else before)


def test_gaps_that_meet_are_one_region_and_old_ones_are_forgotten() -> None:
    regions: tuple[tuple[int, int], ...] = ()
    for gap in (Gap("audio", 1.0, 1.1, True), Gap("audio", 1.1, 1.15, True)):
        regions = with_gap(regions, gap)
    assert regions == ((SAMPLE_RATE, round(1.15 * SAMPLE_RATE)),)
    assert with_gap(regions, Gap("audio", 2.0, 9.0)) == regions, "a hole has no sound"
    for second in range(2 * MAX_REGIONS):
        regions = with_gap(regions, Gap("audio", 10.0 + second, 10.1 + second, True))
    assert len(regions) == MAX_REGIONS
