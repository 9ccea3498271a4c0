import asyncio
import gc
import random
import re
from typing import Any

import pytest

from media.clock import LiveClock
from rtc.errors import BadOfferError
from rtc.ice_servers import IceServer
from rtc.limits import PeerLimits
from rtc.negotiation.offer import OfferLimits, read_offer
from rtc.negotiation.signaling import accept_offer, create_answer, create_connection
from rtc.peer import Peer
from rtc.receiving.link import Link
from tests.rtc.client import Camera, assert_no_tasks_left, create_client, create_offer
from tests.rtc.mutations import mutated
from tests.rtc.negotiation.test_offer import CHROMIUM, UNGATHERED

FUZZ_ROUNDS = 150


@pytest.mark.parametrize("text", [CHROMIUM, UNGATHERED])
async def test_the_answer_is_complete_and_names_one_transport(text: str) -> None:
    offer = read_offer(text, OfferLimits())
    connection = create_connection([], Link(LiveClock()))
    await accept_offer(connection, offer)
    sdp = await create_answer(connection, offer, [Camera()])
    await connection.close()
    assert "a=group:BUNDLE 0 1 2" in sdp
    assert sdp.count("a=end-of-candidates") == 3
    assert "a=ice-lite" not in sdp
    assert len(set(re.findall(r"a=ice-ufrag:(\S+)", sdp))) == 1
    assert re.findall(r"a=(sendrecv|sendonly|recvonly|inactive)", sdp) == ["recvonly", "sendrecv"]


@pytest.mark.parametrize("first", ["VP8", "H264"])
async def test_the_codec_that_the_offer_prefers_is_answered_first(first: str) -> None:
    formats = "96 102" if first == "VP8" else "102 96"
    text = re.sub(r"(m=video \d+ [A-Z/]+) .*", rf"\1 {formats}", CHROMIUM)
    offer = read_offer(text, OfferLimits())
    connection = create_connection([], Link(LiveClock()))
    await accept_offer(connection, offer)
    sdp = await create_answer(connection, offer, [])
    await connection.close()
    chosen = re.search(r"m=video \d+ \S+ (\d+)", sdp)
    assert chosen is not None
    assert f"a=rtpmap:{chosen[1]} {first}/90000" in sdp


@pytest.mark.parametrize(
    ("urls", "used"),
    [
        ((), None),
        (("stun:a.example",), ("a.example", 3478)),
        (("stun:[2001:db8::1]:3478",), None),
        (("stun:[2001:db8::1]:3478", "stun:a.example:1"), ("a.example", 1)),
    ],
)
async def test_the_servers_of_a_connection_are_those_given(
    urls: tuple[str, ...], used: tuple[str, int] | None
) -> None:
    connection = create_connection([IceServer(urls)], Link(LiveClock()))
    transceiver = connection.addTransceiver("audio")
    gatherer = transceiver.receiver.transport.transport.iceGatherer
    assert gatherer._connection.stun_server == used
    await connection.close()


@pytest.mark.slow
async def test_damaged_offers_neither_break_a_peer_nor_leave_tasks() -> None:
    before = asyncio.all_tasks()
    unhandled: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    client = create_client(Camera(), label="oai-events")
    sources = [CHROMIUM, (await create_offer(client)).replace("\r", "")]
    await client.connection.close()
    rng = random.Random(5)
    answered = 0
    for round_ in range(FUZZ_ROUNDS):
        try:
            peer = await Peer.accept(
                mutated(sources[round_ % 2], rng),
                clock=LiveClock(),
                limits=PeerLimits(connect_timeout=1.0),
            )
        except BadOfferError:
            continue
        answered += 1
        await peer.close()
    await assert_no_tasks_left(before)
    gc.collect()
    assert unhandled == []
    assert answered > FUZZ_ROUNDS // 5
