"""ICE restarts and late candidates, between a peer and stock aiortc with the same path under it."""

import asyncio
import re

import pytest
from aioice import Candidate, Connection
from aiortc import RTCSessionDescription

from media.clock import LiveClock
from rtc.aiortc_patches.connection import ice_connection
from rtc.aiortc_patches.ice.path import MAX_CANDIDATES, IcePath
from rtc.errors import BadOfferError, PathError
from rtc.limits import PeerLimits
from rtc.negotiation.fragment import read_fragment
from rtc.negotiation.offer import OfferLimits
from rtc.peer import Peer
from tests.patience import PATIENCE
from tests.rtc.client import Client, Microphone, collect, connected, create_client, create_offer

FRAME = "a=group:BUNDLE 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n"


def fragment(username: str, password: str, candidates: list[Candidate]) -> str:
    lines = [f"a=candidate:{candidate.to_sdp()}\r\n" for candidate in candidates]
    return f"{FRAME}a=ice-ufrag:{username}\r\na=ice-pwd:{password}\r\n" + "".join(lines)


async def restart(client: Client, peer: Peer, *, late: bool) -> Connection:
    """Restart ICE as a client does; with `late`, its candidates come in a second fragment."""
    transport = client.transport.transport
    ours = Connection(ice_controlling=True)
    await ours.gather_candidates()
    offered = [] if late else ours.local_candidates
    sdp = fragment(ours.local_username, ours.local_password, offered)
    answer = await peer.change_path(sdp)
    assert answer is not None
    assert answer.startswith(FRAME)
    theirs = read_fragment(answer, OfferLimits())
    ours.remote_username, ours.remote_password = theirs.username, theirs.password
    if late:
        trickled = fragment(ours.local_username, ours.local_password, ours.local_candidates)
        assert await peer.change_path(trickled) is None
    for candidate in theirs.candidates:
        await ours.add_remote_candidate(candidate)
    await ours.add_remote_candidate(None)
    await ours.connect()
    before = ice_connection(transport)
    transport._connection = transport.iceGatherer._connection = ours
    transport._send = ours.send
    vars(transport)["_RTCIceTransport__monitor_task"].cancel()
    vars(transport)["_RTCIceTransport__monitor_task"] = asyncio.ensure_future(transport._monitor())  # noqa: TID251
    await before.close()
    return ours


@pytest.mark.parametrize("late", [False, True])
async def test_a_call_goes_on_over_another_path_after_an_ice_restart(late: bool) -> None:
    client = create_client(Microphone(), label="oai-events")
    async with connected(client, PeerLimits(lost_timeout=0.5, silence_timeout=PATIENCE)) as peer:
        IcePath(client.transport.transport, lambda ice: None)
        await client.opened.wait()
        await collect(peer, sounds=3)
        [path] = peer._guards._paths
        first = path.newest
        for _ in range(2):  # and again
            await restart(client, peer, late=late)
            assert path._restart is not None
            await path._restart
            await peer.messages.send("hello")
            assert await client.messages.get() == "hello"
            seen = peer._guards.counters.authentic
            await collect(peer, sounds=20)
            assert peer._guards.counters.authentic > seen
        assert ice_connection(path._transport) is path.newest is not first
        assert first._protocols == [], "its sockets are closed"
        while peer._link.round_trip is None:  # noqa: ASYNC110  (it has no event)
            await asyncio.sleep(0.05)


async def test_a_restart_that_finds_no_path_leaves_the_one_in_use() -> None:
    client = create_client(Microphone(), label="oai-events")
    async with connected(client) as peer:
        await collect(peer, sounds=3)
        [path] = peer._guards._paths
        nobody = "a=candidate:1 1 udp 2130706431 192.0.2.1 9 typ host\r\n"
        sdp = fragment("abcd", "p" * 24, []) + nobody
        assert await peer.change_path(sdp) is not None
        pending = path.newest
        assert pending is not ice_connection(path._transport)
        await collect(peer, sounds=5)
        assert await peer.change_path(fragment("efgh", "p" * 24, [])) is not None
        assert pending._protocols == [], "one restart at a time"
        await collect(peer, sounds=5)


async def test_candidates_that_come_after_the_offer_are_used() -> None:
    client = create_client(Microphone())
    offer = await create_offer(client)
    bare = re.sub(r"a=(candidate|end-of-candidates).*\r\n", "", offer)
    peer = await Peer.accept(bare, clock=LiveClock())
    [path] = peer._guards._paths
    while path.newest.remote_username is None:  # noqa: ASYNC110  (it has no event)
        await asyncio.sleep(0)
    with pytest.raises(PathError, match="no path yet"):
        await peer.change_path(fragment("abcd", "p" * 24, []))
    ice = ice_connection(client.transport.transport)
    for candidate in ice.local_candidates:  # one by one
        sdp = fragment(ice.local_username, ice.local_password, [candidate])
        assert await peer.change_path(sdp) is None
    assert {each.port for each in path.newest.remote_candidates} == {
        each.port for each in ice.local_candidates
    }
    flood = [
        Candidate("1", 1, "udp", 1, "192.0.2.1", 1000 + port, "host")
        for port in range(2 * MAX_CANDIDATES)
    ]
    for start in range(0, len(flood), 100):
        part = fragment(ice.local_username, ice.local_password, flood[start : start + 100])
        await peer.change_path(part)
    assert len(path.newest.remote_candidates) == MAX_CANDIDATES
    answer = RTCSessionDescription(peer.answer_sdp, "answer")
    await client.connection.setRemoteDescription(answer)
    async with asyncio.timeout(PATIENCE):
        await collect(peer, sounds=3)
    await peer.close()
    await client.connection.close()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a=ice-ufrag:abcd\r\n",
        f"a=ice-ufrag:ab\r\na=ice-pwd:{'p' * 24}\r\n",
        fragment("abcd", "p" * 24, []) + "a=candidate:1 1 udp\r\n",
        fragment("abcd", "p" * 24, []) + "a=candidate:1 1 udp 1 192.0.2.1 70000 typ host\r\n",
        fragment("abcd", "p" * 24, []) + "a=candidate:1 x udp 1 192.0.2.1 7 typ host\r\n",
        fragment("abcd", "p" * 24, []) + "a=candidate:1 1 udp 1 192.0.2.1 7 typ host\r\n" * 200,
    ],
)
def test_a_bad_fragment_is_refused(text: str) -> None:
    with pytest.raises(BadOfferError):
        read_fragment(text, OfferLimits())


def test_candidates_of_no_use_are_left_out() -> None:
    text = fragment("abcd", "p" * 24, []) + (
        "a=candidate:1 2 udp 1 192.0.2.1 7 typ host\r\n"
        "a=candidate:1 1 tcp 1 192.0.2.1 7 typ host tcptype active\r\n"
        "a=candidate:1 1 udp 1 1f4712db.local 7 typ host generation 0 ufrag abcd\r\n"
        "a=candidate:1 1 UDP 1 192.0.2.7 7 typ srflx raddr 0.0.0.0 rport 0\r\n"
    )
    [found] = read_fragment(text, OfferLimits()).candidates
    assert (found.host, found.port, found.type) == ("192.0.2.7", 7, "srflx")
