"""Nothing that a stranger or a peer sends ends a call, or keeps it from ending."""

import asyncio
import random
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aioice import stun
from aiortc.rtcsctptransport import WEBRTC_STRING
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket, RtpPacket

from rtc.aiortc_patches.connection import ice_connection, transports
from rtc.aiortc_patches.datagrams import MAX_ADDRESSES, MAX_SOURCES
from rtc.aiortc_patches.transceivers import receiver_of
from rtc.peer import Peer
from tests.rtc.client import Camera, Client, Microphone, collect, connected, create_client
from tests.rtc.strangers import no_complaints, send_from_elsewhere


def stun_message(kind: int, *attributes: tuple[int, bytes], length: int | None = None) -> bytes:
    body = b"".join(struct.pack("!HH", type, len(value)) + value for type, value in attributes)
    size = len(body) if length is None else length
    return struct.pack("!HHI", kind, size, stun.COOKIE) + bytes(12) + body


MALFORMED = {
    "nothing": b"",
    "one byte": b"\x00",
    "half a header": bytes(10),
    "unknown method": stun_message(0x0FFF),
    "wrong length": stun_message(1, length=8),
    "short priority": stun_message(1, (0x0024, b"\x01\x02")),
    "short tie-breaker": stun_message(1, (0x8029, b"\x01\x02")),
    "short fingerprint": stun_message(1, (0x8028, b"")),
    "short lifetime": stun_message(0x0101, (0x000D, b"\x01")),
    "odd user name": stun_message(1, (0x0006, b"\xff\xfe\xfd\xfc")),
    "no integrity": stun_message(1, (0x0006, b"abcd")),
    "DTLS": b"\x16\xfe\xfd" + bytes(40),
    "DTLS, one byte": b"\x16",
    "RTP": b"\x80\x60" + bytes(40),
    "RTCP": b"\x80\xc8" + bytes(4),
    "of no kind": b"\xff" * 30,
}


async def assert_alive(client: Client, peer: Peer) -> None:
    """A message of `client` arrives, after all that it has sent before."""
    assert client.channel is not None
    await client.opened.wait()
    client.channel.send("still here")
    assert await anext(peer.messages) == "still here"


def payload_type(client: Client) -> int:
    """Return that of the first codec of the first track."""
    found = client.connection.getTransceivers()[0]._codecs[0].payloadType
    assert found is not None
    return found


async def all_received(peer: Peer, count: int) -> None:
    """Wait until `peer` has received `count` datagrams in all."""
    while peer._guards.counters.datagrams < count:  # noqa: ASYNC110  (a counter has no event)
        await asyncio.sleep(0)


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
async def test_a_datagram_of_a_stranger_is_dropped(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_client(label="oai-events")
    async with no_complaints(caplog), connected(client) as peer:
        await assert_alive(client, peer)
        counters = peer._guards.counters
        datagrams, dropped, malformed = counters.datagrams, counters.dropped, counters.malformed
        sent = send_from_elsewhere(peer, data)
        await all_received(peer, datagrams + sent)
        await assert_alive(client, peer)
        assert counters.dropped == dropped + sent
        assert counters.malformed == malformed
    assert peer.end_reason == "closed by this end"


async def test_a_malformed_datagram_from_the_address_of_the_peer_is_dropped(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = create_client(label="oai-events")
    async with no_complaints(caplog), connected(client) as peer:
        await assert_alive(client, peer)
        (pair,) = ice_connection(client.transport.transport)._nominated.values()
        socket = pair.protocol.transport.get_extra_info("socket")._sock
        for data in MALFORMED.values():
            socket.sendto(data, pair.remote_addr)
        await assert_alive(client, peer)
    assert peer.end_reason == "closed by this end"


async def test_malformed_packets_do_not_end_the_session() -> None:
    client = create_client(Camera(), label="oai-events")
    async with connected(client) as peer:
        await collect(peer, pictures=2)
        await client.opened.wait()
        feedback = b"REMB" + bytes([200, 0, 0, 1])  # says 200 streams, names none
        remb = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=feedback)
        await client.transport._send_rtp(bytes(remb))
        sctp = client.connection.sctp
        assert sctp is not None
        assert client.channel is not None
        assert client.channel.id is not None
        await sctp._send(client.channel.id, WEBRTC_STRING, b"\xff\xfe", ordered=True)  # no UTF-8
        await assert_alive(client, peer)
        await collect(peer, pictures=5)
        assert peer._guards.counters.malformed == 2
    assert peer.end_reason == "closed by this end"


@asynccontextmanager
async def quick_reports(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Let RTCP reports come every 0.1 s instead of about every second."""
    monkeypatch.setattr(random, "random", lambda: -0.4)
    yield


async def test_a_call_with_many_sources_can_be_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_client(Microphone())
    async with no_complaints(caplog), quick_reports(monkeypatch), connected(client) as peer:
        await collect(peer, sounds=5)
        sender = client.connection.getSenders()[0]
        for ssrc in random.Random(1).sample(range(2**32), 320):
            packet = RtpPacket(payload_type(client), 0, 1, 1, ssrc, bytes(20))
            await client.transport._send_rtp(packet.serialize())
            await asyncio.sleep(0)
        await collect(peer, sounds=50)  # a second, with reports about all
        (transceiver,) = peer._connection.getTransceivers()
        assert 1 < len(receiver_of(transceiver).sources) <= MAX_SOURCES
        table = transports(peer._connection)[0]._rtp_router.ssrc_table
        assert len(table) <= MAX_SOURCES
        while sender._ssrc not in table:  # what is heard again is known again
            await collect(peer, sounds=1)
        assert len(table) <= MAX_SOURCES
    assert peer.end_reason == "closed by this end"


async def test_a_timestamp_that_jumps_does_not_keep_a_call_from_closing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_client(Microphone())
    async with no_complaints(caplog), quick_reports(monkeypatch), connected(client) as peer:
        await collect(peer, sounds=5)
        for number in range(400):  # the jitter grows beyond the 32 bits that a report has for it
            packet = RtpPacket(
                payload_type(client), 0, number, number % 2 * (2**32 - 1), 7, bytes(20)
            )
            await client.transport._send_rtp(packet.serialize())
            await asyncio.sleep(0)
        await collect(peer, sounds=50)


async def test_checks_from_many_addresses_are_bounded() -> None:
    client = create_client(label="oai-events")
    async with connected(client) as peer:
        await assert_alive(client, peer)
        ours, theirs = transports(peer._connection)[0].transport, client.transport.transport
        ice, remote = ice_connection(ours), ice_connection(theirs)
        (pair,) = remote._nominated.values()
        request = remote.build_request(pair, nominate=False)
        request.add_message_integrity(ice.local_password.encode())
        protocol = ice._protocols[0]
        for port in range(1_000):
            protocol.datagram_received(bytes(request), ("192.0.2.1", 1_024 + port))
        assert len(ice._remote_candidates) <= MAX_ADDRESSES + 10
        await assert_alive(client, peer)
