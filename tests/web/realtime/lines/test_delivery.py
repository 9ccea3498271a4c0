"""Events reach a client in order and once, however its connections break."""

import asyncio
import json
from collections.abc import AsyncIterator

from media.channel import Channel
from web.protocol.state import Event
from web.realtime.lines.delivery import Delivery, event_number
from web.realtime.lines.line import LineBrokenError, LineEnd, LineRefusedError


class FlakyLine:
    """Takes `room` events, and then breaks or refuses."""

    def __init__(self, room: int, *, refuses: bool = False) -> None:
        self.room = room
        self.got: list[int] = []
        self._refuses = refuses

    async def wait_open(self) -> bool:
        return True

    async def read(self) -> LineEnd:
        raise NotImplementedError

    async def send(self, text: str) -> None:
        await asyncio.sleep(0)
        if len(self.got) >= self.room:
            raise LineRefusedError("not now") if self._refuses else LineBrokenError("gone")
        self.got.append(event_number(json.loads(text)["event_id"]))

    async def close(self) -> None:
        pass


def event(number: int, type: str = "a.b") -> Event:
    return {"type": type, "event_id": f"event_abc_{number}"}


async def text_of(each: Event) -> str:
    return json.dumps(each)


async def test_what_a_broken_line_did_not_take_goes_over_the_next() -> None:
    refusals: list[str] = []
    delivery = Delivery(text_of, on_refusal=refusals.append)
    events: Channel[Event] = Channel(100)
    first, second = FlakyLine(2), FlakyLine(100)
    await delivery.attach(first)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(delivery.run(events))
        for number in range(1, 6):
            await events.send(event(number))
        await events.send(event(6, "eyeline.stats"))
        while delivery._log.after(4) is None:  # noqa: ASYNC110  (it has no event for tests)
            await asyncio.sleep(0)
        assert first.got == [1, 2]
        assert not await delivery.attach(second)
        assert second.got == [3, 4, 5], "and no statistics of a time that is over"
        await events.send(event(7, "eyeline.stats"))
        await events.send(event(8))
        await events.close()
        await running
    assert second.got == [3, 4, 5, 7, 8]
    assert refusals == []


async def test_a_client_says_which_event_was_its_last() -> None:
    delivery = Delivery(text_of, on_refusal=lambda reason: None)

    async def some() -> AsyncIterator[Event]:
        for number in range(1, 10):
            yield event(number)

    await delivery.attach(FlakyLine(100))
    await delivery.run(some())
    third, fourth = FlakyLine(100), FlakyLine(100)
    await delivery.attach(third, after=6)
    assert third.got == [7, 8, 9]
    await delivery.attach(fourth)
    assert fourth.got == []


async def test_a_client_that_is_there_and_takes_nothing_is_reported_once() -> None:
    refusals: list[str] = []
    delivery = Delivery(text_of, on_refusal=refusals.append)

    async def some() -> AsyncIterator[Event]:
        for number in range(1, 5):
            yield event(number)

    await delivery.attach(FlakyLine(1, refuses=True))
    await delivery.run(some())
    assert refusals == ["not now"]
