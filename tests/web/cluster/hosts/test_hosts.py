"""What a cluster of hosts survives: cut cables, dead nodes, slow ones, and restarts under load."""

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, cast

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.patience import PATIENCE
from tests.web.cluster.hosts.conftest import HostCluster
from tests.web.cluster.hosts.network import CGROUP, slow
from tests.web.cluster.processes import EdgeProcess
from tests.web.cluster.test_moving import back, begin, captions, connected, say, texts
from tests.web.cluster.test_spreading import all_known
from tests.web.realtime.test_websocket import Client
from tests.web.served import Served, speech
from tests.web.signaling.calling import Sound, alive, calling
from tests.web.signaling.test_resume import PATH, numbers, returning

pytestmark = pytest.mark.slow

CUT = 10.0  # seconds
ALL_COME: dict[str, object] = {"without_key": True, "requests": 0}
ANSWER = "response.output_audio_transcript.delta"


def start(hosted: HostCluster, **settings: object) -> list[EdgeProcess]:
    return [hosted.edge(number, **ALL_COME, **settings) for number in range(3)]


async def until_held(client: Client) -> None:
    """Ask a question whose answer stops after some words, and read these."""
    await say(client, "please hold this answer")
    while "please" not in texts(client, ANSWER):
        await client.until(ANSWER)


async def whole_answer(client: Client) -> str:
    """Return the answer that takes the place of one that was cut."""
    cut = (await client.until("response.done"))["response"]
    assert (cut["status"], cut["status_details"]["reason"]) == ("incomplete", "moved")
    done = (await client.until("response.done"))["response"]
    assert done["status"] == "completed"
    return str(done["output"][0]["content"][0]["transcript"])


async def test_a_cut_of_ten_seconds_takes_nothing_from_anybody(hosted: HostCluster) -> None:
    """One client goes on elsewhere in the middle of an answer, another one waits."""
    edges = start(hosted)
    await all_known(edges)
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(connected(edges[1]))
        session = await begin(first)
        patient = await stack.enter_async_context(connected(edges[1]))
        await begin(patient)
        await until_held(first)
        hosted.hosts[1].cut()
        healed = asyncio.get_running_loop().time() + CUT
        last = back(session, first)
        first.connection.transport.abort()
        second = await stack.enter_async_context(connected(edges[2], last))
        assert "please hold this answer" in await whole_answer(second)
        await asyncio.sleep(healed - asyncio.get_running_loop().time())
        hosted.hosts[1].heal()
        await all_known(edges)
        await say(second, "the last question")
        assert (await second.until("response.done"))["response"]["status"] == "completed"
        await say(patient, "are you there")
        assert (await patient.until("response.done"))["response"]["status"] == "completed"
        async with asyncio.timeout(PATIENCE):
            while sum([await alive(cast("Served", edge)) for edge in edges]) != 2:
                pass  # until the host that was cut off has ended its copy


async def test_a_call_goes_on_at_another_host(hosted: HostCluster) -> None:
    """A WebRTC client whose host is killed offers anew to another one, at the place of its call."""
    edges = start(hosted)
    await all_known(edges)
    service, other = cast("Served", edges[1]), cast("Served", edges[2])  # they have URLs, too
    async with calling(service, Sound(2.0), path=PATH) as first:
        caption = await first.until("eyeline.caption")
        last, location = first.last, first.location
        edges[1].kill()
        async with returning(other, location, last=last) as second:
            assert (await second.until("eyeline.connection", client="connected"))["waits"] > 0
            again = await second.until("eyeline.caption", final=True)
            assert again["start"] >= caption["start"]
            got = numbers(second.events)
            assert got == sorted(set(got))
            assert got[0] > numbers([{"event_id": last}])[0]
            assert "session.created" not in {event["type"] for event in second.events}


async def test_a_slow_host_answers_all_that_it_is_asked(hosted: HostCluster) -> None:
    """An edge with a tenth of a core is late; if it is too late, its session goes on elsewhere."""
    if not CGROUP.is_dir():
        pytest.skip("needs control groups (version 1) for limits of processor time")
    edges = start(hosted)
    await all_known(edges)
    with slow(edges[1].process.pid, 0.1):
        assert await converse(edges, 1, lambda asked: asked == 5) == 5
    await all_known(edges)


async def test_hosts_that_restart_one_by_one_under_load_lose_nothing(hosted: HostCluster) -> None:
    """Four clients ask one question after the other, and come back wherever a machine is."""
    edges = start(hosted)
    await all_known(edges)
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        enough = partial(_enough, stop)
        clients = [tasks.create_task(converse(edges, n, enough)) for n in range(4)]
        for number in (1, 2, 0):
            await loop.run_in_executor(None, edges[number].terminate)
            again = partial(hosted.edge, number, **ALL_COME)
            edges[number] = await loop.run_in_executor(None, again)
            await all_known(edges)
        stop.set()
    assert min(client.result() for client in clients) > 0


async def test_a_node_that_is_killed_in_the_middle_of_an_answer(hosted: HostCluster) -> None:
    edges = start(hosted)
    await all_known(edges)
    async with connected(edges[2]) as first:
        session = await begin(first)
        await first.append(speech(0.5, loud=False) + speech(1.0) + speech(1.5, loud=False))
        await first.until("response.done")
        await until_held(first)
        edges[2].kill()
        hosted.nodes[2].kill()
        await first.ended()
    async with connected(edges[0], back(session, first)) as second:
        assert "please hold this answer" in await whole_answer(second)
    assert "one two" in await captions(edges[1], session)


def _enough(stop: asyncio.Event, asked: int) -> bool:
    return stop.is_set() and asked > 0


async def converse(edges: Sequence[EdgeProcess], name: int, enough: Callable[[int], bool]) -> int:
    """Ask until there are enough, and return how many; each is answered, and no event comes twice.

    A connection that ends is made anew at the next machine.
    """
    events: list[dict[str, Any]] = []
    asked, at, query = 0, name % 3, "?eyeline=1&resumable=1"
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                async with connected(edges[at], query) as client:
                    client.events = events
                    if not events:
                        await begin(client)
                    while not enough(asked):
                        await ask(client, f"question {asked} of {name}")
                        asked += 1
                    break
            except (ConnectionClosed, InvalidStatus, OSError):
                await asyncio.sleep(0.1)
                at = (at + 1) % 3
                if events:
                    session = events[0]["session"]["id"]
                    query = f"?session={session}&last_event_id={events[-1]['event_id']}"
    got = numbers(events)
    assert got == sorted(set(got))
    return asked


async def ask(client: Client, text: str) -> None:
    """Ask a question, again if another answer is still being given, until it is answered."""
    await say(client, text)
    refused = False
    while True:
        event: dict[str, Any] = json.loads(await client.connection.recv())
        client.events.append(event)
        if event["type"] == "error":
            refused = True
        elif event["type"] == "response.done":
            contents = [each for item in event["response"]["output"] for each in item["content"]]
            if event["response"]["status"] == "completed" and text in contents[0]["transcript"]:
                return
            if refused:
                await client.send("response.create")
                refused = False
