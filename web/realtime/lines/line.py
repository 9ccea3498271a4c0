"""What a session needs of a client's connection, whether WebRTC or a WebSocket."""

from dataclasses import dataclass
from typing import Protocol


class LineBrokenError(Exception):
    """An event could not be sent; it is sent again when the client is back."""


class LineRefusedError(Exception):
    """The client is there and takes no events, so the session ends; the message says why."""


@dataclass(frozen=True, slots=True)
class LineEnd:
    """Why a connection ended; `lost` means that the client did not end it, and may come back."""

    reason: str
    lost: bool


class Line(Protocol):
    """One connection of a client; a client that comes back has another one."""

    async def wait_open(self) -> bool:
        """Wait until the connection is open or has failed; return whether it is open."""
        ...

    async def read(self) -> LineEnd:
        """Pass on what the client sends until the connection ends."""
        ...

    async def send(self, text: str) -> None:
        """Send an event.

        Raises:
            LineBrokenError: the client is silent or gone.
            LineRefusedError: it is there and takes no events.
        """
        ...

    async def close(self) -> None:
        """Close the connection."""
        ...
