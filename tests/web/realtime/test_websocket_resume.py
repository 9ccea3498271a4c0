"""A WebSocket client that is lost comes back to its session, over a real socket."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from websockets.asyncio.client import connect

from tests.patience import PATIENCE
from tests.web.realtime.test_websocket import Client, fewer_than
from tests.web.served import Served, scripted_models, served, session_summary, session_until, speech
from web.config import Settings

OWN = "?eyeline=1&resumable=1"
TURN = {"input": {"transcription": {"model": "whisper-1"}}}


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = Settings(sessions=2, resume_timeout=PATIENCE)
    with scripted_models() as models, served(settings, models) as service:
        yield service


@asynccontextmanager
async def connected(service: Served, query: str = OWN, **options: Any) -> AsyncIterator[Client]:
    url = f"{service.ws}/v1/realtime{query}"
    async with connect(url, max_size=None, open_timeout=PATIENCE, **options) as connection:
        yield Client(connection)


async def lose(client: Client) -> None:
    """Break the connection as a network does: without a close frame."""
    client.connection.transport.abort()
    await client.connection.wait_closed()


def number(event: dict[str, Any]) -> int:
    return int(event["event_id"].rpartition("_")[2])


def back(session: str, last: dict[str, Any] | None = None) -> str:
    after = "" if last is None else f"&last_event_id={last['event_id']}"
    return f"?session={session}{after}"


async def begin(client: Client) -> str:
    """Configure transcription; return the session's id."""
    created = await client.until("session.created")
    await client.send("session.update", session={"type": "realtime", "audio": TURN})
    await client.until("session.updated")
    session: str = created["session"]["id"]
    return session


@pytest.fixture(autouse=True)
async def idle(service: Served) -> None:
    await fewer_than(1, service)


async def test_a_lost_client_goes_on_with_its_turn_its_captions_and_its_conversation(
    service: Served,
) -> None:
    async with connected(service) as first:
        session = await begin(first)
        await first.append(speech(0.5, loud=False) + speech(1.0))
        started = await first.until("input_audio_buffer.speech_started")
        await lose(first)
    await session_until(service, session, client="away", state="live")
    async with connected(service, back(session, started)) as second:
        await second.append(speech(1.0) + speech(1.5, loud=False))
        done = await second.until("conversation.item.input_audio_transcription.completed")
        await second.until("response.done")
        assert done["transcript"].startswith("one two three four")
        assert done["item_id"] == started["item_id"]
        found = await session_summary(service, session)
    assert (found["losses"], found["returns"]) == (1, 1)


async def test_each_event_comes_once_and_in_order_over_both_connections(service: Served) -> None:
    async with connected(service) as first:
        session = await begin(first)
        await first.append(speech(0.5, loud=False) + speech(2.0) + speech(1.5, loud=False))
        last = await first.until("conversation.item.added")
        await lose(first)
    async with connected(service, back(session, last)) as second:
        await second.until("response.done")
        if not any(event["type"] == "eyeline.connection" for event in second.events):
            await second.until("eyeline.connection")
    moment = ("eyeline.stats", "eyeline.relevance")  # these are not sent again
    got = [
        number(event) for event in [*first.events, *second.events] if event["type"] not in moment
    ]
    assert got == sorted(set(got))
    lost = set(range(got[0], got[-1])) - set(got)
    stats = sum(event["type"] in moment for event in [*first.events, *second.events])
    assert len(lost) <= stats + 4, "only events of the moment are missing"


async def test_a_new_connection_takes_the_place_of_one_that_is_still_there(
    service: Served,
) -> None:
    async with connected(service) as first:
        session = await begin(first)
        async with connected(service, back(session)) as second:
            assert await first.ended() == (4001, "")
            await second.send("session.update", session={"type": "realtime", "audio": TURN})
            await second.until("session.updated")


async def test_a_client_that_does_not_read_can_come_back_at_once(service: Served) -> None:
    """The old connection's full buffers hold nothing up."""
    async with connected(service, max_queue=1, compression=None) as first:
        session = await begin(first)
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "a" * 100_000}],
        }
        for _ in range(100):  # 10 MB of answers that it does not read
            await first.send("conversation.item.create", item=item)
        async with connected(service, back(session)) as second:
            await second.send("session.update", session={"type": "realtime", "audio": TURN})
            await second.until("session.updated")
            first.connection.transport.abort()


async def test_a_session_ends_with_its_connection_unless_the_client_asked_otherwise(
    service: Served,
) -> None:
    async with connected(service, "?eyeline=1") as client:
        session = await begin(client)
        await lose(client)
    found = await session_until(service, session, state="ended")
    assert found["end_reason"].startswith("the client left, code 1006")


async def test_a_client_that_closes_in_the_orderly_way_has_left(service: Served) -> None:
    async with connected(service) as client:
        session = await begin(client)
    found = await session_until(service, session, state="ended")
    assert found["end_reason"] == "the client left, code 1000"


async def test_a_client_that_stays_away_too_long_finds_its_session_over() -> None:
    settings = Settings(resume_timeout=0.3)
    with scripted_models() as models, served(settings, models) as service:
        async with connected(service) as client:
            session = await begin(client)
            await lose(client)
        found = await session_until(service, session, state="ended")
        assert found["end_reason"] == "the client did not come back within 0.3 s"
        async with connected(service, back(session)) as late:
            error = await late.until("error")
            assert error["error"]["code"] == "session_over"
            assert "start another one" in error["error"]["message"]
            assert (await late.ended())[0] == 4404


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("?session=sess_unknown", "session_over"),
        ("?session=", "session_over"),
        ("?session=sess_unknown&last_event_id=none", "invalid_value"),
    ],
)
async def test_what_cannot_be_resumed_is_refused_with_a_reason(
    service: Served, query: str, code: str
) -> None:
    async with connected(service, query) as client:
        error = await client.until("error")
        assert error["error"]["code"] == code
        assert (await client.ended())[0] == 4404


async def test_a_client_secret_resumes_its_own_sessions_only() -> None:
    settings = Settings(api_key=SecretStr("key"), resume_timeout=PATIENCE)
    with scripted_models() as models, served(settings, models) as service:
        secrets = [await _secret(service) for _ in range(2)]
        own, other = ({"Authorization": f"Bearer {secret}"} for secret in secrets)
        async with connected(service, additional_headers=own) as first:
            session = await begin(first)
            await lose(first)
        async with connected(service, back(session), additional_headers=other) as stranger:
            assert (await stranger.until("error"))["error"]["code"] == "session_over"
        async with connected(service, back(session), additional_headers=own) as second:
            await second.send("session.update", session={"type": "realtime", "audio": TURN})
            await second.until("session.updated")


async def _secret(service: Served) -> str:
    headers = {"Authorization": "Bearer key"}
    async with httpx.AsyncClient(base_url=service.http, headers=headers) as web:
        answer = await web.post("/v1/realtime/client_secrets", json={})
    value: str = json.loads(answer.text)["value"]
    return value
