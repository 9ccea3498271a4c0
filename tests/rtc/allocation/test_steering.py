"""What a client is asked to do, from its pictures, its link and its answers."""

from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import given

from rtc.allocation import steering as steering_rules
from rtc.allocation.bitrate_cap import CapState
from rtc.allocation.frame_rate import FrameRateRule, LinkState
from rtc.allocation.regions import Box
from rtc.allocation.steering import SCALES, Steering, SteeringRule, SteeringState, init_state

RULE = SteeringRule(frames=FrameRateRule(lowest=15.0))
CLEAR = LinkState(bitrate=800_000)
SIZE = (640, 360)


def settled(
    state: SteeringState,
    *,
    size: tuple[int, int] = SIZE,
    estimate: float | None = None,
    link: LinkState = CLEAR,
    start: float = 0.0,
) -> SteeringState:
    """Return the state after ten seconds; the client follows the scale it is asked for."""
    for second in range(1, 11):
        arrived = (round(size[0] / state.scale), round(size[1] / state.scale))
        state = steering_rules.step(
            state, start + second, RULE, link=link, size=arrived, estimate=estimate
        )
    return state


def asked(state: SteeringState) -> Steering:
    return steering_rules.steering(state)


def test_a_clear_link_has_the_lowest_rate_and_the_whole_picture() -> None:
    steering = asked(settled(init_state(RULE)))
    assert (steering.frame_rate, steering.scale, steering.layers) == (15.0, 1.0, 1)
    assert (steering.bitrate, steering.reason) == (910_000, "unknown")
    assert not steering.focus


def test_a_narrow_link_gets_fewer_pixels_and_its_bits_go_where_the_question_is() -> None:
    state = settled(init_state(RULE), estimate=60_000.0)
    state = steering_rules.look(state, 11.0, [Box(0.4, 0.4, 0.6, 0.6)], None)
    steering = asked(state)
    assert (steering.bitrate, steering.reason) == (60_000, "network")
    assert steering.scale > 1
    assert steering.focus
    assert steering.regions[0].offset == 0
    assert steering.regions[0].box.left <= 0.4 <= 0.6 <= steering.regions[0].box.right


def test_plenty_of_bits_are_spent_everywhere() -> None:
    state = settled(init_state(RULE))
    state = steering_rules.look(state, 11.0, [Box(0.4, 0.4, 0.6, 0.6)], 0.9)
    steering = asked(state)
    assert steering.regions
    assert not steering.focus


def test_the_size_before_scaling_is_known_while_the_scale_changes() -> None:
    state = settled(init_state(RULE), estimate=40_000.0)
    assert state.size == SIZE
    state = settled(state, start=10.0)  # the link is clear again
    assert (state.size, state.scale) == (SIZE, 1.0)


def test_a_camera_that_turns_has_its_new_size() -> None:
    state = settled(settled(init_state(RULE)), size=(360, 640), start=10.0)
    assert state.size == (360, 640)


def test_loss_raises_the_frame_rate_that_is_asked_for() -> None:
    rule = SteeringRule(frames=FrameRateRule())
    state = init_state(rule)
    lossy = replace(CLEAR, loss=0.1, round_trip=0.2)
    rates = []
    for second in range(1, 11):
        state = steering_rules.step(state, float(second), rule, link=lossy, size=SIZE)
        rates.append(asked(state).frame_rate)
    assert rates[-1] >= 8
    assert rates == sorted(rates)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 0.6), st.floats(0, 4e6), st.integers(0, 2000), st.none() | st.floats(0, 1)
        ),
        max_size=12,
    )
)
def test_whatever_arrives_what_is_asked_for_can_be_done(
    steps: list[tuple[float, float, int, float | None]],
) -> None:
    state = init_state(RULE)
    for second, (loss, bitrate, side, confidence) in enumerate(steps, 1):
        state = steering_rules.look(state, float(second), [Box(0, 0, 0.5, 0.5)], confidence)
        link = LinkState(loss=loss, bitrate=bitrate)
        state = steering_rules.step(state, float(second), RULE, link=link, size=(side, side // 2))
        steering = asked(state)
        assert 0 < steering.bitrate <= RULE.highest_bitrate
        assert RULE.frames.lowest <= steering.frame_rate <= RULE.frames.highest
        assert steering.scale in SCALES
        assert steering.layers in (1, 3)


def test_a_question_forgets_what_the_last_one_needed() -> None:
    state = steering_rules.look(init_state(RULE), 5.0, [], 0.2)
    assert state.cap.confidence == 0.2
    assert steering_rules.ask(state, 6.0).cap == CapState(since=6.0, heard=5.0)
