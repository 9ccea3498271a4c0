"""What makes packets of what is encoded: the interface of audio and video to their sender."""

from dataclasses import dataclass
from typing import Protocol

from aiortc import MediaStreamTrack


@dataclass(frozen=True, slots=True)
class Encoded:
    """The payloads of one frame and its time, in ticks of the codec's clock.

    `important` is sent twice while packets are lost. `level` is of audio, in -dBov: RFC 6464.
    """

    payloads: list[bytes]
    time: int
    important: bool = False
    level: int | None = None


class Encoding(Protocol):
    """Takes frames of a track and encodes them, on threads of its own."""

    async def next(self, track: MediaStreamTrack) -> Encoded | None:
        """Return the next frame, None if it cannot be sent.

        Raises:
            MediaStreamError: the track has ended.
        """
        ...

    def ask_for_keyframe(self) -> None: ...

    def close(self) -> None:
        """End the threads."""
        ...
