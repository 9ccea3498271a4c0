"""A camera behind a controller, over a modelled path: for tests of the controllers, without clocks.

A frame each 1/30 s fills packets of at most 1200 bytes that leave over the frame's interval, as a
pacer lets them; reports go back each 100 ms.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from rtc.congestion.arrivals import INTERVAL, ArrivalLog
from rtc.congestion.feedback import Feedback
from rtc.congestion.outgoing import OutgoingRate
from rtc.congestion.rate_control import RateLimits
from tests.rtc.link import Change, Line

FRAME = 1 / 30
PACKET = 1200
BACK = 0.02  # seconds
STEP = 0.005  # seconds between two looks at the line


@dataclass
class Run:
    """What happened: (time, target), (time, delay) of packets, and bytes sent and delivered."""

    targets: list[tuple[float, float]] = field(default_factory=list)
    delays: list[tuple[float, float]] = field(default_factory=list)
    delivered: list[tuple[float, int]] = field(default_factory=list)
    sent: list[tuple[float, int]] = field(default_factory=list)

    def target(self, start: float, end: float) -> float:
        """Return the mean target in bit/s."""
        values = [value for time, value in self.targets if start <= time < end]
        return sum(values) / len(values)

    def rate(self, start: float, end: float) -> float:
        """Return the bitrate that was sent."""
        return 8 * sum(size for time, size in self.sent if start <= time < end) / (end - start)

    def goodput(self, start: float, end: float) -> float:
        """Return the bitrate that was delivered."""
        return 8 * sum(size for time, size in self.delivered if start <= time < end) / (end - start)

    def delay(self, share: float, start: float, end: float) -> float:
        """Return the delay that `share` of the packets do not exceed."""
        values = sorted(value for time, value in self.delays if start <= time < end)
        return values[min(len(values) - 1, int(share * len(values)))]


def simulate(
    schedule: Sequence[Change],
    seconds: float,
    *,
    limits: RateLimits | None = None,
    seed: int = 1,
) -> Run:
    """Return the run of one sender over `schedule`; reports take BACK seconds."""
    rng, run = random.Random(seed), Run()
    line, log, rate = Line(schedule, seed=seed), ArrivalLog(), OutgoingRate(limits or RateLimits())
    leaving: list[tuple[float, int]] = []
    reports: list[tuple[float, bytes]] = []
    number, frame_due, report_due, now = 0, 0.0, 0.0, 0.0
    while now < seconds:
        now += STEP
        if now >= frame_due:
            size = max(100, int(rate.target * FRAME / 8 * rng.uniform(0.7, 1.3)))
            count = -(-size // PACKET)
            leaving += [(frame_due + FRAME * i / count, size // count) for i in range(count)]
            frame_due += FRAME
        while leaving and leaving[0][0] <= now:
            _, size = leaving.pop(0)
            data = number.to_bytes(4, "big") + int(now * 1e6).to_bytes(8, "big") + bytes(size - 12)
            line.send(now, data)
            rate.sent(size, now, number % 65536)
            run.sent.append((now, size))
            number += 1
        for data in line.receive(now):
            value, sent = int.from_bytes(data[:4], "big"), int.from_bytes(data[4:12], "big") / 1e6
            log.add(value % 65536, now)
            run.delays.append((now, now - sent))
            run.delivered.append((now, len(data)))
        if now >= report_due:
            report_due += INTERVAL
            reports += [(now + BACK, bytes(each)) for each in log.reports(1, 2, now)]
        while reports and reports[0][0] <= now:
            rate.feedback(Feedback.parse(reports.pop(0)[1]), now)
        rate.tick(now)
        run.targets.append((now, rate.target))
    return run
