"""One run: two processes over a link of which this process is the path."""

import asyncio
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from tests.bench.transport.logs import Plan, SideLog
from tests.bench.transport.sides import play
from tests.rtc.link import Change, Conditions
from tests.rtc.udp_link import UdpLink, udp_link

WARM_UP = 4.0  # seconds on a good path: bitrates settle
TAIL = 1.5  # seconds after what is measured, in which late frames still count


@dataclass(slots=True)
class Run:
    """What one run showed. The window that is measured is from `begin` to `end`.

    `conditions` came at `begin`. `sent_bytes` went into the link in the direction of the media, and
    `lost` are the packets that did not come out.
    """

    plan: Plan
    begin: float
    end: float
    sender: SideLog
    receiver: SideLog
    delay: float
    sent_bytes: int = 0
    sent: int = 0
    lost: int = 0
    notes: dict[str, Any] = field(default_factory=dict)


class _Child:
    """A process that plays a side."""

    def __init__(self, plan: Plan, *, caller: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=play, args=(theirs, plan), kwargs={"caller": caller}, daemon=True
        )
        self._process.start()
        theirs.close()

    def send(self, message: str) -> None:
        self._pipe.send(message)

    async def receive(self) -> Any:
        return await asyncio.to_thread(self._pipe.recv)

    async def close(self) -> None:
        self._process.join(timeout=0)
        if self._process.is_alive():
            self._process.terminate()
        await asyncio.to_thread(self._process.join)
        self._pipe.close()


async def run(
    plan: Plan,
    changes: Sequence[Change],
    seconds: float,
    *,
    delay: float = 0.0,
    early: bool = False,
) -> Run:
    """Return what happened in `seconds` under `changes`, which apply in both directions.

    Before that, the path only has the delay; with `early` the first change applies from the start.
    """
    before = changes[0][1] if early else Conditions(delay=delay)
    async with udp_link(before, before, seed=plan.seed) as link:
        children = [_Child(plan, caller=True), _Child(plan, caller=False)]
        try:
            return await _measured(plan, link, children, changes, seconds, delay)
        finally:
            for child in children:
                await child.close()


async def _measured(
    plan: Plan,
    link: UdpLink,
    children: Sequence[_Child],
    changes: Sequence[Change],
    seconds: float,
    delay: float,
) -> Run:
    caller, callee = children
    callee.send(link.towards_callee(await caller.receive()))
    caller.send(link.towards_caller(await callee.receive()))
    for child in children:
        assert await child.receive() == "connected"
    await asyncio.sleep(WARM_UP)
    for child in children:
        child.send("begin")
    line = link.up if plan.up else link.down
    before = (line.counters.sent_bytes, line.counters.sent, line.counters.lost)
    begin = time.monotonic()
    link.change(up=changes, down=changes)
    await asyncio.sleep(seconds)
    end = time.monotonic()
    counters = line.counters
    lost = counters.lost + counters.overflowed
    result = Run(plan, begin, end, SideLog(), SideLog(), delay)
    result.sent_bytes = counters.sent_bytes - before[0]
    result.sent, result.lost = counters.sent - before[1], lost - before[2]
    await asyncio.sleep(TAIL)
    for child in children:
        child.send("end")
    logs = [await child.receive() for child in children]
    result.sender, result.receiver = logs if plan.up else reversed(logs)
    return result
