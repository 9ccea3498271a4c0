from contextlib import suppress
from struct import pack

import pytest
from aiortc.rtcsctptransport import (
    SCTP_DATA_FIRST_FRAG,
    WEBRTC_STRING,
    DataChunk,
    HeartbeatChunk,
    SackChunk,
    serialize_packet,
)
from google_crc32c import value as crc32c
from hypothesis import given
from hypothesis import strategies as st

import rtc.monitor
from rtc.aiortc_patches.data_channels import check_parameters
from rtc.limits import PeerLimits
from tests.rtc.client import connected, create_client


async def test_incomplete_messages_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rtc.monitor, "MAX_UNFINISHED_BYTES", 20_000)
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


def chunk(kind: int, body: bytes) -> bytes:
    return pack("!BBH", kind, 0, len(body) + 4) + body + bytes(-len(body) % 4)


PARAMETER = pack("!HH", 7, 8) + bytes(4)
ENDLESS = pack("!HH", 7, 0)


@pytest.mark.parametrize("kind", [4, 5, 6, 9, 130])
def test_a_parameter_without_a_length_is_refused(kind: int) -> None:
    """aiortc would read it again and again, and stop the event loop of the service."""
    check_parameters(bytes(12) + chunk(kind, PARAMETER * 3) + chunk(0, bytes(20)))
    with pytest.raises(ValueError, match="0 bytes"):
        check_parameters(bytes(12) + chunk(0, bytes(17)) + chunk(kind, PARAMETER + ENDLESS))


@pytest.mark.parametrize("kind", [1, 2])
def test_a_parameter_without_a_length_is_refused_in_an_init(kind: int) -> None:
    check_parameters(bytes(12) + chunk(kind, bytes(16) + PARAMETER))
    with pytest.raises(ValueError, match="0 bytes"):
        check_parameters(bytes(12) + chunk(kind, bytes(16) + ENDLESS))


@given(st.binary(max_size=60), st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=20))))
def test_a_packet_of_any_bytes_is_checked_in_bounded_time(
    start: bytes, chunks: list[tuple[int, bytes]]
) -> None:
    with suppress(ValueError):
        check_parameters(start + b"".join(chunk(kind, body) for kind, body in chunks))


async def test_a_heartbeat_with_an_endless_parameter_is_dropped() -> None:
    client = create_client(label="oai-events")
    async with connected(client) as peer:
        await client.opened.wait()
        sctp = client.connection.sctp
        assert sctp is not None
        heartbeat = HeartbeatChunk()
        heartbeat.params = [(1, b"")]
        packet = serialize_packet(5000, 5000, sctp._remote_verification_tag, heartbeat)
        endless = packet[:8] + bytes(4) + packet[12:-4] + ENDLESS
        endless = endless[:8] + pack("<L", crc32c(endless)) + endless[12:]
        await client.transport._send_data(endless)
        assert client.channel is not None
        client.channel.send("still here")
        assert await anext(peer.messages) == "still here"
        assert peer._guards.counters.malformed == 1


async def test_chunks_that_ask_for_too_much_are_dropped() -> None:
    client = create_client(label="oai-events")
    async with connected(client) as peer:
        await client.opened.wait()
        ours, theirs = peer._connection.sctp, client.connection.sctp
        assert ours is not None
        assert theirs is not None
        counters = peer._guards.counters
        sack = SackChunk()
        sack.cumulative_tsn = theirs._last_received_tsn
        sack.gaps = [(1, 65_535)] * 200  # 13 million chunks that were never sent
        await theirs._send_chunk(sack)
        for ahead in (10_000, 100_000):
            far = DataChunk(flags=SCTP_DATA_FIRST_FRAG)
            far.tsn, far.stream_id, far.protocol = theirs._local_tsn + ahead, 1, WEBRTC_STRING
            far.user_data = b"x"
            await theirs._send_chunk(far)
        assert client.channel is not None
        client.channel.send("still here")
        assert await anext(peer.messages) == "still here"
        assert counters.malformed == 3
        assert not ours._sack_misordered
