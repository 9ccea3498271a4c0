import asyncio
import re

import pytest
from aioice import Candidate
from aiortc import RTCSessionDescription
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG, WEBRTC_STRING, DataChunk
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket

import rtc.peer
from media.clock import LiveClock
from rtc import aiortc_patches
from rtc.decoding import DecodingQueue
from rtc.peer import Peer, PeerLimits
from tests.rtc.client import Camera, Microphone, collect, connected, create_client, create_offer


@pytest.mark.parametrize("address", ["127.0.0.1", "abcd-1234.local", None])
async def test_a_client_is_reached_on_a_machine_without_a_network(address: str | None) -> None:
    client = create_client(Microphone())
    (gathering,) = aiortc_patches.transports(client.connection)
    connection = aiortc_patches.ice_connection(gathering.transport)
    gather = connection.get_component_candidates

    async def only_loopback(component: int, addresses: list[str]) -> list[Candidate]:
        return await gather(component, [aiortc_patches.LOOPBACK])

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
        client.channel.send("still here")
        assert await anext(peer.messages) == "still here"
        await collect(peer, pictures=5)
        assert peer._datagrams.malformed == 2
    assert peer.end_reason == "closed by this end"


async def test_incomplete_messages_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rtc.peer, "MAX_UNFINISHED_BYTES", 20_000)
    client = create_client(label="oai-events")
    async with connected(client, PeerLimits(silence_timeout=0.8)) as peer:
        await client.opened.wait()
        sctp, channel = client.connection.sctp, client.channel
        assert sctp is not None
        assert channel is not None
        assert channel.id is not None
        for _ in range(25):
            chunk = DataChunk(flags=SCTP_DATA_FIRST_FRAG)
            chunk.tsn, chunk.stream_id, chunk.protocol = sctp._local_tsn, channel.id, WEBRTC_STRING
            chunk.user_data = b"x" * 1_000
            sctp._local_tsn += 1
            await sctp._send_chunk(chunk)
        await peer.closed.wait()
    assert peer.end_reason == "the client began messages and did not finish them"


async def test_every_decoder_has_a_bounded_queue() -> None:
    client = create_client(Camera(), Microphone())
    async with connected(client) as peer:
        await collect(peer, pictures=2, sounds=2)
        for transceiver in peer._connection.getTransceivers():
            queue = vars(transceiver.receiver)["_RTCRtpReceiver__decoder_queue"]
            assert isinstance(queue, DecodingQueue)
            assert queue.dropped == 0


async def test_network_counters_match_the_traffic() -> None:
    client = create_client(Camera(), Microphone())
    async with connected(client) as peer:
        await collect(peer, pictures=5, sounds=5)
        receptions = aiortc_patches.receptions(peer._connection)
        assert len(receptions) == 2
        assert all(0 < reception.received == reception.expected for reception in receptions)
        assert all(reception.jitter < 1 for reception in receptions)
        size_in, size_out = aiortc_patches.transferred_bytes(peer._connection)
        assert size_in > sum(reception.received for reception in receptions) * 12
        assert size_out > 0
        trip = await aiortc_patches.probe(aiortc_patches.transports(peer._connection)[0])
        assert trip is not None
        assert 0 < trip < 0.5
