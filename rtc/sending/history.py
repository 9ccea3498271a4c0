"""The packets that can still be sent again, and which requests for them are answered."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass

from aiortc.rtp import RtpPacket

MAX_AGE = 5.0  # seconds: stock aiortc waits for a packet until it has it
MAX_PACKETS = 2048
MAX_REQUESTED = 256  # sequence numbers in one request that are looked at
MAX_TIMES = 8  # that a packet is repeated
SHARE = 1.0  # times the bitrate for repeated packets: stock aiortc shows nothing without them
BITS = 8  # in a byte


@dataclass(slots=True)
class _Kept:
    packet: RtpPacket
    time: float
    repeated: float | None = None
    times: int = 0


class SentHistory:
    """Remembers packets by sequence number; times in seconds, bitrates in bit/s.

    A packet is repeated once in a round trip: a second request in that time has not seen the answer
    to the first. What is repeated takes no more than `SHARE` of the bitrate.
    """

    def __init__(self) -> None:
        self._kept: OrderedDict[int, _Kept] = OrderedDict()
        self._budget = 0.0  # bytes
        self._filled = 0.0

    def add(self, packet: RtpPacket, time: float) -> None:
        """Remember `packet`."""
        self._kept.pop(packet.sequence_number, None)
        self._kept[packet.sequence_number] = _Kept(packet, time)
        while (
            len(self._kept) > MAX_PACKETS or next(iter(self._kept.values())).time < time - MAX_AGE
        ):
            self._kept.popitem(last=False)

    def requested(
        self, numbers: Iterable[int], time: float, *, round_trip: float, bitrate: float
    ) -> list[RtpPacket]:
        """Return the packets to send again."""
        full = SHARE * bitrate / BITS
        self._budget = min(full, self._budget + full * (time - self._filled))
        self._filled = time
        found = []
        for number in list(dict.fromkeys(numbers))[:MAX_REQUESTED]:
            kept = self._kept.get(number)
            if kept is None or time - kept.time > MAX_AGE or kept.times >= MAX_TIMES:
                continue
            if kept.repeated is not None and time - kept.repeated < round_trip:
                continue
            if self._budget < len(kept.packet.payload):
                break
            self._budget -= len(kept.packet.payload)
            kept.repeated, kept.times = time, kept.times + 1
            found.append(kept.packet)
        return found
