"""Recognition by workers of a cluster, which are killed in the middle of a turn: real processes."""

import asyncio

import httpx
import pytest

from tests.patience import PATIENCE
from tests.web.cluster.processes import ClusterProcesses, EdgeProcess
from tests.web.cluster.test_moving import begin, connected, texts
from tests.web.served import WORDS, speech

pytestmark = pytest.mark.slow

DELTA = "conversation.item.input_audio_transcription.delta"


async def workers_of(edge: EdgeProcess, count: int) -> list[str]:
    """Wait until `count` workers compute for `edge`, and return their names."""
    async with httpx.AsyncClient(timeout=PATIENCE) as web, asyncio.timeout(2 * PATIENCE):
        while True:
            workers: list[str] = (await web.get(f"{edge.url}/health")).json()["cluster"]["workers"]
            if len(workers) == count:
                return workers
            await asyncio.sleep(0.05)


async def test_a_turn_has_all_its_words_although_its_workers_are_killed(
    cluster: ClusterProcesses,
) -> None:
    """Both workers are killed in the middle of it; at last this machine recognizes the rest."""
    edge = cluster.edge(0, cluster_models="recognition", cluster_workers=2, longest_gap=30)
    kill = cluster.actor_killer()
    workers = await workers_of(edge, 2)
    async with connected(edge) as client:
        await begin(client)
        await client.append(speech(0.5, loud=False))
        for seconds in (1, 2, 3):
            await client.append(speech(1.0))
            while len(texts(client, DELTA).split()) < 2 * seconds - 1:
                await client.until(DELTA)
            if workers:
                kill(workers.pop())
        await client.append(speech(1.5, loud=False))
        done = await client.until("conversation.item.input_audio_transcription.completed")
    assert done["transcript"].split()[:6] == list(WORDS[:6])
