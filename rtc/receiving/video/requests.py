"""What is asked of the sender: lost packets again (NACK), and keyframes (PLI).

A packet is requested as soon as one after it arrives, or as much later as packets have lately come
out of order; again after each round trip without an answer, at most three times, and only while an
answer would still arrive before the deadline of its frame. Where many packets are lost, so are
requests and answers, which costs a round trip each: there a request is sent up to three times.
"""

import math
from dataclasses import dataclass

from rtc.receiving.retransmission import MAX_REQUESTS, times_sent

MAX_TRACKED = 512  # lost packets
SLACK = 0.01  # seconds that an answer may take longer than a round trip
COPY_SPACING = 0.01  # seconds between a request and its copy: a burst of losses may be over
UNKNOWN_LOSS = 0.04  # fraction of packets, before it is measured
SMOOTHING = 256  # packets, of that fraction
REORDERED = 0.7  # round trips within which a packet came by itself
MAX_REORDERING = 0.05  # seconds
FADING = 0.9  # of the time that packets are out of order, each time that one was really lost

MIN_INTERVAL, INTERVAL_ROUND_TRIPS = 0.1, 1.25  # seconds between requests of a keyframe: the sum


@dataclass(slots=True)
class Lost:
    """A lost packet: `deadline` is that of its frame, `due` when it is requested again, or never.

    `sent` counts its requests, of the last of which `copies` are still to be sent. With `guessed`,
    the packet may not have been sent yet.
    """

    detected: float
    deadline: float
    due: float
    guessed: bool = False
    sent: int = 0
    copies: int = 0


class Retransmissions:
    """The packets of one stream that are lost, by their numbers."""

    def __init__(self) -> None:
        self.loss = UNKNOWN_LOSS  # fraction of packets
        self.reordering = 0.0  # seconds
        self._lost: dict[int, Lost] = {}

    def __len__(self) -> int:
        return len(self._lost)

    def lose(self, sequence: int, now: float, deadline: float, *, guessed: bool = False) -> None:
        """Note that a packet is missing, whose frame is waited for until `deadline`."""
        assert sequence not in self._lost, "a packet is lost once"
        self.loss += (1 - self.loss) / SMOOTHING
        self._lost[sequence] = Lost(now, deadline, now + self.reordering, guessed)
        if len(self._lost) > MAX_TRACKED:
            del self._lost[next(iter(self._lost))]

    def arrived(self, sequence: int, now: float, round_trip: float, *, repeated: bool) -> None:
        """Note that a packet is there: in order, out of order, or `repeated`."""
        self.loss -= self.loss / SMOOTHING
        lost = self._lost.pop(sequence, None)
        if lost is None:
            return
        waited = now - lost.detected
        if not repeated and waited < max(SLACK, REORDERED * round_trip):
            if lost.guessed:
                return
            self.reordering = min(MAX_REORDERING, max(self.reordering, waited))
        elif lost.sent:
            self.reordering *= FADING

    def get(self, sequence: int) -> Lost | None:
        """Return what is known about a lost packet; None if it is not waited for."""
        return self._lost.get(sequence)

    def forget_before(self, sequence: int) -> None:
        """Request no packets before `sequence` any more."""
        for each in [each for each in self._lost if each < sequence]:
            del self._lost[each]

    def postpone(self, seconds: float) -> None:
        """Wait so much longer for all that is lost."""
        for lost in self._lost.values():
            lost.detected += seconds
            lost.deadline += seconds
            lost.due += seconds

    def due(self) -> float:
        """Return when the next request is due."""
        return min((lost.due for lost in self._lost.values()), default=math.inf)

    def take_due(self, now: float, round_trip: float) -> list[int]:
        """Return the packets to request at `now`, in order."""
        due = sorted(sequence for sequence, lost in self._lost.items() if lost.due <= now)
        return [each for each in due if self._request(self._lost[each], now, round_trip)]

    def _request(self, lost: Lost, now: float, round_trip: float) -> bool:
        """Return whether a packet for which something is due is requested."""
        ended = lost.sent >= MAX_REQUESTS and not lost.copies
        if ended or now + round_trip > lost.deadline:
            lost.due = math.inf
            return False
        if lost.copies:
            lost.copies -= 1
        else:
            lost.sent += 1
            lost.copies = times_sent(self.loss) - 1
        lost.due = now + (COPY_SPACING if lost.copies else round_trip + SLACK)
        return True


class KeyframeRequests:
    """When a keyframe is requested: not twice before an answer can be here."""

    def __init__(self) -> None:
        self._last: float | None = None

    def due(self, now: float, round_trip: float) -> float:
        """Return when the next one may be requested."""
        if self._last is None:
            return now
        return max(now, self._last + MIN_INTERVAL + INTERVAL_ROUND_TRIPS * round_trip)

    def requested(self, now: float) -> None:
        """Note that one is requested at `now`."""
        self._last = now

    def begins(self, now: float) -> None:
        """Note that a keyframe begins to arrive, which may be the one that was requested."""
        if self._last is not None:
            self._last = now
