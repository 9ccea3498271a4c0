"""Sessions of one service on several machines: real processes, scripted models."""

import asyncio
from contextlib import AsyncExitStack

import httpx
import pytest
from aiortc import RTCPeerConnection
from websockets.asyncio.client import connect

from tests.patience import PATIENCE
from tests.web.cluster.processes import ClusterProcesses, EdgeProcess
from tests.web.realtime.test_websocket import Client
from tests.web.signaling.calling import offer_of

pytestmark = pytest.mark.slow


async def all_known(edges: list[EdgeProcess]) -> None:
    """Wait until each edge knows the others."""
    async with httpx.AsyncClient(timeout=PATIENCE) as web, asyncio.timeout(PATIENCE):
        for edge in edges:
            while True:
                health = (await web.get(f"{edge.url}/health")).json()
                if set(health["cluster"]["edges"]) == {each.url for each in edges}:
                    break


async def counts(edges: list[EdgeProcess], **headers: str) -> list[int]:
    """Return how many sessions each edge has had."""
    async with httpx.AsyncClient(timeout=PATIENCE, headers=headers) as web:
        return [len((await web.get(f"{edge.url}/sessions")).json()["sessions"]) for edge in edges]


async def test_sessions_are_spread_and_each_edge_reaches_them_all(
    cluster: ClusterProcesses,
) -> None:
    """Six WebSockets at one edge are two at each; any edge answers for any of them."""
    edges = [cluster.edge(number, captions_kept=0) for number in range(3)]
    await all_known(edges)
    async with AsyncExitStack() as stack, httpx.AsyncClient(timeout=PATIENCE) as web:
        clients, ids = [], []
        for _ in range(6):
            url = f"{edges[0].ws}/v1/realtime?eyeline=1"
            connection = await stack.enter_async_context(connect(url, open_timeout=PATIENCE))
            clients.append(Client(connection))
            ids.append((await clients[-1].until("session.created"))["session"]["id"])
        assert await counts(edges) == [2, 2, 2]
        for session in ids:
            answers = [await web.get(f"{edge.url}/sessions/{session}") for edge in edges]
            assert [each.json()["id"] for each in answers] == [session] * 3
        assert (await web.delete(f"{edges[1].url}/sessions/{ids[5]}")).status_code == 204
        assert await clients[5].ended() == (1000, "")
        gone = [await web.get(f"{edge.url}/sessions/{ids[5]}") for edge in edges]
        assert [each.status_code for each in gone] == [404] * 3, "wherever it was known to be"
        for client in clients[:5]:
            await client.send("response.create")
            assert (await client.until("response.done"))["response"]["status"] == "completed"


async def test_a_call_is_changed_and_ended_through_any_edge(cluster: ClusterProcesses) -> None:
    """PATCH and DELETE find the edge that answered the offer; secrets are known to all."""
    edges = [cluster.edge(number, api_key="key") for number in range(2)]
    await all_known(edges)
    key = {"Authorization": "Bearer key"}
    async with httpx.AsyncClient(timeout=PATIENCE) as web:
        minted = await web.post(f"{edges[0].url}/v1/realtime/client_secrets", headers=key, json={})
        own = {"Authorization": f"Bearer {minted.json()['value']}"}
        for _ in range(2):
            peer = RTCPeerConnection()
            peer.createDataChannel("oai-events")
            answer = await web.post(
                f"{edges[0].url}/whip",
                headers={**own, "Content-Type": "application/sdp"},
                content=await offer_of(peer),
            )
            assert answer.status_code == 201
            location = answer.headers["location"]
            wrong = await web.patch(
                f"{edges[1].url}{location}",
                headers={**own, "Content-Type": "application/trickle-ice-sdpfrag"},
                content="a=ice-ufrag:x",
            )
            assert wrong.status_code == 428  # of the edge that has it: If-Match is missing
            stranger = await web.delete(f"{edges[1].url}{location}")
            assert stranger.status_code == 401
            assert (await web.delete(f"{edges[1].url}{location}", headers=own)).status_code == 200
            await peer.close()
