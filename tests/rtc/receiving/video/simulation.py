"""A camera, a network path and a video buffer in simulated time.

The camera makes frames with known references, repeats packets and makes keyframes on request; the
path loses, delays and reorders. Nothing is encoded: the data of a packet is the number of its
frame, so what the buffer releases can be compared with what could be decoded.
"""

import heapq
import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from rtc.receiving.video.buffer import VideoBuffer, VideoStep
from rtc.receiving.video.packet import CodedFrame, FrameInfo, VideoPacket

CLOCK = 90_000
PACING = 0.0005  # seconds between packets of a frame
KEY_PACKETS = 8
HISTORY = 1000  # packets that can be repeated


@dataclass(frozen=True)
class Sent:
    """A frame of the camera: `references` are numbers of frames."""

    number: int
    time: float
    info: FrameInfo
    references: frozenset[int]
    packets: tuple[VideoPacket, ...]


@dataclass
class Camera:
    """Makes frames of `layers` temporal layers, 1 or 3; with `named`, pictures have identifiers."""

    layers: int = 1
    named: bool = True
    packets: tuple[int, int] = (1, 4)
    first: int = 65_000
    rng: random.Random = field(default_factory=lambda: random.Random(1))
    frames: list[Sent] = field(default_factory=list)
    _sequence: int = 0
    _since_key: int = 0
    _base: int = 250
    _last: dict[int, int] = field(default_factory=dict)  # frame by layer

    def make(self, time: float, *, keyframe: bool = False) -> Sent:
        """Return the next frame."""
        number = len(self.frames)
        key = keyframe or not self.frames
        self._since_key = 0 if key else self._since_key + 1
        layer = (0, 2, 1, 2)[self._since_key % 4] if self.layers == 3 else 0
        # After the base: 2 and 1 refer to it alone, the second 2 to all three.
        sync = self.layers == 3 and self._since_key % 4 in (1, 2)
        references: set[int] = set()
        if not key:
            references = {self._last[0]}
            if self.layers == 3 and self._since_key % 4 == 3:
                references |= {self._last[1], self._last[2]}
        if layer == 0:
            self._base = (self._base + 1) % 256
        self._last[layer] = number
        info = FrameInfo(
            keyframe=key,
            picture=(32_700 + number) % 2**15 if self.named or self.layers == 3 else None,
            layer=layer if self.layers == 3 else None,
            base=self._base if self.layers == 3 else None,
            sync=sync,
        )
        count = KEY_PACKETS if key else self.rng.randint(*self.packets)
        sent = Sent(
            number, time, info, frozenset(references), self._packets(number, time, info, count)
        )
        self.frames.append(sent)
        return sent

    def _packets(
        self, number: int, time: float, info: FrameInfo, count: int
    ) -> tuple[VideoPacket, ...]:
        made = []
        for index in range(count):
            made.append(
                VideoPacket(
                    sequence=self.first + self._sequence,
                    timestamp=round(time * CLOCK),
                    data=number.to_bytes(4, "big"),
                    starts=index == 0,
                    ends=index == count - 1,
                    info=info
                    if index == 0
                    else FrameInfo(
                        picture=info.picture, layer=info.layer, base=info.base, sync=info.sync
                    ),
                )
            )
            self._sequence += 1
        return tuple(made)


def number_of(frame: CodedFrame) -> int:
    return int.from_bytes(frame.data[:4], "big")


@dataclass
class Path:
    """One direction: a packet arrives after the delay that this returns, or never (None)."""

    delay: float = 0.05
    loss: float = 0.0
    jitter: float = 0.0
    outage: tuple[float, float] = (0.0, 0.0)
    rng: random.Random = field(default_factory=lambda: random.Random(2))

    def carry(self, now: float) -> float | None:
        if self.outage[0] <= now < self.outage[1] or self.rng.random() < self.loss:
            return None
        return now + self.delay + self.rng.random() * self.jitter


@dataclass
class Run:
    """What came of a simulation: when frames were released, and what was requested."""

    camera: Camera
    shown: list[tuple[float, CodedFrame]] = field(default_factory=list)
    requests: list[tuple[float, int]] = field(default_factory=list)
    keyframes: list[float] = field(default_factory=list)

    @property
    def delays(self) -> list[float]:
        """Seconds from the capture to the release of each released frame."""
        return [at - self.camera.frames[number_of(frame)].time for at, frame in self.shown]

    @property
    def gaps(self) -> list[float]:
        return [after - before for before, after in itertools.pairwise(at for at, _ in self.shown)]


class Simulation:
    """Runs a camera of `rate` frames a second over `there`, and a buffer that answers over `back`.

    The buffer knows the round trip.
    """

    def __init__(
        self, camera: Camera, there: Path, back: Path, *, patience: float = 0.4, rate: float = 30.0
    ) -> None:
        self.run = Run(camera)
        self._there, self._back = there, back
        self._buffer = VideoBuffer(patience)
        self._rate = rate
        self._trip = there.delay + back.delay
        self._events: list[tuple[float, int, Callable[[float], None]]] = []
        self._order = itertools.count()
        self._key_wanted = False
        self._due: float | None = None

    def until(self, end: float) -> Run:
        """Run for `end` seconds of the camera, and until everything has arrived."""
        for index in range(round(end * self._rate)):
            self._at(index / self._rate, self._capture)
        while self._events:
            now, _, event = heapq.heappop(self._events)
            if now > end + 3:
                break
            event(now)
        return self.run

    def _at(self, time: float, event: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (time, next(self._order), event))

    def _capture(self, now: float) -> None:
        frame = self.run.camera.make(now, keyframe=self._key_wanted)
        self._key_wanted = False
        for index, packet in enumerate(frame.packets):
            self._send(packet, now + index * PACING, repeated=False)

    def _send(self, packet: VideoPacket, at: float, *, repeated: bool) -> None:
        arrival = self._there.carry(at)
        if arrival is not None:
            self._at(
                arrival,
                lambda now: self._follow(
                    self._buffer.add(packet, now, self._trip, repeated=repeated), now
                ),
            )

    def _arrive(self, packet: VideoPacket, repeated: bool, now: float) -> None:
        self._follow(self._buffer.add(packet, now, self._trip, repeated=repeated), now)

    def _follow(self, step: VideoStep, now: float) -> None:
        self.run.shown += [(now, frame) for frame in step.frames]
        if step.missing:
            self.run.requests += [(now, sequence) for sequence in step.missing]
            arrival = self._back.carry(now)
            if arrival is not None:
                self._at(arrival, partial(self._repeat, step.missing))
        if step.keyframe:
            self.run.keyframes.append(now)
            arrival = self._back.carry(now)
            if arrival is not None:
                self._at(arrival, self._want_keyframe)
        self._due = step.due
        if step.due is not None:
            self._at(step.due, partial(self._poll, step.due))

    def _poll(self, due: float, now: float) -> None:
        if self._due == due:
            self._follow(self._buffer.poll(now, self._trip), now)

    def _repeat(self, missing: Sequence[int], now: float) -> None:
        recent = {p.sequence: p for f in self.run.camera.frames[-200:] for p in f.packets}
        for sequence in missing:
            if sequence in recent:
                self._send(recent[sequence], now, repeated=True)

    def _want_keyframe(self, now: float) -> None:
        self._key_wanted = True
