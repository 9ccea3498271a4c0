"""What a service asks a publisher to send: the events `eyeline.steering` of its data channel."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rtc.allocation.qp_map import MAX_OFFSET
from rtc.allocation.rectangles import MAX_REGIONS
from rtc.allocation.regions import Box, Region

TYPE = "eyeline.steering"
MAX_SCALE = 8.0  # of width and height; a smaller picture shows nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """Limits of what is sent: bit/s, frames per second, and by what width and height are divided.

    `regions` are parts of the frame; with `focus` the bits are scarce and belong to the first of
    them. `message` is the reason, for the user.
    """

    bitrate: int
    frame_rate: float
    scale: float = 1.0
    regions: tuple[Region, ...] = ()
    focus: bool = False
    message: str = ""


def read_orders(text: str) -> Orders | None:
    """Return the orders in an event of the service, None if it is another event.

    Raises:
        ValueError: the event is malformed.
    """
    event = _parsed(text)
    if event.get("type") != TYPE:
        return None
    try:
        encoding = event["encoding"]
        return Orders(
            bitrate=round(_number(encoding["maxBitrate"], 1, 1e9)),
            frame_rate=_number(encoding["maxFramerate"], 0.1, 1000),
            scale=_number(encoding["scaleResolutionDownBy"], 1, MAX_SCALE),
            regions=tuple(map(_region, event["regions"][: 2 * MAX_REGIONS])),
            focus=event["focus"] is True,
            message=str(event.get("message", ""))[:200],
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{TYPE}: {type(error).__name__} {error}") from error


def _parsed(text: str) -> Mapping[str, Any]:
    try:
        event = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError("an event that is not JSON") from error
    return event if isinstance(event, dict) else {}


def _region(fields: Mapping[str, Any]) -> Region:
    edges = (_number(fields[name], 0, 1) for name in ("left", "top", "right", "bottom"))
    return Region(Box(*edges), round(_number(fields["offset"], 0, MAX_OFFSET)))


def _number(value: object, low: float, high: float) -> float:
    """Return `value` within its limits."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{TYPE}: expected a number, got {str(value)[:40]!r}")
    return min(max(float(value), low), high)
