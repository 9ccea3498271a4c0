"""Reception statistics of each source that a receiver hears: RFC 3550, section 6.4 and appendix A.

Times are in seconds of one clock, so that a step of the wall clock is no jitter.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aiortc.rtp import RtcpReceiverInfo, RtcpSenderInfo, RtpPacket, clamp_packets_lost
from aiortc.utils import uint16_gt

SEQUENCES, TIMESTAMPS = 1 << 16, 1 << 32
SMOOTHING = 16  # of the jitter, section 6.4.1
FRACTION = 256  # of packets lost, section 6.4.1
UNITS = 65_536  # of a delay since a sender report, in a second


@dataclass(slots=True)
class Source:
    """Counts the packets of one SSRC; `jitter` is in ticks of `rate`.

    `skipped` packets were not there when the next one came, in `gaps` between two that were.
    """

    rate: int
    first: int
    highest: int
    cycles: int = 0
    received: int = 0
    gaps: int = 0
    skipped: int = 0
    jitter: float = 0.0
    report: int = 0  # the middle 32 bits of the NTP time of the last sender report
    reported: float | None = None  # when that arrived
    _transit: tuple[int, float] | None = None  # timestamp and arrival of the newest packet
    _before: tuple[int, int] = (0, 0)  # expected and received at the last report of ours

    @property
    def expected(self) -> int:
        return self.cycles + self.highest - self.first + 1

    def add(self, packet: RtpPacket, now: float) -> None:
        """Count `packet`."""
        self.received += 1
        if self.received > 1 and not uint16_gt(packet.sequence_number, self.highest):
            return
        if packet.sequence_number < self.highest:
            self.cycles += SEQUENCES
        skipped = (
            (packet.sequence_number - self.highest - 1) % SEQUENCES if self.received > 1 else 0
        )
        self.gaps += skipped > 0
        self.skipped += skipped
        self.highest = packet.sequence_number
        if self._transit is not None and packet.timestamp != self._transit[0]:
            ticks = (packet.timestamp - self._transit[0] + TIMESTAMPS // 2) % TIMESTAMPS
            late = (now - self._transit[1]) * self.rate - (ticks - TIMESTAMPS // 2)
            self.jitter += (min(abs(late), TIMESTAMPS / 2) - self.jitter) / SMOOTHING
        self._transit = packet.timestamp, now

    def reception_report(self, ssrc: int, now: float) -> RtcpReceiverInfo:
        """Return the report block since the last one."""
        expected, received = self.expected - self._before[0], self.received - self._before[1]
        self._before = self.expected, self.received
        lost = expected - received
        delay = 0.0 if self.reported is None else now - self.reported
        return RtcpReceiverInfo(
            ssrc=ssrc,
            fraction_lost=min(FRACTION - 1, FRACTION * lost // expected) if lost > 0 else 0,
            packets_lost=clamp_packets_lost(self.expected - self.received),
            highest_sequence=(self.cycles + self.highest) % TIMESTAMPS,
            jitter=int(self.jitter),
            lsr=self.report,
            dlsr=int(delay * UNITS) if self.report and delay < UNITS else 0,
        )


class Sources:
    """The sources of one receiver, by SSRC."""

    def __init__(self) -> None:
        self._sources: dict[int, Source] = {}

    def __iter__(self) -> Iterator[tuple[int, Source]]:
        return iter(self._sources.items())

    def __len__(self) -> int:
        return len(self._sources)

    def add(self, packet: RtpPacket, rate: int, now: float) -> None:
        """Count `packet`, whose codec has a clock of `rate` Hz."""
        source = self._sources.get(packet.ssrc)
        if source is None:
            source = Source(rate, packet.sequence_number, packet.sequence_number)
            self._sources[packet.ssrc] = source
        source.add(packet, now)

    def note_report(self, ssrc: int, info: RtcpSenderInfo, now: float) -> None:
        """Take a sender report; reports of ours say how long ago it came."""
        if ssrc in self._sources:
            source = self._sources[ssrc]
            source.report = info.ntp_timestamp >> 16 & 0xFFFFFFFF
            source.reported = now

    def reception_reports(self, now: float) -> list[RtcpReceiverInfo]:
        """Return a report block for each source."""
        return [source.reception_report(ssrc, now) for ssrc, source in self]

    def forget(self, ssrc: int) -> None:
        """Delete what is kept about a source."""
        self._sources.pop(ssrc, None)
