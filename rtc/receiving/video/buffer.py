"""Decides which frames are decoded and when, and what is asked of the sender.

A frame is released when it is complete, as its last packet says, and when all of its references
were released. So nothing is added without loss, a backlog drains at once, and no picture is shown
that refers to a lost one. Three rules bound how long a gap holds up what comes after it:

| what comes after the gap | the gap is given up |
|---|---|
| a keyframe | at once |
| a frame that needs nothing of the gap | after a round trip, if that is short, otherwise at once |
| frames that need it | at the deadline of its packets, `patience` seconds after they were due |
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rtc.receiving.video.assembly import Assembly
from rtc.receiving.video.packet import CodedFrame, VideoPacket
from rtc.receiving.video.references import References
from rtc.receiving.video.requests import SLACK, KeyframeRequests, Retransmissions
from rtc.receiving.video.tail import Tail

MAX_PACKETS, MAX_BYTES = 1024, 8 << 20  # that are held: some seconds of video
MAX_MISSING = 256  # packets of one gap that are requested, the newest
MAX_PREFIX = 8192  # bytes of parameter sets before a frame
MAX_PATIENCE = 1.0  # seconds
MARGIN = 0.1  # seconds beyond a round trip, for which a gap is waited for at least
SKIPPABLE = 0.15  # seconds, up to which a gap that nothing needs is waited for
STUCK = 0.2  # seconds without a frame after which a keyframe is requested beside retransmissions
STALL, MAX_STALL = 0.05, 1.0  # seconds that something was done late, for which it is postponed
STUCK_ROUND_TRIPS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VideoStep:
    """Frames to decode, packets to request, whether to request a keyframe, and what is due when."""

    frames: Sequence[CodedFrame] = ()
    missing: Sequence[int] = ()
    keyframe: bool = False
    due: float | None = None


@dataclass(slots=True)
class BufferCounters:
    """Counts frames: released ones, and complete ones that lacked references."""

    released: int = 0
    gated: int = 0


class VideoBuffer:
    """The jitter buffer of one source of video; times are in seconds of one clock."""

    def __init__(self, patience: float) -> None:
        self.counters = BufferCounters()
        self._patience = patience
        self._assembly = Assembly()
        self._references = References()
        self._lost = Retransmissions()
        self._keyframes = KeyframeRequests()
        self._highest: tuple[int, float] | None = None  # the newest packet and its arrival
        self._contiguous = True  # no frame of reference was passed since the last released one
        self._broken = False  # nothing but a keyframe can go on
        self._stuck: float | None = None  # since when frames come and none is released
        self._heard = False  # a packet has come since a keyframe was requested
        self._prefix = b""
        self._tail = Tail()
        self._due = math.inf  # what was returned last

    def add(
        self, packet: VideoPacket, now: float, round_trip: float, *, repeated: bool = False
    ) -> VideoStep:
        """Take a packet that has arrived."""
        self._allow_for_stall(now)
        self._heard = True
        self._lost.arrived(packet.sequence, now, round_trip, repeated=repeated)
        start = self._assembly.next
        if self._assembly.add(packet):
            self._expect_start(packet.sequence if start is None else start, now, round_trip)
            if not packet.is_padding:
                self._references.note(packet.info)
            if packet.info.keyframe:
                self._keyframes.begins(now)
            self._detect(packet.sequence, now, round_trip)
            self._tail.follow(packet, now, repeated=repeated)
            if len(self._assembly) > MAX_PACKETS or self._assembly.size > MAX_BYTES:
                self._pass(packet.sequence + 1)
                self.lose()
        return self.poll(now, round_trip)

    def poll(self, now: float, round_trip: float) -> VideoStep:
        """Return what is to be done at `now`."""
        self._allow_for_stall(now)
        if now >= self._tail.due:
            self._guess_tail(now, round_trip)
        frames = self._advance(now, round_trip)
        missing = self._lost.take_due(now, round_trip)
        keyframe = now >= self._keyframe_due(now, round_trip)
        if keyframe:
            self._keyframes.requested(now)
            self._heard = False
        self._due = min(
            self._lost.due(),
            self._tail.due,
            self._gap_due(round_trip),
            self._keyframe_due(now, round_trip),
        )
        return VideoStep(
            frames=frames,
            missing=missing,
            keyframe=keyframe,
            due=None if math.isinf(self._due) else self._due,
        )

    def lose(self) -> None:
        """Release nothing before the next keyframe, which is requested."""
        self._references.lose()
        self._broken, self._contiguous = True, False

    def _allow_for_stall(self, now: float) -> None:
        """Postpone everything if this end was busy: what it waits for may have come meanwhile."""
        late = min(now - self._due, MAX_STALL)
        self._due = math.inf
        if late > STALL:
            late += SLACK
            self._lost.postpone(late)
            self._tail.due += late
            self._stuck = None if self._stuck is None else self._stuck + late

    def _expect_start(self, start: int, now: float, round_trip: float) -> None:
        """Note what is missing before `start`, with which the stream seemed to begin."""
        assert self._assembly.next is not None, "a packet was added"
        for missing in range(self._assembly.next, start):
            if missing not in self._assembly and self._lost.get(missing) is None:
                self._lost.lose(missing, now, now + self._patience_at(round_trip))

    def _detect(self, sequence: int, now: float, round_trip: float) -> None:
        """Note what is missing before the packet with this number.

        It was due between its neighbors; after an outage, most of it has no time left.
        """
        patience = self._patience_at(round_trip)
        before, at = self._highest or (sequence, now)
        if sequence <= before and self._highest is not None:
            return
        self._highest = sequence, now
        for missing in range(max(before + 1, sequence - MAX_MISSING), sequence):
            deadline = at + (now - at) * (missing - before) / (sequence - before) + patience
            if deadline > now:
                self._lost.lose(missing, now, deadline)

    def _guess_tail(self, now: float, round_trip: float) -> None:
        """Take the next packet for lost: the frame of the newest one is not complete."""
        assert self._highest is not None, "the tail is that of a packet"
        missing = self._highest[0] + 1
        self._highest, self._tail.due = (missing, now), math.inf
        self._lost.lose(missing, now, now + self._patience_at(round_trip), guessed=True)

    def _patience_at(self, round_trip: float) -> float:
        return min(MAX_PATIENCE, max(self._patience, round_trip + MARGIN))

    def _advance(self, now: float, round_trip: float) -> list[CodedFrame]:
        """Return the frames that are released, in order, and give up what has no time left."""
        released: list[CodedFrame] = []
        while self._assembly.next is not None:
            head = self._assembly.head()
            if head is not None:
                released += self._take(head)
            elif self._assembly.has_orphan():
                self._give_up(self._assembly.next + 1, now)
            elif (target := self._beyond_gap(now, round_trip)) is not None:
                self._give_up(target, now)
            else:
                break
        if released:
            self._stuck = None
        elif self._stuck is None and self._assembly.has_complete:
            self._stuck = now
        return released

    def _take(self, frame: CodedFrame) -> list[CodedFrame]:
        """Return the next frame if it can be decoded; be done with it."""
        self._pass(frame.last + 1)
        if not frame.shows:  # parameter sets alone
            self._prefix = (self._prefix + frame.data)[-MAX_PREFIX:]
            return []
        info = frame.info
        if not self._references.ready(frame, contiguous=self._contiguous):
            self.counters.gated += 1
            self._contiguous = self._contiguous and info.discardable
            self._broken = self._broken or not info.layer
            return []
        self._references.decoded(frame)
        follows, self._contiguous = self._contiguous, True
        self._broken = self._broken and bool(info.layer)
        self.counters.released += 1
        prefix, self._prefix = self._prefix, b""
        return [replace(frame, data=prefix + frame.data, follows=follows)]

    def _beyond_gap(self, now: float, round_trip: float) -> int | None:
        """Return where to go on if the gap before the complete frames is given up now."""
        hole = self._assembly.hole()
        if hole is None or self._highest is None or hole > self._highest[0]:
            return None  # what is next has not been sent, as far as is known
        frame = self._decodable()
        if frame is not None and (frame.info.keyframe or now >= self._skip_at(hole, round_trip)):
            return frame.first
        lost = self._lost.get(hole)
        if lost is None or now >= lost.deadline:
            return self._assembly.first_after(hole) or self._highest[0] + 1
        return None

    def _decodable(self) -> CodedFrame | None:
        """Return the newest complete keyframe, else the first frame that needs none of the gap."""
        frames = self._assembly.complete()
        for frame in reversed(frames):
            if frame.info.keyframe and not frame.malformed:
                return frame
        ready = (f for f in frames if f.shows and self._references.ready(f, contiguous=False))
        return next(ready, None)

    def _skip_at(self, hole: int, round_trip: float) -> float:
        """Return from when on a gap that nothing needs is not waited for."""
        lost = self._lost.get(hole)
        wait = round_trip + 2 * SLACK
        if lost is None or wait > SKIPPABLE:
            return -math.inf
        return lost.detected + wait

    def _give_up(self, sequence: int, now: float) -> None:
        self._contiguous = False
        self._stuck = now if self._stuck is None else self._stuck
        self._pass(sequence)

    def _pass(self, sequence: int) -> None:
        self._assembly.pass_to(sequence)
        self._lost.forget_before(sequence)

    def _gap_due(self, round_trip: float) -> float:
        """Return when the gap at the front is given up, if nothing arrives before."""
        hole = self._assembly.hole()
        lost = None if hole is None else self._lost.get(hole)
        if hole is None or lost is None:
            return math.inf
        skips = self._decodable() is not None
        return min(lost.deadline, self._skip_at(hole, round_trip)) if skips else lost.deadline

    def _keyframe_due(self, now: float, round_trip: float) -> float:
        """Return when a keyframe is requested, if nothing arrives before."""
        if not self._heard or not (self._broken or self._stuck is not None):
            return math.inf
        due = self._keyframes.due(now, round_trip)
        if self._broken or self._stuck is None:
            return due
        return max(due, self._stuck + max(STUCK, STUCK_ROUND_TRIPS * round_trip))
