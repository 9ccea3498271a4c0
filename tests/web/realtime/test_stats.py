from media.counters import Counters
from rtc.network import NetworkState
from web.realtime.stats import CALM, Punctuality, delay_fields, stats_fields

LATE = 3.0


def counted(captions: float = 0.0, looks: float = 0.0, unheard: float = 0.0) -> Counters:
    counters = Counters(unheard=unheard)
    counters.measure_delays(lambda: captions, lambda: looks)
    return counters


def test_a_session_is_behind_from_a_delay_until_it_is_half_as_long() -> None:
    punctuality = Punctuality(LATE)
    told = [punctuality.update(counted(delay), n) for n, delay in enumerate([2.9, 3.1, 2.9, 1.4])]
    assert told == [False, True, True, True]
    assert not punctuality.update(counted(2.9), 4.0), "it is live again"
    assert punctuality.update(counted(looks=3.1), 5.0)
    assert punctuality.state == "behind"


def test_a_session_that_loses_sound_is_behind_until_it_has_lost_none_for_a_while() -> None:
    punctuality = Punctuality(LATE)
    lost = counted(unheard=1.0)
    assert punctuality.update(lost, 10.0)
    assert punctuality.update(lost, 10.0 + CALM - 0.1)
    assert punctuality.state == "behind"
    assert punctuality.update(lost, 10.0 + CALM)
    assert not punctuality.update(lost, 11.0 + CALM), "it is live again"


def test_a_session_is_behind_while_captions_are_left_out_not_for_single_frames() -> None:
    punctuality, counters = Punctuality(LATE), counted()
    counters.skipped_looks = 12
    assert not punctuality.update(counters, 1.0)
    counters.skipped_captions = 3
    assert punctuality.update(counters, 2.0)
    fields = delay_fields(punctuality.state, counters)
    assert (fields["skipped_looks"], fields["skipped_captions"]) == (12, 3)
    assert fields["message"] == ("3 interim captions were skipped: the server does not keep up")
    assert punctuality.update(counters, 2.0 + CALM)
    assert punctuality.state == "live"


def test_the_message_says_what_is_late_and_what_was_lost() -> None:
    message = delay_fields("behind", counted(4.2, 0.3, 36.0))["message"]
    assert message == (
        "captions are 4 s late, 36 s of sound were not heard: the server does not keep up"
    )
    assert "keep up again" in str(delay_fields("live", counted(unheard=36.0))["message"])


def test_stats_are_null_if_the_network_is_unknown() -> None:
    network = NetworkState(
        round_trip=0.02,
        loss=0.01,
        loss_out=0.0,
        jitter=0.003,
        bitrate_in=8e5,
        bitrate_out=7e5,
        frame_rate_in=30.0,
        frame_rate_out=29.0,
    )
    known = stats_fields(network, Counters(dropped_frames=2), 1.5, "live")
    assert (known["fps_in"], known["loss"], known["dropped_frames"]) == (30.0, 0.01, 2)
    unknown = stats_fields(None, Counters(), 1.5, "behind")
    assert known.keys() == unknown.keys()
    assert unknown["round_trip"] is None
    assert (unknown["seconds"], unknown["state"]) == (1.5, "behind")
