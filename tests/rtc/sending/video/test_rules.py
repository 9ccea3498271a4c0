import pytest

from rtc.sending.video.rules import KeyframePacing, Protection, encoder_bitrate


def test_keyframes_come_at_most_once_a_second() -> None:
    requests, made = KeyframePacing(), []
    for tick in range(300):  # a request each 50 ms, a frame each 10 ms
        time = tick / 100
        requests.wanted |= tick % 5 == 0
        if requests.due(time):
            requests.made(time)
            made.append(time)
    assert made == [0.0, 1.0, 2.0]
    assert requests.wanted
    assert not requests.due(2.99)
    assert requests.due(3.0)


def test_the_base_layer_is_sent_twice_only_where_that_helps() -> None:
    protection = Protection()
    assert not protection.update(0.02, 0.1)
    assert protection.update(0.05, 0.1)
    assert protection.update(0.02, 0.1)
    assert not protection.update(0.005, 0.1)
    assert not protection.update(0.05, 0.02)


@pytest.mark.parametrize("target", [60e3, 400e3, 2e6])
def test_what_is_encoded_fits_with_all_that_is_around_it(target: float) -> None:
    bitrate = encoder_bitrate(target, 24e3, 30.0, copies=False)
    packets = max(30.0, bitrate / 8 / 1100)
    assert bitrate + 24e3 + packets * 60 * 8 <= 1.001 * target
    assert encoder_bitrate(target, 24e3, 30.0, copies=True) < 0.75 * bitrate
    assert encoder_bitrate(20e3, 24e3, 30.0, copies=False) == 0
