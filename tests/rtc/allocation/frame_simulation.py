"""A plain simulation of frames on a lossy channel: packet by packet, reference by reference.

It shares nothing with `rtc.allocation.frame_chains`, which it checks.
"""

import math
import random
from dataclasses import dataclass

from rtc.allocation.frame_chains import FrameChain, LossModel


@dataclass(slots=True)
class Frame:
    """A frame as it was sent: the frames that it needs, and whether all of it arrived."""

    needs: tuple[int, ...]
    arrived: bool
    base: bool


class LossyLink:
    """Loses packets in bursts of the mean length; a burst's length is geometric."""

    def __init__(self, loss: LossModel, seed: int) -> None:
        self._random = random.Random(seed)
        burst = max(loss.burst, 1 / (1 - loss.loss))
        self._end = 1 / burst
        self._begin = loss.loss / (1 - loss.loss) / burst
        self._bad = False

    def packet(self) -> bool:
        """Send one packet; return whether it arrives."""
        drawn = self._random.random()
        self._bad = drawn >= self._end if self._bad else drawn < self._begin
        return not self._bad


def arrives(link: LossyLink, packets: int, copies: int) -> bool:
    """Send a frame; return whether each of its packets arrived at least once."""
    received = [[link.packet() for _ in range(packets)] for _ in range(copies)]
    return all(any(each) for each in zip(*received, strict=True))


def usable_frames(
    loss: LossModel, chain: FrameChain, rate: float, count: int, seed: int
) -> list[bool]:
    """Return which of `count` frames could be decoded when they came."""
    link = LossyLink(loss, seed)
    usable: list[bool] = []
    repair_at: float | None = None  # the time from which on a frame repairs the chain
    start = 0  # the frame at which the pattern of layers began
    previous: dict[int, int] = {}  # by layer, the frame that later ones refer to
    for number in range(count):
        time = number / rate
        if repair_at is not None and time >= repair_at - 1e-9:
            frame = Frame((), arrives(link, chain.repair_packets, chain.base_copies), base=True)
            start, layer, repair_at = number, 0, None
        else:
            layer = 0 if chain.layers == 1 else (0, 2, 1, 2)[(number - start) % 4]
            needs = tuple(previous[each] for each in previous if each <= layer and each != 2)
            copies = chain.base_copies if layer == 0 and repair_at is None else 1
            frame = Frame(needs, arrives(link, chain.packets, copies), base=layer == 0)
        usable.append(frame.arrived and all(usable[each] for each in frame.needs))
        if layer == 0:
            previous = {}
        previous[layer] = number
        if frame.base and not usable[number] and repair_at is None:
            repair_at = time + chain.repair_delay
            if chain.repair_delay < 1 / rate:
                repair_at = (number + 1) / rate
    return usable


def share_with_usable(usable: list[bool], rate: float, interval: float) -> float:
    """Return in which share of the intervals, one for each frame, a frame was usable."""
    count = math.floor(rate * interval + 1e-9)
    windows = range(len(usable) - count)
    return sum(any(usable[each : each + count]) for each in windows) / len(windows)
