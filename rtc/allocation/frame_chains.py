"""The chance that a receiver has a usable frame under loss: one that is complete and decodable.

Packets are lost as in Gilbert's model: a channel is good or bad, and loses what it carries while it
is bad. Frames depend on each other in one of two ways, as an automaton of the decoder; both
together are a Markov chain, from which the chance follows without simulation. The document
docs/transport.md has the derivation, and the tests compare it with a plain simulation.

Source: Gilbert, Capacity of a burst-noise channel, 1960. Artic (arXiv 2507.10510) has the aim.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class LossModel:
    """Packets are lost with the chance `loss`, on average `burst` in a row.

    Raises:
        ValueError: `loss` is no chance, or a `burst` is shorter than a packet.
    """

    loss: float
    burst: float = 1.0

    def __post_init__(self) -> None:
        if not (0 <= self.loss < 1 and self.burst >= 1):
            raise ValueError(f"expected a loss in [0, 1) in bursts of 1 or more, got {self}")

    @property
    def transitions(self) -> Matrix:
        """Return the chances from good (0) and bad (1) to good and bad, from packet to packet.

        Losses in a row are at least as many as if packets were lost independently of each other.
        """
        end = min(1 / self.burst, 1 - self.loss)
        begin = self.loss * end / (1 - self.loss)
        return np.array([[1 - begin, begin], [end, 1 - end]])


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChain:
    """How the frames of a stream depend on each other, and how a broken chain is repaired.

    With 1 of `layers` each frame needs the one before. With 3, every fourth frame needs the fourth
    before it, and the others need that base or each other: 0 2 1 2, as WebRTC's L1T3. With
    `base_copies` of 2 the base is sent twice. A frame has `packets` packets. When the base is
    broken, the first frame at least `repair_delay` seconds later repairs it, if all of its
    `repair_packets` arrive: a keyframe after a request, or retransmitted packets with their frame.
    """

    packets: int
    repair_packets: int
    repair_delay: float
    layers: int = 1
    base_copies: int = 1

    def __post_init__(self) -> None:
        if self.layers not in (1, 3) or self.base_copies not in (1, 2):
            raise ValueError(f"expected 1 or 3 layers and 1 or 2 copies, got {self}")
        if min(self.packets, self.repair_packets) < 1 or self.repair_delay < 0:
            raise ValueError(f"expected packets and a delay, got {self}")


def usable_chance(loss: LossModel, chain: FrameChain, rate: float, interval: float) -> float:
    """Return the chance that one of the frames of `interval` seconds is usable at its end.

    `rate` is in frames per second. An interval without a frame has none that is usable.
    """
    count = math.floor(rate * interval + 1e-9)
    if count < 1:
        return 0.0
    usable, missed = _transfer(loss, chain, rate)
    state = _stationary(usable + missed)
    for _ in range(count):
        state = state @ missed
    return 1.0 - float(state.sum())


# The states of a decoder with 3 layers: what the next frame is. With 1 layer there is BASE alone.
# After these come the states of a broken base: the repair comes with the next frame, the one
# after it, and so on.
BASE, TOP, MIDDLE, TOP_AFTER_MIDDLE, TOP_AFTER_LOSS = range(5)


def _transfer(loss: LossModel, chain: FrameChain, rate: float) -> tuple[Matrix, Matrix]:
    """Return the chances from state to state with a usable frame, and without one.

    A state is one of the decoder and one of the channel: (2 * states, 2 * states).
    """
    delay = max(1, math.ceil(rate * chain.repair_delay - 1e-9))
    intact = 1 if chain.layers == 1 else 5
    usable, missed = (np.zeros((intact + delay, 2, intact + delay, 2)) for _ in range(2))
    broken = intact + delay - 1

    def frame(state: int, arrived: int, lost: int, *, packets: int, copies: int = 1) -> None:
        arrives, any_way = _frame_chances(loss, packets, copies)
        usable[state, :, arrived] += arrives
        missed[state, :, lost] += any_way - arrives

    packets, copies = chain.packets, chain.base_copies
    if chain.layers == 1:
        frame(BASE, BASE, broken, packets=packets, copies=copies)
    else:
        frame(BASE, TOP, broken, packets=packets, copies=copies)
        frame(TOP, MIDDLE, MIDDLE, packets=packets)
        frame(MIDDLE, TOP_AFTER_MIDDLE, TOP_AFTER_LOSS, packets=packets)
        frame(TOP_AFTER_MIDDLE, BASE, BASE, packets=packets)
        missed[TOP_AFTER_LOSS, :, BASE] = _frame_chances(loss, packets, 1)[1]
    after = BASE if chain.layers == 1 else TOP
    frame(intact, after, broken, packets=chain.repair_packets, copies=copies)
    for waiting in range(intact + 1, intact + delay):
        missed[waiting, :, waiting - 1] = _frame_chances(loss, packets, 1)[1]
    size = 2 * (intact + delay)
    return usable.reshape(size, size), missed.reshape(size, size)


def _frame_chances(loss: LossModel, packets: int, copies: int) -> tuple[Matrix, Matrix]:
    """Return the chances from channel state to state if the frame arrives, and in any case.

    Of two copies, which follow each other, one of each packet must arrive. Both are lost if the
    channel is bad at both times; such pairs are taken to come in bursts of their own, which end
    when either does. The tests have what that costs in exactness.
    """
    step = loss.transitions
    through = np.linalg.matrix_power(step, packets)
    if copies == 1:
        arrives = np.zeros((2, 2))
        arrives[:, 0] = step[:, 0] * step[0, 0] ** (packets - 1)
        return arrives, through
    both = loss.loss * float(through[1, 1])
    end = 1 - float(step[1, 1]) ** 2
    begin = min(1.0, both * end / (1 - both))
    any_way = through @ through
    return (1 - both) * (1 - begin) ** (packets - 1) * any_way, any_way


def _stationary(transitions: Matrix) -> Matrix:
    """Return the share of time in each state."""
    size = len(transitions)
    equations = transitions.T - np.eye(size)
    equations[-1] = 1.0  # one of them follows from the others: they sum to 1
    shares: Matrix = np.linalg.solve(equations, np.append(np.zeros(size - 1), 1.0))
    return shares.clip(0)
