"""A stock aiortc client over real sockets and a lossy path."""

import asyncio
import itertools
from contextlib import AsyncExitStack

from aiortc import RTCSessionDescription

from media.clock import LiveClock
from media.frames import AudioChunk, Gap
from rtc.peer import Peer
from tests.patience import PATIENCE
from tests.rtc.client import Microphone, create_client, create_offer
from tests.rtc.link import Conditions
from tests.rtc.udp_link import udp_link

CHUNKS = 100  # 2 s


async def test_sound_that_is_lost_on_its_way_is_sent_again() -> None:
    async with asyncio.timeout(PATIENCE), udp_link(seed=5) as link, AsyncExitStack() as stack:
        client = create_client(Microphone())
        offer = link.towards_callee(await create_offer(client))
        peer = await Peer.accept(offer, clock=LiveClock())
        stack.push_async_callback(peer.close)
        stack.push_async_callback(client.connection.close)
        answer = RTCSessionDescription(link.towards_caller(peer.answer_sdp), "answer")
        await client.connection.setRemoteDescription(answer)
        await peer.connected.wait()
        link.change(up=[(0.0, Conditions(loss=0.2, delay=0.02))])
        chunks: list[AudioChunk] = []
        concealed = 0.0
        async for item in peer.media:
            if isinstance(item, Gap):
                concealed += (item.end - item.start) * item.concealed
            elif isinstance(item, AudioChunk):
                chunks.append(item)
                if len(chunks) == CHUNKS:
                    break
        lost = link.up.counters.lost
    assert lost >= 5, "of about 110 packets"
    assert concealed < 0.8 * lost * 0.02, "most of it was sent again"
    assert all(before.end == after.start for before, after in itertools.pairwise(chunks))
