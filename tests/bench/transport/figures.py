"""From the logs of a run to figures; all of it is a function of the logs."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.bench.transport.logs import SeenFrame

SETTLED = 0.1  # seconds above the usual delay within which a stream is not behind
CALM = 1.0  # seconds without a late frame, after which it has settled


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoFigures:
    """How the frames of a window arrived.

    `p50` and `p95` are seconds from capture to the receiver's hands, of the frames that came. `gap`
    is the longest time without a new frame, `pause` that without any: a frame may come again, as
    one of `substitutes`. `intact` is the share of the captured frames that came as they were sent,
    `corrupt` that of the received frames that differ or cannot be read.
    """

    captured: int
    p50: float
    p95: float
    gap: float
    pause: float
    intact: float
    corrupt: float
    substitutes: int


def video_figures(
    captured: Mapping[int, float],
    sent: Mapping[int, int],
    seen: Sequence[SeenFrame],
    begin: float,
    end: float,
) -> VideoFigures:
    """Return the figures of the frames that were captured between `begin` and `end`.

    `sent` has the checksum of each frame as it was encoded, by its number.
    """
    wanted = {number for number, time in captured.items() if begin <= time < end}
    new: dict[int, SeenFrame] = {}
    for frame in seen:
        if frame.number is not None and frame.number in captured:
            new.setdefault(frame.number, frame)
    first = {number: frame for number, frame in new.items() if number in wanted}
    delays = sorted(frame.time - captured[number] for number, frame in first.items())
    right = sum(sent.get(number) == frame.check for number, frame in first.items())
    inside = [frame for frame in seen if begin <= frame.time < end]
    shown = [frame for frame in inside if not frame.stands_in]
    wrong = sum(frame.number is None or sent.get(frame.number) != frame.check for frame in shown)
    return VideoFigures(
        captured=len(wanted),
        p50=quantile(delays, 0.5),
        p95=quantile(delays, 0.95),
        gap=longest_gap([frame.time for frame in new.values()], begin, end),
        pause=longest_gap([frame.time for frame in seen], begin, end),
        intact=right / len(wanted) if wanted else math.nan,
        corrupt=wrong / len(shown) if shown else math.nan,
        substitutes=len(inside) - len(shown),
    )


def longest_gap(times: Sequence[float], begin: float, end: float) -> float:
    """Return the longest time without any of `times`, from `begin` to `end`."""
    inside = [begin, *sorted(time for time in times if begin < time < end), end]
    return max(after - before for before, after in pairwise(inside))


def time_to_settle(
    captured: Mapping[int, float],
    seen: Sequence[SeenFrame],
    *,
    begin: float,
    cut: float,
    over: float,
) -> float:
    """Return how long after `over` frames were later than usual, in seconds.

    Usual is the median delay of frames seen between `begin` and `cut`. It ends with the first
    second in which no frame is late; infinite if there is none.
    """
    arrived = sorted(
        (frame.time, frame.time - captured[frame.number])
        for frame in seen
        if frame.number is not None and frame.number in captured
    )
    usual = statistics.median(delay for time, delay in arrived if begin <= time < cut)
    after = [(time, delay > usual + SETTLED) for time, delay in arrived if time >= over]
    for time, late in after:
        second = [each for at, each in after if time <= at < time + CALM]
        if not late and not any(second) and after[-1][0] >= time + CALM:
            return max(0.0, time - over)
    return math.inf


def usable(
    captured: Mapping[int, float],
    sent: Mapping[int, int],
    seen: Sequence[SeenFrame],
    begin: float,
    end: float,
    interval: float,
) -> float:
    """Return the share of sampling moments at which a model has a frame that it can use.

    It samples every `interval` seconds, and can use an intact frame that was captured since it last
    sampled, as `rtc.allocation.frame_rate` has it.
    """
    good = [
        (frame.time, captured[frame.number])
        for frame in seen
        if frame.number is not None
        and frame.number in captured
        and sent.get(frame.number) == frame.check
    ]
    count = int((end - begin) / interval)
    met = 0
    for place in range(count):
        stop = begin + (place + 1) * interval
        met += any(time <= stop and taken > stop - interval for time, taken in good)
    return met / count if count else math.nan


def quantile(values: Sequence[float], share: float) -> float:
    """Return a quantile of sorted `values`; not a number if there are none."""
    if not values:
        return math.nan
    place = share * (len(values) - 1)
    low = math.floor(place)
    high = min(low + 1, len(values) - 1)
    return values[low] + (place - low) * (values[high] - values[low])
