import asyncio
import re

import pytest
from aioice import Candidate
from aiortc import RTCSessionDescription

from media.clock import LiveClock
from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.aiortc_patches.gathering import LOOPBACK
from rtc.peer import Peer, PeerLimits
from tests.rtc.client import Microphone, collect, create_client, create_offer


@pytest.mark.parametrize("address", ["127.0.0.1", "abcd-1234.local", None])
async def test_a_client_is_reached_on_a_machine_without_a_network(address: str | None) -> None:
    client = create_client(Microphone())
    (gathering,) = transports(client.connection)
    connection = ice_connection(gathering.transport)
    gather = connection.get_component_candidates

    async def only_loopback(component: int, addresses: list[str]) -> list[Candidate]:
        return await gather(component, [LOOPBACK])

    connection.get_component_candidates = only_loopback  # type: ignore[method-assign, assignment]
    offer = await create_offer(client)
    candidates = re.findall(r"a=candidate:.*\r\n", offer)
    assert len(candidates) == 1
    shown = candidates[0].replace("127.0.0.1", address) if address else ""
    offer = offer.replace(candidates[0], shown)
    peer = await Peer.accept(offer, clock=LiveClock())
    loopback = [line for line in peer.answer_sdp.splitlines() if " 127.0.0.1 " in line]
    assert loopback
    answer = re.sub(r"a=candidate:(?!.* 127\.0\.0\.1 ).*\r\n", "", peer.answer_sdp)
    await client.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))
    async with asyncio.timeout(15):
        await collect(peer, sounds=5)
    await peer.close()
    await client.connection.close()


async def test_loopback_is_offered_only_if_enabled() -> None:
    client = create_client(Microphone())
    offer = await create_offer(client)
    peer = await Peer.accept(offer, clock=LiveClock(), limits=PeerLimits(loopback=False))
    assert " 127.0.0.1 " not in peer.answer_sdp
    assert "a=end-of-candidates" in peer.answer_sdp
    await peer.close()
    await client.connection.close()
