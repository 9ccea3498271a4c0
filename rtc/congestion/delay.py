"""Whether a path queues more than it carries: from the delays of packets, without clocks in sync.

Two signs. The trend: delays that grow from group to group of packets, against a threshold that
adapts to jitter. The queue: even the smallest recent delay lies far above the smallest ever, which
a trend does not show when the queue is full.

Source: Carlucci et al. 2016, "Analysis and Design of the Google Congestion Control for Web
Real-time Communication", sections 4.2 and 4.3; with the slope of a line in place of the Kalman
filter, as in draft-ietf-rmcat-gcc-02's successor in libwebrtc.
"""

import enum
from collections import deque
from dataclasses import dataclass

BURST = 0.005  # seconds: packets sent within it are one group
WINDOW = 20  # groups on the line
SMOOTHING = 0.9  # of the accumulated delay
GAIN = 4.0  # of the slope
MAX_COUNT = 60  # groups that scale the slope
FIRST_THRESHOLD, MIN_THRESHOLD, MAX_THRESHOLD = 0.0125, 0.006, 0.6  # seconds
ADAPT_UP, ADAPT_DOWN = 8.7, 39.0  # 1/s: rates at which the threshold follows the trend
MAX_ADAPT = 0.015  # seconds above the threshold, beyond which it is a spike
MIN_OVERUSE = 0.01  # seconds for which the trend must last
PAUSE = 1.0  # seconds without a group after which the line begins anew
BASE_MEMORY = 30.0  # seconds for which the smallest delay is remembered: clocks drift
RECENT = 0.25  # seconds whose smallest delay shows the queue
MIN_QUEUE, MAX_QUEUE = 0.01, 0.08  # seconds: a trend needs as much, and as much needs no trend
SLOTS = 10  # in which the smallest delays are kept


class Usage(enum.Enum):
    """Of the path: LOW drains a queue, HIGH builds one or leaves it standing."""

    LOW = enum.auto()
    NORMAL = enum.auto()
    HIGH = enum.auto()


@dataclass(slots=True)
class _Group:
    """Packets that were sent together; times in seconds, each by its own clock."""

    first_sent: float
    last_sent: float
    arrived: float


class RecentMinimum:
    """The smallest value of the last `memory` seconds, kept in a few slots."""

    def __init__(self, memory: float) -> None:
        self._slot = memory / SLOTS
        self._slots: deque[tuple[int, float]] = deque()  # number of the slot, smallest value

    def add(self, value: float, time: float) -> float:
        """Note `value` at `time`, and return the smallest."""
        number = int(time // self._slot)
        if self._slots and self._slots[-1][0] >= number:
            last, least = self._slots[-1]
            self._slots[-1] = (last, min(least, value))
        else:
            self._slots.append((number, value))
        while self._slots[0][0] < number - SLOTS:
            self._slots.popleft()
        return min(least for _, least in self._slots)


class Trend:
    """The slope of the delay over the last groups, and its threshold."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, float]] = deque(maxlen=WINDOW)
        self._count = 0
        self._delay = self._smoothed = 0.0
        self._threshold = FIRST_THRESHOLD
        self._since: float | None = None  # seconds of overuse so far
        self._last_slope = 0.0
        self.usage = Usage.NORMAL

    def add(self, sent_delta: float, growth: float, arrived: float) -> Usage:
        """Take a group that was sent `sent_delta` seconds after the last, `growth` later."""
        self._count = min(self._count + 1, MAX_COUNT)
        self._delay += growth
        self._smoothed = SMOOTHING * self._smoothed + (1 - SMOOTHING) * self._delay
        self._points.append((arrived, self._smoothed))
        if len(self._points) < WINDOW:
            return self.usage
        slope = _slope(self._points)
        self._decide(slope, self._count * slope * GAIN / 1000, sent_delta)
        return self.usage

    def _decide(self, slope: float, scaled: float, sent_delta: float) -> None:
        """Compare the `scaled` slope, in seconds, with the threshold, and adapt that."""
        if scaled > self._threshold:
            self._since = sent_delta / 2 if self._since is None else self._since + sent_delta
            if self._since > MIN_OVERUSE and slope >= self._last_slope:
                self._since = 0.0
                self.usage = Usage.HIGH
        else:
            self._since = None
            self.usage = Usage.LOW if scaled < -self._threshold else Usage.NORMAL
        self._last_slope = slope
        if abs(scaled) <= self._threshold + MAX_ADAPT:
            rate = ADAPT_DOWN if abs(scaled) < self._threshold else ADAPT_UP
            step = min(sent_delta, 0.1) * rate * (abs(scaled) - self._threshold)
            self._threshold = min(MAX_THRESHOLD, max(MIN_THRESHOLD, self._threshold + step))


class DelayDetector:
    """Says how a path is used, from packets in the order of their arrival."""

    def __init__(self) -> None:
        self.usage = Usage.NORMAL
        self.queue = 0.0  # seconds by which packets are late, at least
        self._trend = Trend()
        self._base = RecentMinimum(BASE_MEMORY)
        self._recent = RecentMinimum(RECENT)
        self._group: _Group | None = None
        self._last: _Group | None = None

    def add(self, sent: float, arrived: float) -> Usage:
        """Take a packet; times in seconds, each by the clock of its end."""
        delay = arrived - sent
        self.queue = self._recent.add(delay, arrived) - self._base.add(delay, arrived)
        usage = self._by_trend(sent, arrived)
        if self.queue > MAX_QUEUE:
            usage = Usage.LOW if usage is Usage.LOW else Usage.HIGH  # unless it drains
        elif usage is Usage.HIGH and self.queue < MIN_QUEUE:
            usage = Usage.NORMAL  # jitter
        self.usage = usage
        return usage

    def _by_trend(self, sent: float, arrived: float) -> Usage:
        group = self._group
        if group is None:
            self._group = _Group(sent, sent, arrived)
        elif sent - group.first_sent <= BURST or _in_burst(group, sent, arrived):
            if sent >= group.first_sent:
                group.last_sent = max(sent, group.last_sent)
                group.arrived = max(arrived, group.arrived)
        else:
            self._close(group)
            self._last, self._group = group, _Group(sent, sent, arrived)
        return self._trend.usage

    def _close(self, group: _Group) -> None:
        if self._last is None:
            return
        sent_delta = group.last_sent - self._last.last_sent
        arrived_delta = group.arrived - self._last.arrived
        if sent_delta > PAUSE:
            self._trend = Trend()
            return
        self._trend.add(sent_delta, arrived_delta - sent_delta, group.arrived)


def _in_burst(group: _Group, sent: float, arrived: float) -> bool:
    """Return whether a packet came with `group`, though it was sent later: something had held both.

    Packets that were overtaken count, too.
    """
    gap = arrived - group.arrived
    return sent <= group.last_sent or (gap <= BURST and gap < sent - group.last_sent)


def _slope(points: deque[tuple[float, float]]) -> float:
    """Return the slope of the line of least squares."""
    count = len(points)
    mean_x = sum(x for x, _ in points) / count
    mean_y = sum(y for _, y in points) / count
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0
