"""Puts audio packets in order, and says what is missing: pure, the time is an argument.

The listener is a machine, so packets leave as soon as they are in order; there is no playout delay.
Only at a gap is there a wait, as long as `patience.Patience` says. After that the missing packets
are given up, and what comes of them later is dropped.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from rtc.receiving.audio.patience import Patience

SEQUENCES, TIMESTAMPS = 1 << 16, 1 << 32
MAX_WAITING = 256  # packets: 5 s of the usual ones, more than a sender has for any wait
MAX_STEP = 3000  # packets: a larger step is a sender that restarted, MAX_DROPOUT of RFC 3550 A.1


@dataclass(frozen=True, slots=True)
class AudioPacket:
    """Sound of `duration` ticks from `timestamp` on; neither number wraps.

    A `copy` came in a later packet (RED).
    """

    number: int
    timestamp: int
    duration: int
    payload: bytes
    copy: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """`lost` ticks up to timestamp `end` were given up; `following` is what comes after them.

    Before them the sender was silent for `pause` ticks, in which it sends nothing (DTX).
    """

    end: int
    lost: int
    pause: int
    following: AudioPacket


Item = AudioPacket | Missing


class AudioBuffer:
    """Orders the packets of one source."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._waiting: dict[int, AudioPacket] = {}
        self._next: int | None = None  # number of the packet that is due
        self._highest = 0
        self._end = 0  # timestamp at which the packet that is due should begin
        self._duration = 0  # of the last packet
        self.newest = 0  # timestamp of the newest packet
        self._stray: int | None = None  # sequence number that would follow a packet out of place
        self.unused = 0  # packets that came too late, or twice

    def place(self, sequence: int, timestamp: int) -> tuple[int, int]:
        """Return both numbers of an RTP packet without their wrapping."""
        if self._next is None:
            return sequence + SEQUENCES, timestamp + TIMESTAMPS
        return (
            unwrap(sequence, self._highest, SEQUENCES),
            unwrap(timestamp, self.newest, TIMESTAMPS),
        )

    def add(self, packet: AudioPacket, now: float) -> None:
        """Take a packet. Two in sequence that are far from all before begin a new stream."""
        if self._next is None:
            self._begin(packet)
        if not self._is_near(packet):
            return
        number = packet.number
        self._patience.arrived(number, now, copy=packet.copy)
        if number < self._due or number in self._waiting:
            self.unused += not packet.copy
            return
        if number > self._highest:
            self._patience.noticed(range(self._highest + 1, number), now)
            self._highest, self.newest = number, packet.timestamp
        self._waiting[number] = packet

    def take(self, now: float) -> Iterator[Item]:
        """Yield what is in order, and what is given up."""
        while self._waiting:
            packet = self._waiting.pop(self._due, None)
            if packet is not None:
                yield self._in_order(packet)
                continue
            following = self._waiting[min(self._waiting)]
            patient = len(self._waiting) <= MAX_WAITING
            if patient and self._patience.deadline(self._due) > now:
                return
            yield self._give_up(following)

    def deadline(self) -> float | None:
        """Return when the packet that is due is given up, None if nothing waits for it."""
        return self._patience.deadline(self._due) if self._waiting else None

    @property
    def _due(self) -> int:
        assert self._next is not None, "nothing was added"
        return self._next

    def _begin(self, packet: AudioPacket) -> None:
        self._waiting.clear()
        self._patience.forget()
        self._next = packet.number
        self._highest = packet.number - 1
        self._end = self.newest = packet.timestamp
        self._duration = packet.duration

    def _is_near(self, packet: AudioPacket) -> bool:
        """Return whether `packet` belongs to the stream so far, or to one that begins with it."""
        step = packet.number - self._highest
        if abs(step) <= MAX_STEP:
            self._stray = None
            return True
        follows, self._stray = self._stray == packet.number, packet.number + 1
        if follows:
            self._begin(packet)
            self._stray = None
        return follows

    def _in_order(self, packet: AudioPacket) -> AudioPacket:
        """Return the packet that is due; one that begins before the end of the last follows it.

        aiortc gives packets that it makes of one frame the same timestamp.
        """
        self._next = packet.number + 1
        if 0 < self._end - packet.timestamp <= 2 * max(packet.duration, self._duration):
            packet = replace(packet, timestamp=self._end)
        self._end = packet.timestamp + packet.duration
        self._duration = packet.duration or self._duration  # padding has none
        return packet

    def _give_up(self, following: AudioPacket) -> Missing:
        numbers = range(self._due, following.number)
        self._patience.gave_up(numbers)
        self._next = following.number
        silent = max(0, following.timestamp - self._end)
        lost = min(silent, len(numbers) * self._duration)
        self._end = following.timestamp
        return Missing(following.timestamp, lost, silent - lost, following)


def unwrap(value: int, near: int, modulus: int) -> int:
    """Return the number nearest to `near` that is `value` modulo `modulus`."""
    return near + (value - near + modulus // 2) % modulus - modulus // 2
