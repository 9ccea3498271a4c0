from hypothesis import given
from hypothesis import strategies as st

from web.realtime.audio_watch import TICK, AudioWatch

LONGEST = 1.0  # seconds without audio that end a turn


def ticks_until_stopped(watch: AudioWatch, longest: float = LONGEST) -> int:
    return next(count for count in range(1, 1000) if watch.tick(longest))


def test_audio_that_stops_is_noticed_once_after_its_time() -> None:
    watch = AudioWatch()
    assert not any(watch.tick(LONGEST) for _ in range(50)), "no audio has come yet"
    watch.arrived(0.02)
    count = ticks_until_stopped(watch)
    assert LONGEST <= count * TICK <= LONGEST + 0.02 + TICK
    assert not any(watch.tick(LONGEST) for _ in range(50))
    watch.arrived(0.02)
    assert ticks_until_stopped(watch) == count


@given(st.floats(0.02, 20), st.integers(1, 20))
def test_a_client_that_sends_its_audio_in_pieces_of_any_length_in_time_is_never_cut(
    piece: float, pieces: int
) -> None:
    watch = AudioWatch()
    for _ in range(pieces):
        watch.arrived(piece)
        assert not any(watch.tick(LONGEST) for _ in range(int(piece / TICK)))


def test_the_time_in_which_the_service_is_busy_does_not_count() -> None:
    watch = AudioWatch()
    watch.arrived(0.02)
    with watch.receiving():
        assert not any(watch.tick(LONGEST) for _ in range(50))
    assert ticks_until_stopped(watch) * TICK >= LONGEST
