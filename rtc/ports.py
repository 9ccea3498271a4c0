"""A range of UDP ports for media, so that a firewall or a container can let them through."""

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Self, TypeVar

P = TypeVar("P", bound=asyncio.DatagramProtocol)

LOWEST, HIGHEST = 1024, 65535  # ports that need no privileges


@dataclass(frozen=True, slots=True)
class PortRange:
    """The ports from `first` to `last`.

    Raises:
        ValueError: they are no range of ports.
    """

    first: int
    last: int

    def __post_init__(self) -> None:
        if not LOWEST <= self.first <= self.last <= HIGHEST:
            raise ValueError(f"expected FIRST-LAST with ports from {LOWEST} to {HIGHEST}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse FIRST-LAST.

        Raises:
            ValueError: `text` is not such a range.
        """
        first, dash, last = text.partition("-")
        if not (dash and first.strip().isdecimal() and last.strip().isdecimal()):
            raise ValueError(f"expected FIRST-LAST, as in 49300-49399, got {text!r}")
        return cls(int(first), int(last))

    def shuffled(self) -> Iterator[int]:
        """Yield each port once: from any place on, so that few are tried that are in use."""
        count = self.last - self.first + 1
        start = random.randrange(count)
        return (self.first + (start + index) % count for index in range(count))


async def bind(
    make: Callable[[], P], address: str, ports: PortRange | None
) -> tuple[asyncio.DatagramTransport, P]:
    """Return a UDP socket at `address`, at a free port of `ports`, or at any.

    Raises:
        OSError: the address cannot be used, or no port is free.
    """
    loop = asyncio.get_running_loop()
    error = OSError(f"no UDP port of {ports} is free at {address}: set a larger range")
    for port in [0] if ports is None else ports.shuffled():
        try:
            return await loop.create_datagram_endpoint(make, local_addr=(address, port))
        except OSError as found:
            error = error if ports is not None else found
    raise error
