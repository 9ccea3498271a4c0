"""Timestamps that begin again in the middle of a file: joined files, and broadcasts.

Later packets go on where those before end. A single timestamp that is far off is damage, and
moves nothing.
"""

from dataclasses import dataclass, field
from typing import Any

import av

RESTART = 0.5  # seconds back that no stream goes in order of decoding


@dataclass(slots=True)
class _Stream:
    """Times of decoding in the unit of the stream: of the last packet, and the one before."""

    offset: int = 0
    last: int | None = None
    before: int | None = None
    duration: int = 1


@dataclass(slots=True)
class Restarts:
    """The corrections of a file so far, for each of its streams."""

    _streams: dict[int, _Stream] = field(default_factory=dict)

    def correct(self, packet: "av.Packet[Any]") -> None:
        """Move the timestamps of `packet`, if those of its stream began again."""
        if packet.dts is None or not packet.time_base:
            return
        stream = self._streams.setdefault(packet.stream.index, _Stream())
        back = round(RESTART / packet.time_base)
        time = packet.dts + stream.offset
        if stream.last is not None and stream.last - time > back:
            last_was_damaged = stream.before is not None and abs(time - stream.before) <= back
            if not last_was_damaged:
                stream.offset += stream.last + stream.duration - time
                time = packet.dts + stream.offset
        stream.before, stream.last = stream.last, time
        stream.duration = packet.duration or 1
        if stream.offset:
            packet.dts = time
            if packet.pts is not None:
                packet.pts += stream.offset
