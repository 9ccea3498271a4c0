"""How long a gap in the audio is waited for, and what is asked for again: pure.

Without retransmission a gap is waited for as long as packets have been late by themselves. If the
sender retransmits, packets are asked for at once, once in each response time, at most MAX_REQUESTS
times and only if the answer can still be in time. Whether it does is learned: a sender that leaves
requests unanswered is not waited for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

from rtc.receiving.retransmission import MAX_REQUESTS

MIN_WAIT = 0.02  # seconds: one packet overtakes another
MARGIN = 0.01  # seconds that an answer may take longer than the mean, at least
DEVIATIONS = 2  # mean deviations that it may take longer, if that is more
MAX_REQUESTED = 64  # packets of one gap, the newest: half of what aiortc keeps
MAX_GAP = 128  # packets: a longer gap is not waited for, as senders keep no more
PROBES = 6  # gaps without an answer after which a sender that did not agree to it is not asked
PROBES_AGREED = 60  # the same for one that did
EARLIEST = 0.5  # of the mean response time: what comes sooner is no answer
FORGET = 10.0  # seconds in which the lateness of packets counts half
SMOOTHING = 0.2  # share of the newest response time in their mean
MAX_KEPT = 512  # packets that were given up and may still come


@dataclass(slots=True)
class Absence:
    """A missing packet: when it was noticed, whether to ask for it, and when that was done."""

    noticed: float
    wanted: bool
    requests: list[float] = field(default_factory=list)


class Patience:
    """Decides about the missing packets of one source.

    `agreed` means that the client offered to retransmit (`a=rtcp-fb nack`), `limit` is the longest
    wait in seconds. `round_trip` is as measured by others; answers to requests are better known.
    """

    def __init__(self, *, limit: float, agreed: bool) -> None:
        self.round_trip = 0.1
        self._limit = limit
        self._probes = PROBES_AGREED if agreed else PROBES
        self._missing: dict[int, Absence] = {}
        self._given_up: dict[int, Absence] = {}
        self._unanswered = 0
        self._response: float | None = None  # mean seconds from a request to its answer
        self._deviation = 0.0  # mean of the seconds by which answers are off that
        self._lateness = 0.0  # seconds by which packets were late by themselves, at `_late_at`
        self._late_at = 0.0

    @property
    def retransmits(self) -> bool:
        """Whether the sender may answer a request."""
        return self._unanswered < self._probes

    @property
    def response(self) -> float:
        """Expected seconds from a request to its answer, at most."""
        return self._mean_response + max(MARGIN, DEVIATIONS * self._deviation)

    def noticed(self, numbers: range, now: float) -> None:
        """Note that packets are missing."""
        if len(numbers) > MAX_GAP:
            return
        for number in numbers:
            self._missing[number] = Absence(now, number >= numbers.stop - MAX_REQUESTED)

    def arrived(self, number: int, now: float, *, copy: bool) -> None:
        """Note that a packet came, or a `copy` of it with a later packet, and learn from it."""
        absence = self._missing.pop(number, None) or self._given_up.pop(number, None)
        if absence is None or copy:
            return
        earliest = EARLIEST * self._mean_response
        answered = [now - time for time in absence.requests if now - time >= earliest]
        if answered:
            self._unanswered = 0
            self._note_response(answered[-1])
        else:
            self._note_lateness(now - absence.noticed, now)

    def gave_up(self, numbers: range) -> None:
        """Note that packets are not waited for any more; they may still come."""
        absences = {n: self._missing.pop(n) for n in numbers if n in self._missing}
        self._unanswered += any(absence.requests for absence in absences.values())
        self._given_up.update(absences)
        while len(self._given_up) > MAX_KEPT:
            del self._given_up[next(iter(self._given_up))]

    def forget(self) -> None:
        """Forget all packets; another stream begins."""
        self._missing.clear()
        self._given_up.clear()

    def deadline(self, number: int) -> float:
        """Return when the missing packet `number` is given up; in a long gap that is at once."""
        absence = self._missing.get(number)
        if absence is None:
            return -inf
        late = min(max(MIN_WAIT, self._lateness_at(absence.noticed)), self._limit)
        answered = self._rounds(absence) * self.response
        return absence.noticed + max(late, self._hold(absence) + answered if answered else 0.0)

    def requests(self, now: float) -> Sequence[int]:
        """Return the packets to ask for at `now`, and note that they were."""
        due = [number for number in self._missing if self._request_at(number) <= now]
        for number in due:
            self._missing[number].requests.append(now)
        return due

    def next_request(self) -> float | None:
        """Return when there is a packet to ask for, None if there is none."""
        time = min(map(self._request_at, self._missing), default=inf)
        return None if time == inf else time

    @property
    def _mean_response(self) -> float:
        return self.round_trip if self._response is None else self._response

    def _request_at(self, number: int) -> float:
        """Return when a packet is asked for next: never, if the answer would be too late."""
        absence = self._missing[number]
        if not absence.wanted or len(absence.requests) >= self._rounds(absence):
            return inf
        if absence.requests:
            return absence.requests[-1] + self.response
        return absence.noticed + self._hold(absence)

    def _hold(self, absence: Absence) -> float:
        """Return the seconds before the first request: a packet that is late needs none."""
        return min(self._lateness_at(absence.noticed), self.response / 2)

    def _rounds(self, absence: Absence) -> int:
        """Return how many requests can be answered in time."""
        if not self.retransmits:
            return 0
        return min(MAX_REQUESTS, int((self._limit - self._hold(absence)) / self.response))

    def _note_response(self, seconds: float) -> None:
        """Learn from an answer, to the last request that it can be an answer to."""
        mean = self._mean_response
        off = min(seconds, 2 * mean) - mean
        self._response = mean + SMOOTHING * off
        self._deviation += SMOOTHING * (abs(off) - self._deviation)

    def _note_lateness(self, seconds: float, now: float) -> None:
        self._lateness = max(min(seconds, self._limit), self._lateness_at(now))
        self._late_at = now

    def _lateness_at(self, now: float) -> float:
        """Return by how much packets have been late by themselves; half of it in each FORGET."""
        return float(self._lateness * 0.5 ** (max(0.0, now - self._late_at) / FORGET))
