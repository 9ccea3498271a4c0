"""The lowest frame rate at which a frame that a model can use is there when it samples.

Loss makes frames unusable, and a higher rate puts more of them, and smaller ones, into the time
between two samples. So the rate rises with loss, no further than it must, and falls again.
"""

import math
from dataclasses import dataclass, field, replace
from functools import lru_cache

from rtc.allocation.frame_chains import FrameChain, LossModel, usable_chance
from rtc.allocation.retransmission import retransmitted_chance

RATES = (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0, 15.0, 20.0, 24.0, 30.0)  # frames per second
PACKET = 1200  # bytes of a frame in a packet, as WebRTC's senders fill them
KEYFRAME = 5  # packets of a keyframe for one of another frame; measured: 4 to 7 at 640x360
LITTLE = 0.01  # of chance that is not worth a higher rate if no rate reaches the target
SMOOTHING = 3.0  # seconds over which loss and round trip are averaged: a hundred packets or more
LOWER_AFTER = 5.0  # seconds that a lower rate must have been enough
DIGITS = {"loss": 2, "burst": 1, "round_trip": 2, "bitrate": -4}  # after which links are as equal
MAX_LOSS = 0.9  # beyond it no rate helps


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRateRule:
    """What a plan must reach: a usable frame in each `interval` seconds, with the chance `target`.

    The rate is from `lowest` to `highest`. `retransmits` is whether the receiver asks for lost
    packets again; `layered` is whether the sender can use temporal layers.
    """

    interval: float = 0.5
    target: float = 0.98
    lowest: float = 2.0
    highest: float = 30.0
    retransmits: bool = True
    layered: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkState:
    """A link as it is measured: chance of loss, packets lost in a row, seconds, and bit/s sent."""

    loss: float = 0.0
    burst: float = 1.0
    round_trip: float = 0.1
    bitrate: float = 0.0


@dataclass(frozen=True, slots=True)
class FramePlan:
    """Frames per second, temporal layers, and the chance of a usable frame that they have."""

    rate: float
    layers: int
    chance: float


@dataclass(frozen=True, slots=True)
class FrameRateState:
    """The plan in use, the averaged link, and since when a lower rate would have been enough."""

    plan: FramePlan
    link: LinkState = field(default_factory=LinkState)
    time: float = 0.0
    enough_since: float | None = None


@lru_cache(maxsize=256)
def best_plan(link: LinkState, rule: FrameRateRule) -> FramePlan:
    """Return the plan with the lowest rate that reaches the target of `rule`.

    If none does, it is the lowest whose chance is not much below the best. A single chain of frames
    is taken before layers, which cost bits.
    """
    plans: list[FramePlan] = []
    for rate in _rates(rule):
        for layers, chance in _chances(link, rule, rate):
            plans.append(FramePlan(rate, layers, chance))
            if chance >= rule.target:
                return plans[-1]
    best = max(plan.chance for plan in plans)
    return next(plan for plan in plans if plan.chance >= best - LITTLE)


def step(
    state: FrameRateState, now: float, measured: LinkState, rule: FrameRateRule
) -> FrameRateState:
    """Return the state at `now`, in seconds: a higher rate at once, a lower one after a while."""
    link = _averaged(state, now, measured)
    plan = best_plan(_rounded(link), rule)
    waited = state.enough_since
    if plan.rate >= state.plan.rate:
        return FrameRateState(plan, link, now)
    since = now if waited is None else waited
    if now - since < LOWER_AFTER:
        return replace(state, link=link, time=now, enough_since=since)
    return FrameRateState(plan, link, now)


def _rates(rule: FrameRateRule) -> tuple[float, ...]:
    between = (rate for rate in RATES if rule.lowest < rate < rule.highest)
    return tuple(dict.fromkeys((rule.lowest, *between, rule.highest)))


def _chances(link: LinkState, rule: FrameRateRule, rate: float) -> list[tuple[int, float]]:
    """Return the ways to send frames at `rate`: the layers and the chance of a usable frame."""
    loss = LossModel(min(link.loss, MAX_LOSS), max(link.burst, 1.0))
    packets = max(1, math.ceil(link.bitrate / (8 * PACKET * rate)))
    chain = FrameChain(
        packets=packets, repair_packets=KEYFRAME * packets, repair_delay=link.round_trip
    )
    single = usable_chance(loss, chain, rate, rule.interval)
    if rule.retransmits:
        again = retransmitted_chance(
            loss, packets=packets, rate=rate, interval=rule.interval, round_trip=link.round_trip
        )
        single = max(single, again)
    if not rule.layered or single >= rule.target:
        return [(1, single)]
    layered = usable_chance(loss, replace(chain, layers=3), rate, rule.interval)
    return [(1, single), (3, layered)]


def _averaged(state: FrameRateState, now: float, measured: LinkState) -> LinkState:
    weight = 1 - math.exp(-max(0.0, now - state.time) / SMOOTHING)
    before = state.link

    def mean(old: float, new: float) -> float:
        return old + weight * (new - old)

    return LinkState(
        loss=mean(before.loss, measured.loss),
        burst=mean(before.burst, measured.burst),
        round_trip=mean(before.round_trip, measured.round_trip),
        bitrate=measured.bitrate,
    )


def _rounded(link: LinkState) -> LinkState:
    """Return `link` as one of few, so that equal plans are not made again."""
    return LinkState(**{name: round(getattr(link, name), to) for name, to in DIGITS.items()})
