"""How many bits a client may spend on its video: no more than make its answers surer.

Artic's cap goes by the confidence of the model: where it is high, more bits would be wasted; where
it is low, the lowest tier is taken that makes it high. Which tier that is, is found by trying: the
confidence at each is remembered for a while. If none of them makes it high, bits are not what is
missing, and the lowest tier that is as good as any is kept.

Source: Artic, arXiv 2602.12641, the response-aware cap: threshold and tiers. That tiers are tried
in turn, and that a lower one is tried after a sure while, is ours.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

TIERS = (200_000, 400_000, 610_000, 910_000, 1_710_000, 3_150_000)  # bit/s, Artic
START = 910_000  # bit/s: the tier before any answer
SURE = 0.8  # confidence at which more bits are not needed, Artic
SETTLE = 3.0  # seconds at a tier before its confidence counts: the encoder's and the model's delay
SMOOTHING = 2.0  # seconds over which confidence is averaged
REMEMBERED = 60.0  # seconds for which what was found at a tier holds
LOWER_AFTER = 20.0  # seconds of high confidence after which a lower tier is tried
AS_GOOD = 0.1  # below the best confidence, which is still as good: pictures differ by as much

Reason = Literal["network", "unknown", "sure", "unsure", "saturated"]


@dataclass(frozen=True, slots=True)
class CapState:
    """The cap in bit/s and why it is that: the network, no answer yet, or the confidence.

    `tier` is what the answers need; `found` has the confidence at each tier, and its time.
    """

    tier: int = START
    cap: int = START
    reason: Reason = "unknown"
    since: float = 0.0
    confidence: float | None = None
    heard: float = 0.0  # when the last confidence came
    found: Mapping[int, tuple[float, float]] = field(default_factory=dict)


def hear(state: CapState, now: float, confidence: float) -> CapState:
    """Return the state after an answer or a picture was understood with `confidence` in [0, 1]."""
    if now - state.since < SETTLE:
        return state
    before = confidence if state.confidence is None else state.confidence
    weight = 1 - math.exp(-max(0.0, now - state.heard) / SMOOTHING)
    mean = before + weight * (confidence - before)
    found = {**state.found, state.tier: (mean, now)}
    return replace(state, confidence=mean, heard=now, found=found)


def forget(state: CapState, now: float) -> CapState:
    """Return the state after a new question, about which nothing is known at any tier."""
    return replace(state, since=now, confidence=None, found={})


def step(
    state: CapState, now: float, *, estimate: float | None, highest: int = TIERS[-1]
) -> CapState:
    """Return the state at `now`; `estimate` is what congestion control allows, None if unknown.

    The cap is at most `highest`.
    """
    tiers = [tier for tier in TIERS if tier <= highest] or [highest]
    state = _chosen(replace(state, tier=min(state.tier, tiers[-1])), now, tiers)
    if estimate is not None and estimate < state.tier:
        return replace(state, cap=int(estimate), reason="network")
    return replace(state, cap=state.tier)


def _chosen(state: CapState, now: float, tiers: list[int]) -> CapState:
    """Return the state with the tier that the answers need."""
    if state.confidence is None:  # at this tier, which was taken for a reason
        return state if state.found else replace(state, reason="unknown")
    found = {
        tier: confidence
        for tier, (confidence, time) in state.found.items()
        if now - time < REMEMBERED
    }
    if state.confidence >= SURE:
        lower = [tier for tier in tiers if tier < state.tier and found.get(tier, SURE) >= SURE]
        if lower and now - state.since >= LOWER_AFTER:
            return _moved(state, lower[-1], now, "sure")
        return replace(state, reason="sure")
    higher = [tier for tier in tiers if tier > state.tier and found.get(tier, SURE) >= SURE]
    if higher:
        return _moved(state, higher[0], now, "unsure")
    best = max(found.values(), default=state.confidence)
    good = [tier for tier in tiers if found.get(tier, 0.0) >= best - AS_GOOD]
    tier = good[0] if good else state.tier
    return _moved(state, tier, now, "saturated")


def _moved(state: CapState, tier: int, now: float, reason: Reason) -> CapState:
    if tier == state.tier:
        return replace(state, reason=reason)
    return replace(state, tier=tier, reason=reason, since=now, confidence=None)
