import asyncio
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from aiortc import RTCSessionDescription

from media.clock import LiveClock
from media.frames import VideoFrame
from rtc.limits import PeerLimits
from rtc.peer import Peer
from tests.paths import DATA
from tests.patience import PATIENCE
from tests.rtc.client import Camera, Client, collect, create_client, create_offer
from tests.rtc.link import Conditions
from tests.rtc.udp_link import UdpLink, only_candidate, udp_link


async def connect(
    stack: AsyncExitStack, client: Client, link: UdpLink, limits: PeerLimits | None = None
) -> Peer:
    """Connect `client` to a new peer over `link`; both are closed with `stack`."""
    offer = link.towards_callee(await create_offer(client))
    peer = await Peer.accept(offer, clock=LiveClock(), limits=limits)
    stack.push_async_callback(peer.close)
    stack.push_async_callback(client.connection.close)
    answer = RTCSessionDescription(link.towards_caller(peer.answer_sdp), "answer")
    await client.connection.setRemoteDescription(answer)
    await peer.connected.wait()
    return peer


async def test_two_peers_meet_over_the_link_alone_and_feel_its_delay() -> None:
    conditions = Conditions(delay=0.05)
    async with (
        asyncio.timeout(PATIENCE),
        udp_link(conditions, conditions) as link,
        AsyncExitStack() as stack,
    ):
        client = create_client(Camera(), label="oai-events")
        peer = await connect(stack, client, link)
        items = await collect(peer, pictures=3)
        while (trip := (await peer.stats()).round_trip) is None:
            items += await collect(peer, pictures=1)
        assert trip >= 0.1
        assert any(isinstance(item, VideoFrame) for item in items)
        assert link.up.counters.sent_bytes > 1_000
        assert client.channel is not None
        client.channel.send("over the link")
        assert await anext(peer.messages) == "over the link"


async def test_a_link_that_goes_down_ends_the_peer() -> None:
    async with asyncio.timeout(PATIENCE), udp_link() as link, AsyncExitStack() as stack:
        client = create_client(Camera(), label="oai-events")
        peer = await connect(stack, client, link, PeerLimits(silence_timeout=0.8))
        await collect(peer, pictures=1)
        link.change(up=[(0.0, Conditions(up=False))])
        await peer.closed.wait()
        assert peer.end_reason == "nothing arrived from the client for 0.8 s"
        assert link.up.counters.lost > 0
        assert link.down.counters.lost == 0


@pytest.mark.parametrize("path", sorted((DATA / "sdp").glob("*.sdp")), ids=lambda path: path.stem)
def test_an_offer_keeps_everything_but_its_candidates(path: Path) -> None:
    offer = path.read_bytes().decode()
    changed = only_candidate(offer, 12_345)
    lines = [line for line in changed.splitlines() if "candidate" in line]
    used = [s for s in offer.split("\nm=")[1:] if s.split(" ")[1] != "0"]
    assert lines == ["a=candidate:1 1 udp 2130706431 127.0.0.1 12345 typ host",
                     "a=end-of-candidates"] * len(used)  # fmt: skip
    others = [line for line in changed.splitlines() if "candidate" not in line]
    assert others == [line for line in offer.splitlines() if "candidate" not in line]
