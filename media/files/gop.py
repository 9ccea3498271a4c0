"""Splits a stream of packets into groups of pictures (GOPs), and selects frames from each.

A GOP can be decoded without the GOPs before it. It has the packets from its keyframe on, and the
leading packets of the next GOP: frames that are shown before that GOP's keyframe. If a stream
cannot be split safely, the last GOP says why; the rest is then decoded sequentially.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING

from av.packet import Packet as AnyPacket

if TYPE_CHECKING:
    from av import VideoStream

    Packet = AnyPacket[VideoStream]
else:
    Packet = AnyPacket  # PyAV has it generic for type checkers only

MAX_GOP_BYTES = 64 << 20
MAX_GOP_PACKETS = 3_000  # 100 s at 30 frames a second

ToTicks = Callable[[int], int]  # a timestamp of the stream to 90 kHz ticks since the file's start


@dataclass(slots=True, eq=False)
class Gop:
    """Packets in file order. `start` is the pts of the keyframe, None in the first GOP.

    `leading` are packets of the next GOP, and `end` is that GOP's start. `wanted` are the pts of
    the selected frames, ascending. `fallback_reason` says why this GOP and the rest of the file
    must be decoded sequentially.
    """

    packets: list[Packet]
    start: int | None = None
    end: int | None = None
    leading: list[Packet] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    fallback_reason: str = ""

    @property
    def size(self) -> int:
        """Bytes of the GOP's own packets."""
        return sum(packet.size for packet in self.packets)

    def needed(self) -> list[Packet]:
        """Return the packets up to the last one with a wanted frame."""
        wanted, packets = set(self.wanted), [*self.packets, *self.leading]
        last = max((n for n, packet in enumerate(packets) if packet.pts in wanted), default=-1)
        return packets[: last + 1]


@dataclass(frozen=True, slots=True)
class Selection:
    """Frames at least `interval` ticks apart, up to `latest`: later timestamps are damaged."""

    interval: int
    latest: float = math.inf

    def is_due(self, ticks: int, last: int | None) -> bool:
        """Return whether a frame at `ticks` is selected if the last selected one was at `last`."""
        return ticks <= self.latest and (last is None or ticks - last >= self.interval)


def split_gops(packets: Iterator[Packet], to_ticks: ToTicks, selection: Selection) -> Iterator[Gop]:
    """Yield the GOPs of a stream, and select frames.

    If the last GOP has a fallback reason, some of `packets` are left.
    """
    last: int | None = None
    previous: Gop | None = None
    for gop in _split(packets):
        if previous is not None:
            if not gop.fallback_reason:
                previous.leading, previous.end = _leading_packets(gop), gop.start
            last = _select(previous, to_ticks, last, selection)
            yield previous
        previous = gop
    if previous is not None:
        _select(previous, to_ticks, last, selection)
        yield previous


def _split(packets: Iterator[Packet]) -> Iterator[Gop]:
    """Yield GOPs without their leading packets and selected frames."""
    current = Gop([])
    size, latest = 0, None
    for packet in packets:
        if packet.size == 0:
            continue  # the demuxer's end-of-file marker
        reason = _fallback_reason(packet, current)
        if not reason and _starts_gop(packet, current, latest):
            yield current
            current, size = Gop([], start=packet.pts), 0
        current.packets.append(packet)
        size += packet.size
        if size > MAX_GOP_BYTES or len(current.packets) > MAX_GOP_PACKETS:
            reason = "its keyframes are too far apart"
        if reason:
            current.fallback_reason = reason
            yield current
            return
        assert packet.pts is not None
        latest = packet.pts if latest is None else max(latest, packet.pts)
    if current.packets:
        yield current


def _fallback_reason(packet: Packet, current: Gop) -> str:
    if packet.pts is None:
        return "it has frames without a timestamp"
    if current.start is not None and packet.has_sidedata("new_extradata"):
        return "its codec parameters change"
    return ""


def _starts_gop(packet: Packet, current: Gop, latest: int | None) -> bool:
    """Return whether `packet` starts a GOP: a keyframe shown after all frames before it."""
    if not (current.packets and packet.is_keyframe) or packet.is_discard:
        return False
    assert latest is not None
    assert packet.pts is not None
    return packet.pts > latest


def _leading_packets(gop: Gop) -> list[Packet]:
    """Return the packets up to the last one that is shown before the GOP's keyframe."""
    assert gop.start is not None
    before = [n for n, packet in enumerate(gop.packets) if _pts(packet) < gop.start]
    return gop.packets[: before[-1] + 1] if before else []


def _select(gop: Gop, to_ticks: ToTicks, last: int | None, selection: Selection) -> int | None:
    """Select frames of `gop`; return the ticks of the last selected frame."""
    if gop.fallback_reason:
        return last
    for pts in sorted(_pts(packet) for packet in _displayed(gop)):
        if selection.is_due(to_ticks(pts), last):
            gop.wanted.append(pts)
            last = to_ticks(pts)
    return last


def _displayed(gop: Gop) -> Iterator[Packet]:
    """Yield the packets of the frames that are shown within `gop`."""
    for packet in chain(gop.packets, gop.leading):
        late = gop.end is not None and _pts(packet) >= gop.end
        early = gop.start is not None and _pts(packet) < gop.start
        if not (late or early or packet.is_discard or _is_hidden(packet)):
            yield packet


def _is_hidden(packet: Packet) -> bool:
    """Return whether a VP8 packet has a frame that is only a reference, RFC 6386 section 9.1."""
    return packet.stream.codec_context.name == "vp8" and not memoryview(packet)[0] >> 4 & 1


def _pts(packet: Packet) -> int:
    assert packet.pts is not None
    return packet.pts
