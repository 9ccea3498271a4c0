"""A client that is lost comes back to its session, with aiortc as the client over a real port."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiortc import RTCPeerConnection, RTCSessionDescription

from tests.patience import PATIENCE
from tests.rtc.client import cut_off
from tests.web.realtime.calling import Caller, Sound, calling, no_session_left, offer_of
from tests.web.served import Served, scripted_models, served
from web.config import Settings

pytestmark = pytest.mark.slow

QUICK = {"lost_timeout": 0.4, "call_timeout": 1.0}  # seconds; a busy machine takes its time
PATH = "/v1/realtime/calls?eyeline=1"


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = Settings(sessions=1, resume_timeout=PATIENCE, **QUICK)  # type: ignore[arg-type]
    with scripted_models() as models, served(settings, models) as service:
        yield service


@asynccontextmanager
async def returning(
    service: Served, location: str, *, last: str = "", **headers: str
) -> AsyncIterator[Caller]:
    """Come back to the session at `location`; `last` is the id of the last event."""
    caller = Caller(RTCPeerConnection())
    try:
        caller.listen()
        caller.connection.addTrack(Sound(60.0))
        headers = {"Content-Type": "application/sdp", "Last-Event-ID": last, **headers}
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
            sdp = await offer_of(caller.connection)
            answer = await web.post(location, content=sdp, headers=headers)
        assert answer.status_code == 200, answer.text
        description = RTCSessionDescription(answer.text, "answer")
        await caller.connection.setRemoteDescription(description)
        async with asyncio.timeout(PATIENCE):
            await caller.opened.wait()
        caller.location = location
        yield caller
    finally:
        await caller.connection.close()


async def summary(service: Served, location: str) -> dict[str, Any]:
    async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
        answer = await web.get(f"/sessions/{location.rpartition('/')[2]}")
    found: dict[str, Any] = answer.json()
    return found


async def until(service: Served, location: str, **wanted: object) -> dict[str, Any]:
    """Poll the session until its description has what is `wanted`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await summary(service, location)
            if all(found[name] == value for name, value in wanted.items()):
                return found


def numbers(events: list[dict[str, Any]]) -> list[int]:
    return [int(event["event_id"].rpartition("_")[2]) for event in events]


async def test_a_lost_client_is_noticed_and_comes_back_to_the_same_conversation(
    service: Served,
) -> None:
    async with calling(service, Sound(1.0), path=PATH) as first:
        kept = await first.until("eyeline.connection")
        assert kept["client"] == "connected"
        assert kept["waits"] == PATIENCE
        content = [{"type": "input_text", "text": "remember the cup"}]
        item = {"id": "mine", "type": "message", "role": "user", "content": content}
        first.send("conversation.item.create", item=item)
        await first.until("conversation.item.done")
        done = await first.until("eyeline.caption")
        last = first.events[-1]["event_id"]
        cut_off(first.connection)
        noticed = await until(service, first.location, client="away")
        assert noticed["state"] == "live"
        assert 0 < noticed["ends_in"] <= PATIENCE
        async with returning(service, first.location, last=last) as second:
            back = await second.until("eyeline.connection")
            while back["client"] != "connected":
                back = await second.until("eyeline.connection")
            assert back["events_lost"] is False
            second.send("conversation.item.retrieve", item_id="mine")
            item = (await second.until("conversation.item.retrieved"))["item"]
            assert item["content"] == content
            caption = await second.until("eyeline.caption")
            assert "session.created" not in {event["type"] for event in second.events}
            assert caption["start"] > done["start"], "time goes on"
            found = await summary(service, first.location)
            assert (found["losses"], found["returns"], found["client"]) == (1, 1, "connected")
            got = numbers(second.events)
            assert got == sorted(set(got))
            assert got[0] > numbers([{"event_id": last}])[0]
    await no_session_left(service)
