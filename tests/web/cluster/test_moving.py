"""Sessions that go on at another edge: real processes that are killed, or end in order."""

import base64
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from PIL import Image
from websockets.asyncio.client import connect

from tests.patience import PATIENCE
from tests.web.cluster.processes import ClusterProcesses, EdgeProcess
from tests.web.cluster.test_spreading import all_known
from tests.web.realtime.test_websocket import Client
from tests.web.served import speech

pytestmark = pytest.mark.slow

NEW = "?eyeline=1&resumable=1"
TRANSCRIBED = {"input": {"transcription": {"model": "whisper-1"}}}


@asynccontextmanager
async def connected(
    edge: EdgeProcess, query: str = "?eyeline=1&resumable=1"
) -> AsyncIterator[Client]:
    url = f"{edge.ws}/v1/realtime{query}"
    # Answers to pings are behind events that a test has not read yet.
    options: dict[str, Any] = {"max_size": None, "open_timeout": PATIENCE, "ping_interval": None}
    async with connect(url, **options) as connection:
        yield Client(connection)


async def begin(client: Client) -> str:
    """Configure transcription; return the session's id."""
    session: str = (await client.until("session.created"))["session"]["id"]
    await client.send("session.update", session={"type": "realtime", "audio": TRANSCRIBED})
    await client.until("session.updated")
    return session


async def say(client: Client, text: str) -> None:
    item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}
    await client.send("conversation.item.create", item=item)
    await client.send("response.create")


def back(session: str, client: Client) -> str:
    return f"?session={session}&last_event_id={client.events[-1]['event_id']}"


def texts(client: Client, type: str) -> str:
    return "".join(each["delta"] for each in client.events if each["type"] == type)


def picture(brightness: int) -> str:
    data = io.BytesIO()
    Image.new("RGB", (64, 48), (brightness,) * 3).save(data, "JPEG")
    return f"data:image/jpeg;base64,{base64.b64encode(data.getvalue()).decode()}"


async def captions(edge: EdgeProcess, session: str) -> str:
    async with httpx.AsyncClient(timeout=PATIENCE) as web:
        return (await web.get(f"{edge.url}/sessions/{session}/captions.vtt")).text


async def test_an_answer_goes_on_after_its_edge_was_killed(cluster: ClusterProcesses) -> None:
    """The client has a part of it, and gets all of it; what was said before is still known."""
    edges = [cluster.edge(number) for number in range(3)]
    await all_known(edges)
    async with connected(edges[1]) as first:
        session = await begin(first)
        await first.append(speech(0.5, loud=False) + speech(1.0) + speech(1.5, loud=False))
        await first.until("response.done")
        await say(first, "tell me when 120")
        await first.until("response.done")
        await say(first, "please hold this answer")
        while "please" not in texts(first, "response.output_audio_transcript.delta").split(".")[-1]:
            await first.until("response.output_audio_transcript.delta")
        edges[1].kill()
        await first.ended()
    async with connected(edges[2], back(session, first)) as second:
        cut = (await second.until("response.done"))["response"]
        assert (cut["status"], cut["status_details"]["reason"]) == ("incomplete", "moved")
        done = (await second.until("response.done"))["response"]
        said = done["output"][0]["content"][0]["transcript"]
        assert done["status"] == "completed"
        assert "please hold this answer" in said
        await second.send("eyeline.video.append", image=picture(120), time=5.0)
        told = (await second.until("response.done"))["response"]
        assert told["metadata"] == {"eyeline.request": "tell me when 120"}
        numbers = [int(each["event_id"].rpartition("_")[2]) for each in second.events]
        assert numbers == sorted(set(numbers))
    assert "one two" in await captions(edges[0], session)


async def test_words_of_a_turn_are_kept_when_its_edge_is_killed(cluster: ClusterProcesses) -> None:
    edges = [cluster.edge(number) for number in range(3)]
    await all_known(edges)
    async with connected(edges[1]) as first:
        session = await begin(first)
        await first.append(speech(0.5, loud=False) + speech(2.0))
        while not texts(first, "conversation.item.input_audio_transcription.delta").startswith(
            "one two three"
        ):
            await first.until("conversation.item.input_audio_transcription.delta")
        edges[1].kill()
        await first.ended()
    async with connected(edges[0], back(session, first)) as second:
        done = await second.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"].startswith("one two three")
        await second.until("response.done")
        await second.append(speech(0.5, loud=False) + speech(1.0) + speech(1.5, loud=False))
        done = await second.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"].startswith("one two")
        await second.until("response.done")


async def test_sessions_survive_the_restart_of_every_edge_one_by_one(
    cluster: ClusterProcesses,
) -> None:
    """Each edge ends in order and starts again; the client is sent away, and comes back."""
    edges = [cluster.edge(number) for number in range(2)]
    await all_known(edges)
    async with connected(edges[0]) as client:
        session = await begin(client)
        await say(client, "the first question")
        await client.until("response.done")
        edges[0].terminate()
        assert (await client.ended())[0] == 1012
    edges[0] = cluster.edge(0)
    await all_known(edges)
    async with connected(edges[1], back(session, client)) as client:
        await client.until("eyeline.connection")
        edges[1].terminate()
        assert (await client.ended())[0] == 1012
    async with connected(edges[0], back(session, client)) as client:
        await say(client, "the last question")
        done = (await client.until("response.done"))["response"]
        assert "the last question" in done["output"][0]["content"][0]["transcript"]
        created = [e for e in client.events if e["type"] == "conversation.item.added"]
        assert created[0]["previous_item_id"] is not None, "the conversation has earlier items"
