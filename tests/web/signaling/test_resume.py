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
from tests.web.served import Served, scripted_models, served, session_summary, session_until
from tests.web.signaling.calling import Caller, Sound, calling, no_session_left, offer_of
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
        last = first.last
        cut_off(first.connection)
        noticed = await session_until(service, first.location, client="away")
        assert noticed["state"] == "live"
        assert 0 < noticed["ends_in"] <= PATIENCE
        async with returning(service, first.location, last=last) as second:
            back = await second.until("eyeline.connection", client="connected")
            assert back["events_lost"] is False
            second.send("conversation.item.retrieve", item_id="mine")
            item = (await second.until("conversation.item.retrieved"))["item"]
            assert item["content"] == content
            caption = await second.until("eyeline.caption", final=False)
            assert "session.created" not in {event["type"] for event in second.events}
            assert caption["start"] > done["start"], "time goes on"
            found = await session_summary(service, first.location)
            assert (found["losses"], found["returns"], found["client"]) == (1, 1, "connected")
            got = numbers(second.events)
            assert got == sorted(set(got))
            assert got[0] > numbers([{"event_id": last}])[0]
    await no_session_left(service)


async def test_the_session_that_waits_counts_and_can_be_hung_up(service: Served) -> None:
    async with calling(service, Sound(0.0), path=PATH) as caller:
        cut_off(caller.connection)
        await session_until(service, caller.location, client="away")
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
            headers = {"Content-Type": "application/sdp"}
            full = await web.post(PATH, content="v=0", headers=headers)
            assert (full.status_code, full.json()["error"]["code"]) == (503, "sessions_full")
            unusable = await web.post(caller.location, content="v=0", headers=headers)
            assert unusable.status_code == 400, "and the session waits on"
            assert (await session_summary(service, caller.location))["state"] == "live"
            assert (await web.delete(caller.location)).status_code == 200
            await no_session_left(service)
            over = await web.post(caller.location, content="v=0", headers=headers)
            assert over.status_code == 409


async def test_a_new_connection_takes_the_place_of_one_that_works(service: Served) -> None:
    async with calling(service, Sound(60.0), path=PATH) as first:
        await first.until("eyeline.caption")
        headers = {"If-Match": first.tag}
        async with returning(service, first.location, last=first.last, **headers) as second:
            async with asyncio.timeout(PATIENCE):
                await first.closed.wait()
            await second.until("eyeline.caption")
            assert (await session_summary(service, first.location))["losses"] == 0
            async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
                for header, value, status in (
                    ("If-Match", first.tag, 412),
                    ("Last-Event-ID", "yesterday", 400),
                    ("Content-Type", "text/plain", 415),
                ):
                    given = {"Content-Type": "application/sdp", header: value}
                    answer = await web.post(first.location, content="v=0", headers=given)
                    assert answer.status_code == status
                wrong = first.location.replace("/v1/realtime/calls", "/whip")
                headers = {"Content-Type": "application/sdp"}
                answer = await web.post(wrong, content="v=0", headers=headers)
                assert answer.status_code == 404
    await no_session_left(service)


@pytest.mark.parametrize("patience", [0.0, 0.1])
async def test_a_session_ends_whose_client_does_not_come_back(patience: float) -> None:
    settings = Settings(resume_timeout=patience, **QUICK)  # type: ignore[arg-type]
    with scripted_models() as models, served(settings, models) as service:
        async with calling(service, Sound(0.0)) as caller:
            cut_off(caller.connection)
            await no_session_left(service)
            found = await session_summary(service, caller.location)
    expected = "nothing arrived" if patience == 0 else "did not come back within 0.1 s"
    assert expected in found["end_reason"]


async def test_another_client_does_not_take_a_session_over() -> None:
    settings = Settings(api_key="sesame", resume_timeout=PATIENCE, **QUICK)  # type: ignore[arg-type]
    with scripted_models() as models, served(settings, models) as service:
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
            secrets = []
            for _ in range(2):
                made = await web.post(
                    "/v1/realtime/client_secrets",
                    json={},
                    headers={"Authorization": "Bearer sesame"},
                )
                secrets.append(made.json()["value"])
            async with calling(service, Sound(0.0), path=PATH, key=secrets[0]) as caller:
                cut_off(caller.connection)
                for key, status in (("wrong", 401), (secrets[1], 404), (secrets[0], 400)):
                    headers = {
                        "Content-Type": "application/sdp",
                        "Authorization": f"Bearer {key}",
                    }
                    answer = await web.post(caller.location, content="v=0", headers=headers)
                    assert answer.status_code == status


async def test_a_resumable_call_outlives_a_connection_that_its_client_closes(
    service: Served,
) -> None:
    async with calling(service, Sound(0.5), path=f"{PATH}&resumable=1") as first:
        await first.until("eyeline.connection")
        await first.connection.close()  # in the orderly way, as a page does that is loaded again
        waits = await session_until(service, first.location, client="away")
        assert waits["state"] == "live"
        async with returning(service, first.location, last="event_0") as second:
            await second.until("session.created")  # events of before are sent again
            await second.until("eyeline.connection", client="connected", returns=1)
            async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
                assert (await web.delete(first.location)).status_code == 200
    await no_session_left(service)
