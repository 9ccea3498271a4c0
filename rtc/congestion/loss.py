"""A bound on the bitrate from losses, which leaves losses alone that do not depend on the bitrate.

A path that loses a tenth of everything at random carries nine tenths at any bitrate; one that is
too narrow loses what does not fit. Here, both are one model, whose two unknowns are those that make
the losses of the last seconds most likely. Where they cannot be told apart, a small loss counts as
random and a large one as a narrow path: then less is sent, and whether the loss stays tells them
apart.

Source: the model of libwebrtc's second loss-based estimator, "inherent loss" and "bandwidth"; the
search and its weights are ours.
"""

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

OBSERVATIONS = 20
FORGETTING = 0.9  # weight of an observation against the next one
MIN_PACKETS = 20  # in an observation
MIN_TIME = 0.25  # seconds of one
SHARES = np.array([0.0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5])  # lost at random
STEPS = (0.9, 1.0, 1.05, 1.1)  # capacities that are tried, times what got through or the last
TEMPER = 0.3  # of the likelihood: losses come in bursts, and count for less than single ones
NARROW_COST = 3.0  # log likelihood that a bound must explain more than none
SHARE_COST = 40.0  # the same of each unit of random loss above LIKELY and above the last finding
LIKELY = 0.05
SMALLEST = 1e-3  # probability
NOTICEABLE = 0.02  # loss below which there is no bound
OUTAGE = 0.95  # loss above which an observation says nothing about capacity


@dataclass(frozen=True, slots=True)
class LossObservation:
    """Packets sent at a bitrate, and how many of them were lost."""

    bitrate: float
    packets: int
    lost: int


class LossBound:
    """The highest bitrate that recent losses allow: `bound`, or infinity."""

    def __init__(self) -> None:
        self.bound = math.inf
        self.random_share = 0.0  # of packets that are lost at any bitrate
        self._observations: deque[LossObservation] = deque(maxlen=OBSERVATIONS)

    def add(self, observation: LossObservation) -> float:
        """Take an observation, and return the bound."""
        if observation.lost > OUTAGE * observation.packets:
            return self.bound
        self._observations.append(observation)
        seen = self._observations
        packets, lost = sum(o.packets for o in seen), sum(o.lost for o in seen)
        if not packets or lost / packets < NOTICEABLE:
            self.bound, self.random_share = math.inf, 0.0
        else:
            self.bound, self.random_share = self._most_likely()
        return self.bound

    def _most_likely(self) -> tuple[float, float]:
        """Return the capacity and the random share that explain the observations best."""
        bitrates = np.array([o.bitrate for o in self._observations])
        packets = np.array([o.packets for o in self._observations], float)
        lost = np.array([o.lost for o in self._observations], float)
        weights = TEMPER * FORGETTING ** np.arange(len(bitrates) - 1, -1, -1)
        through = bitrates * (1 - lost / packets)
        known = [*through, *([self.bound] if math.isfinite(self.bound) else [])]
        capacities = np.array([*(k * step for k in known for step in STEPS if k > 0), np.inf])
        scores = _likelihood(capacities, bitrates, packets * weights, lost * weights)
        scores -= np.where(np.isinf(capacities), 0.0, NARROW_COST)[:, None]
        scores -= SHARE_COST * np.maximum(0.0, SHARES - max(LIKELY, self.random_share))
        best = scores.max()
        # Of what is about as likely, the widest path.
        place = max(np.argwhere(scores >= best - 1e-6), key=lambda at: capacities[at[0]])
        return float(capacities[place[0]]), float(SHARES[place[1]])


def _likelihood(
    capacities: NDArray[np.float64],
    bitrates: NDArray[np.float64],
    packets: NDArray[np.float64],
    lost: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the log likelihood by capacity and random share: (capacities, shares)."""
    too_much = np.maximum(0.0, 1 - capacities[:, None] / np.maximum(bitrates, 1.0))
    chance = SHARES[None, :, None] + (1 - SHARES[None, :, None]) * too_much[:, None, :]
    chance = np.clip(chance, SMALLEST, 1 - SMALLEST)
    each = lost * np.log(chance) + (packets - lost) * np.log(1 - chance)
    return np.asarray(each.sum(axis=2))
