import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtc.network import NetworkCounters, Reception, network_state

BEFORE = NetworkCounters(
    time=10.0,
    bytes_in=1_000,
    bytes_out=500,
    frames_in=10,
    frames_out=5,
    receptions=(Reception(expected=100, received=100, jitter=0.5),),
)
AFTER = NetworkCounters(
    time=12.0,
    bytes_in=26_000,
    bytes_out=1_000,
    frames_in=70,
    frames_out=35,
    receptions=(
        Reception(expected=190, received=180, jitter=0.004, gaps=3, skipped=10),
        Reception(expected=110, received=100, jitter=0.007, gaps=1, skipped=10),
    ),
    loss_out=0.25,
    round_trip=0.08,
)


def test_rates_are_those_between_two_readings() -> None:
    state = network_state(BEFORE, AFTER)
    assert state.bitrate_in == 100_000
    assert state.bitrate_out == 2_000
    assert (state.frame_rate_in, state.frame_rate_out) == (30, 15)
    assert state.round_trip == 0.08
    assert state.jitter == 0.007
    assert state.loss == pytest.approx(20 / 200)
    assert state.loss_out == 0.25
    assert state.burst == 5


def test_without_packets_or_time_there_is_neither_loss_nor_rate() -> None:
    state = network_state(BEFORE, BEFORE)
    assert (state.loss, state.bitrate_in, state.frame_rate_in) == (0, 0, 0)
    assert state.burst == 1
    assert state.round_trip is None


@given(
    expected=st.integers(-1_000, 1_000),
    received=st.integers(0, 2_000),
    loss_out=st.floats(-1, 2),
)
def test_losses_are_fractions_for_any_counters(
    expected: int, received: int, loss_out: float
) -> None:
    reception = Reception(expected=100 + expected, received=received, jitter=0.0)
    after = NetworkCounters(time=11.0, receptions=(reception,), loss_out=loss_out)
    state = network_state(BEFORE, after)
    assert 0 <= state.loss <= 1
    assert 0 <= state.loss_out <= 1


def test_counters_out_of_order_are_refused() -> None:
    with pytest.raises(ValueError, match="in order"):
        network_state(AFTER, BEFORE)
