"""What a client is asked to send: bitrate, frame rate, size, layers, and where its bits belong.

A browser has these as parameters of its sender, and can blur what does not matter before its
encoder; `eyeline publish` has them in its own encoder. The state is a value; the time is an
argument.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from rtc.allocation import bitrate_cap, frame_rate
from rtc.allocation.bitrate_cap import CapState, Reason
from rtc.allocation.frame_rate import FramePlan, FrameRateRule, FrameRateState, LinkState
from rtc.allocation.rectangles import regions_of
from rtc.allocation.regions import Box, Region

SCALES = (1.0, 1.5, 2.0, 3.0, 4.0)  # of which one is asked for: width and height are divided by it
MIN_BITS_PER_PIXEL = 0.03  # below it a smaller picture shows more; measured, docs/transport.md
SCARCE_BITS_PER_PIXEL = 0.05  # below it what matters is better at the cost of the rest; measured
KEEP = 1.25  # how much better the bits per pixel must be before the picture grows again


@dataclass(frozen=True, slots=True, kw_only=True)
class SteeringRule:
    """The rule of the frame rate, and the highest bitrate in bit/s."""

    frames: FrameRateRule = field(default_factory=FrameRateRule)
    highest_bitrate: int = bitrate_cap.TIERS[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Steering:
    """What a client is asked to do, and why.

    Bitrate in bit/s, frames per second, and by what width and height are divided. `layers` are
    temporal. `regions` are of the frame, and with `focus` the bits go there: they are scarce.
    `confidence` is that of answers and pictures lately, None if there were none.
    """

    bitrate: int
    frame_rate: float
    scale: float
    layers: int
    regions: tuple[Region, ...]
    focus: bool
    reason: Reason
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class SteeringState:
    """The state of steering one client; `size` is that of its pictures before they are scaled."""

    frames: FrameRateState
    cap: CapState = field(default_factory=CapState)
    size: tuple[int, int] = (0, 0)
    scale: float = 1.0
    boxes: tuple[Box, ...] = ()


def init_state(rule: SteeringRule) -> SteeringState:
    """Return the state before anything was measured."""
    return SteeringState(FrameRateState(FramePlan(rule.frames.lowest, 1, 1.0)))


def look(
    state: SteeringState, now: float, boxes: Sequence[Box], confidence: float | None
) -> SteeringState:
    """Return the state after a picture was understood; `boxes` are what is relevant in it."""
    cap = state.cap if confidence is None else bitrate_cap.hear(state.cap, now, confidence)
    return replace(state, boxes=tuple(boxes), cap=cap)


def answered(state: SteeringState, now: float, confidence: float) -> SteeringState:
    """Return the state after an answer of which the model is this sure."""
    return replace(state, cap=bitrate_cap.hear(state.cap, now, confidence))


def ask(state: SteeringState, now: float) -> SteeringState:
    """Return the state after a new question."""
    return replace(state, cap=bitrate_cap.forget(state.cap, now))


def step(
    state: SteeringState,
    now: float,
    rule: SteeringRule,
    *,
    link: LinkState,
    size: tuple[int, int],
    estimate: float | None = None,
) -> SteeringState:
    """Return the state at `now`, about once a second.

    `size` is the width and height of the pictures that arrive, (0, 0) if none did. `link` says how
    they did, and `estimate` what congestion control allows in bit/s, None if that is unknown.
    """
    cap = bitrate_cap.step(state.cap, now, estimate=estimate, highest=rule.highest_bitrate)
    # Before the first bytes the cap is what will be sent.
    bitrate = min(link.bitrate or cap.cap, cap.cap)
    frames = frame_rate.step(state.frames, now, replace(link, bitrate=bitrate), rule.frames)
    state = replace(state, cap=cap, frames=frames, size=_full_size(state, size))
    return replace(state, scale=_scale(state))


def steering(state: SteeringState) -> Steering:
    """Return what the client is asked to do in this state."""
    size = state.size
    regions = regions_of(state.boxes, size) if min(size) > 0 else ()
    spare, sure = _bits_per_pixel(state, state.scale), state.cap.confidence
    return Steering(
        bitrate=state.cap.cap,
        frame_rate=state.frames.plan.rate,
        scale=state.scale,
        layers=state.frames.plan.layers,
        regions=regions,
        focus=bool(regions) and spare < SCARCE_BITS_PER_PIXEL,
        reason=state.cap.reason,
        # In parts of 20, so that a client is not told of each picture.
        confidence=None if sure is None else round(20 * sure) / 20,
    )


def _full_size(state: SteeringState, arrived: tuple[int, int]) -> tuple[int, int]:
    """Return the size before scaling; what arrives may still have the scale of before."""
    if min(arrived) < 1:
        return state.size
    for scale in SCALES:  # of an earlier step, which its sender may not have followed yet
        sides = zip(arrived, state.size, strict=True)
        if all(abs(side * scale - full) <= 4 * scale for side, full in sides):
            return state.size
    return (round(arrived[0] * state.scale), round(arrived[1] * state.scale))


def _scale(state: SteeringState) -> float:
    """Return the smallest scale at which pixels have enough bits; it changes back reluctantly."""
    for scale in SCALES:
        needed = MIN_BITS_PER_PIXEL * (KEEP if scale < state.scale else 1.0)
        if _bits_per_pixel(state, scale) >= needed:
            return scale
    return SCALES[-1]


def _bits_per_pixel(state: SteeringState, scale: float) -> float:
    pixels = state.size[0] * state.size[1] / scale**2
    return state.cap.cap / (pixels * state.frames.plan.rate) if pixels else float("inf")
