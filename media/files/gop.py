"""A stream of packets cut at its keyframes, and which of the pictures in it are wanted.

A segment can be decoded without those before it: it has the packets from a keyframe on, and
those leading pictures of the next segment that are shown before that one's keyframe. What
cannot be cut surely is told as trouble, and then has to be decoded in one go.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from av.packet import Packet as AnyPacket

if TYPE_CHECKING:
    from av import VideoStream

    Packet = AnyPacket[VideoStream]
else:
    Packet = AnyPacket  # the library has it generic for type checkers only

MAX_GOP_BYTES = 64 << 20  # bytes of packets without a keyframe that are held at most
MAX_GOP_PACKETS = (
    3_000  # packets without a keyframe that are held at most: 100 s at 30 frames a second
)

ToTicks = Callable[[int], int]  # a timestamp of the stream to 90 kHz ticks since the file's start


@dataclass(slots=True, eq=False)
class Gop:
    """Packets in the order of the file; `start` is the keyframe's pts, None for the first.

    `leading` are packets of the next segment, `end` is its start. `wanted` are the pts of the
    pictures to give out, rising. `trouble` says why this and all that follows cannot be decoded
    apart.
    """

    packets: list[Packet]
    start: int | None = None
    end: int | None = None
    leading: list[Packet] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    fallback_reason: str = ""

    @property
    def size(self) -> int:
        """Bytes of its own packets."""
        return sum(packet.size for packet in self.packets)

    def needed(self) -> list[Packet]:
        """Return the packets up to the last that holds a wanted picture."""
        wanted, every = set(self.wanted), [*self.packets, *self.leading]
        last = max((n for n, packet in enumerate(every) if packet.pts in wanted), default=-1)
        return every[: last + 1]


def is_due(ticks: int, last: int | None, step: int) -> bool:
    """Tell whether a picture at `ticks` is taken, the one before it having been at `last`."""
    return last is None or ticks - last >= step


def split_gops(packets: Iterator[Packet], place: ToTicks, step: int) -> Iterator[Gop]:
    """Yield the segments of a stream, wanting pictures that are at least `step` ticks apart.

    The last one that is yielded may have trouble: then some of `packets` are left.
    """
    last: int | None = None
    previous: Gop | None = None
    for segment in _split(packets):
        if previous is not None:
            if not segment.fallback_reason:
                previous.leading, previous.end = _leading_packets(segment), segment.start
            last = _select(previous, place, last, step)
            yield previous
        previous = segment
    if previous is not None:
        _select(previous, place, last, step)
        yield previous


def _split(packets: Iterator[Packet]) -> Iterator[Gop]:
    """Yield segments without what depends on the next one."""
    held = Gop([])
    size, latest = 0, None
    for packet in packets:
        if packet.size == 0:
            continue  # the demuxer's sign that the file is over
        trouble = _fallback_reason(packet, held)
        if not trouble and _starts_gop(packet, held, latest):
            yield held
            held, size = Gop([], start=packet.pts), 0
        held.packets.append(packet)
        size += packet.size
        if size > MAX_GOP_BYTES or len(held.packets) > MAX_GOP_PACKETS:
            trouble = "its keyframes are too far apart"
        if trouble:
            held.fallback_reason = trouble
            yield held
            return
        assert packet.pts is not None
        latest = packet.pts if latest is None else max(latest, packet.pts)
    if held.packets:
        yield held


def _fallback_reason(packet: Packet, held: Gop) -> str:
    if packet.pts is None:
        return "it has pictures without a time"
    if held.start is not None and packet.has_sidedata("new_extradata"):
        return "it changes its settings on the way"
    return ""


def _starts_gop(packet: Packet, held: Gop, latest: int | None) -> bool:
    """Tell whether a segment begins with `packet`: a keyframe after all that came before it."""
    if not (held.packets and packet.is_keyframe) or packet.is_discard:
        return False
    assert latest is not None
    assert packet.pts is not None
    return packet.pts > latest


def _leading_packets(segment: Gop) -> list[Packet]:
    """Return the packets up to the last one that is shown before the segment's keyframe."""
    assert segment.start is not None
    before = [n for n, packet in enumerate(segment.packets) if _pts(packet) < segment.start]
    return segment.packets[: before[-1] + 1] if before else []


def _select(segment: Gop, place: ToTicks, last: int | None, step: int) -> int | None:
    """Fill in what is wanted of `segment`; return the place of the last picture taken."""
    if segment.fallback_reason:
        return last
    for pts in sorted(_pts(packet) for packet in _displayed(segment)):
        if is_due(place(pts), last, step):
            segment.wanted.append(pts)
            last = place(pts)
    return last


def _displayed(segment: Gop) -> Iterator[Packet]:
    """Yield the packets of the pictures that are shown within `segment`."""
    for packet in chain(segment.packets, segment.leading):
        late = segment.end is not None and _pts(packet) >= segment.end
        early = segment.start is not None and _pts(packet) < segment.start
        if not (late or early or packet.is_discard or _is_hidden(packet)):
            yield packet


def _is_hidden(packet: Packet) -> bool:
    """Tell whether a packet holds a picture that is only referred to: VP8, RFC 6386 section 9.1."""
    return packet.stream.codec_context.name == "vp8" and not memoryview(packet)[0] >> 4 & 1


def _pts(packet: Packet) -> int:
    assert packet.pts is not None
    return packet.pts
