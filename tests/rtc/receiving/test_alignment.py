import random

import pytest

from rtc.receiving.alignment import MAX_CORRECTION, Alignment, SenderClock


def test_a_picture_is_placed_where_the_sound_of_its_moment_is() -> None:
    """The video took 200 ms longer to us than the audio."""
    audio, video, alignment = SenderClock(48_000), SenderClock(90_000), Alignment()
    audio.note(1000.0, 480_000)
    video.note(1000.5, 9_000)
    sent = audio.time(480_000)
    assert sent is not None
    alignment.place_audio(sent, 7.0)
    assert alignment.place_video(video.time(9_000 + 90_000), 8.7) == pytest.approx(8.5)


def test_reports_that_are_some_milliseconds_off_are_averaged() -> None:
    draw, clock = random.Random(1), SenderClock(90_000)
    for second in range(60):
        late = draw.choice([0.0, 0.0, 0.0, 0.0, 0.03])
        clock.note(1000.0 + second + late, 90_000 * second)
        time = clock.time(90_000 * second)
        assert time is not None
        if second >= 8:
            assert abs(time - 1000.0 - second) <= 0.015


def test_without_reports_of_both_nothing_is_aligned() -> None:
    clock, alignment = SenderClock(90_000), Alignment()
    assert clock.time(5) is None
    assert alignment.place_video(1000.0, 1.0) is None
    alignment.place_audio(1000.0, 1.0)
    assert alignment.place_video(None, 1.0) is None
    assert alignment.place_video(1000.0, 1.0) == 1.0
    clock.note(1000.0, 5)
    clock.forget()
    assert clock.time(5) is None


def test_a_sender_with_two_clocks_is_not_believed() -> None:
    alignment = Alignment()
    alignment.place_audio(1000.0, 1.0)
    assert alignment.place_video(1000.0 + MAX_CORRECTION + 0.1, 1.0) is None
