import pytest
from aiortc.rtcsctptransport import SCTP_DATA_FIRST_FRAG, WEBRTC_STRING, DataChunk

import rtc.peer
from rtc.peer import PeerLimits
from tests.rtc.client import connected, create_client


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
