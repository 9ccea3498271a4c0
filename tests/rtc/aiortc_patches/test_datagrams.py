from aiortc.rtcsctptransport import WEBRTC_STRING
from aiortc.rtp import RTCP_PSFB_APP, RtcpPsfbPacket

from tests.rtc.client import Camera, collect, connected, create_client


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
