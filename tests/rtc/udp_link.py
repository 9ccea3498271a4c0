"""Runs the model of a path between the real sockets of two peers.

    async with udp_link(up, down, seed=1) as link:
        answer = link.towards_callee(offer)  # what the callee gets in place of the caller's offer
        ...

Each peer sees one address of this machine in place of the other's. `up` is from the caller to the
callee. Packets of the handshake meet the same conditions as all others: begin with a clean line and
call `change` once the peers have connected, unless the handshake is what is tested.
"""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, cast

from tests.rtc.link import Change, Conditions, Line

Address = tuple[Any, ...]
HOST = "127.0.0.1"
BUFFER = 1 << 20  # bytes that the kernel keeps for a socket: more than a burst of a keyframe
CANDIDATES = re.compile(r"^a=(candidate:.*|end-of-candidates)\r?\n", re.MULTILINE)


def only_candidate(sdp: str, port: int) -> str:
    """Return `sdp` with `port` of this machine as the only candidate of each section in use."""
    line = f"a=candidate:1 1 udp 2130706431 {HOST} {port} typ host\r\na=end-of-candidates\r\n"
    session, *sections = re.split(r"^(?=m=)", CANDIDATES.sub("", sdp), flags=re.MULTILINE)
    for number, section in enumerate(sections):
        used = re.match(r"m=\w+ (?!0 )\d+", section)
        sections[number] = section + line if used else section
    return "".join([session, *sections])


class _Socket(asyncio.DatagramProtocol):
    """Gives each datagram to `take`, and keeps the address that the last one came from."""

    def __init__(self) -> None:
        self.peer: Address | None = None
        self.take: Callable[[bytes], None] | None = None
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # no subclass before 3.12
        kernel = transport.get_extra_info("socket")
        kernel.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)

    def datagram_received(self, data: bytes, addr: Address) -> None:
        self.peer = addr
        if self.take is not None:
            self.take(data)

    def send(self, data: bytes) -> None:
        if self.peer is not None and self._transport is not None:
            self._transport.sendto(data, self.peer)

    @property
    def port(self) -> int:
        assert self._transport is not None
        port: int = self._transport.get_extra_info("sockname")[1]
        return port

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


class _Runner:
    """Runs one line by the event loop's clock: what arrives is given to `deliver`."""

    def __init__(self, line: Line, deliver: Callable[[bytes], None]) -> None:
        self.line = line
        self._deliver = deliver
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def send(self, data: bytes) -> None:
        self.line.send(self._loop.time(), data)
        self._turn()

    def _turn(self) -> None:
        """Deliver what has arrived, and wait for the next."""
        for data in self.line.receive(self._loop.time()):
            self._deliver(data)
        self.stop()
        due = self.line.next_time()
        if due is not None:
            self._timer = self._loop.call_at(due, self._turn)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()


class UdpLink:
    """A path between a caller and a callee; `up` leads to the callee, `down` to the caller."""

    def __init__(self, up: Line, down: Line) -> None:
        self.up = up
        self.down = down
        self._caller, self._callee = _Socket(), _Socket()
        self._runners = [_Runner(up, self._callee.send), _Runner(down, self._caller.send)]
        self._caller.take, self._callee.take = (runner.send for runner in self._runners)

    async def open(self) -> None:
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(lambda: self._caller, local_addr=(HOST, 0))
        await loop.create_datagram_endpoint(lambda: self._callee, local_addr=(HOST, 0))

    def towards_callee(self, offer: str) -> str:
        """Return the caller's offer as the callee should get it."""
        return only_candidate(offer, self._callee.port)

    def towards_caller(self, answer: str) -> str:
        """Return the callee's answer as the caller should get it."""
        return only_candidate(answer, self._caller.port)

    def change(
        self, *, up: Iterable[Change] | None = None, down: Iterable[Change] | None = None
    ) -> None:
        """Follow other schedules from now on; a direction that is not named goes on as it is."""
        now = asyncio.get_running_loop().time()
        for line, schedule in ((self.up, up), (self.down, down)):
            if schedule is not None:
                line.follow(schedule, start=now)

    def close(self) -> None:
        for runner in self._runners:
            runner.stop()
        for each in (self._caller, self._callee):
            each.close()


@asynccontextmanager
async def udp_link(
    up: Conditions | None = None, down: Conditions | None = None, *, seed: int = 0
) -> AsyncIterator[UdpLink]:
    """Open a link; each direction has losses of its own."""
    lines = [
        Line([(0.0, conditions or Conditions())], seed=2 * seed + number)
        for number, conditions in enumerate((up, down))
    ]
    link = UdpLink(*lines)
    await link.open()
    try:
        yield link
    finally:
        link.close()
