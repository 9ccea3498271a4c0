"""The steering of a service, as a publisher reads it, and what is not one."""

import json
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from rtc.allocation.rectangles import MAX_REGIONS
from rtc.allocation.regions import Box, Region
from rtc.publishing.orders import Orders, read_orders

EVENT: dict[str, Any] = {
    "type": "eyeline.steering",
    "encoding": {
        "maxBitrate": 400_000,
        "maxFramerate": 10,
        "scaleResolutionDownBy": 1.5,
        "scalabilityMode": "L1T1",
    },
    "regions": [{"left": 0, "top": 0, "right": 0.5, "bottom": 1, "offset": 5}],
    "focus": True,
    "message": "the model is sure",
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)


def test_an_event_becomes_orders() -> None:
    assert read_orders(json.dumps(EVENT)) == Orders(
        bitrate=400_000,
        frame_rate=10.0,
        scale=1.5,
        regions=(Region(Box(0, 0, 0.5, 1), 5),),
        focus=True,
        message="the model is sure",
    )


@pytest.mark.parametrize("text", ['{"type": "session.created"}', "[]", "1", "{}"])
def test_other_events_are_none(text: str) -> None:
    assert read_orders(text) is None


@given(st.sampled_from([*EVENT, "maxBitrate", "maxFramerate", "left", "offset"]), JSON)
def test_whatever_a_field_holds_the_orders_can_be_done_or_the_event_is_refused(
    name: str, value: object
) -> None:
    event = json.loads(json.dumps(EVENT))
    for place in (event, event["encoding"], event["regions"][0]):
        if name in place:
            place[name] = value
    try:
        orders = read_orders(json.dumps(event))
    except ValueError:
        return
    if orders is not None:
        assert orders.bitrate > 0
        assert orders.frame_rate > 0
        assert 1 <= orders.scale <= 8
        assert len(orders.regions) <= 2 * MAX_REGIONS


@given(st.text())
def test_text_that_is_no_event_is_refused(text: str) -> None:
    try:
        assert read_orders(text) is None
    except ValueError as error:
        assert "JSON" in str(error)  # noqa: PT017  (either outcome is right)
