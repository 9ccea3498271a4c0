"""The layers of a simulcast at one receiver of aiortc, packet by packet."""

from collections.abc import AsyncIterator

import pytest
from aiortc import RTCRtpReceiver
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from media.sizes import SizeLimits
from rtc.aiortc_patches.simulcast import UNKNOWN, SimulcastReceiver
from rtc.layers import REQUEST_INTERVAL
from rtc.negotiation.signaling import create_connection

VP8, RTX = 96, 97
SMALL, LARGE = 1000, 2000  # SSRCs
START = bytes(VpxPayloadDescriptor(partition_start=1, partition_id=0))


def keyframe(width: int, height: int) -> bytes:
    """Return the start of a VP8 keyframe: RFC 6386, section 9.1."""
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return START + b"\x10\x00\x00\x9d\x01\x2a" + size + bytes(20)


class Bench:
    """A receiver whose packets and requests of keyframes are noted."""

    def __init__(self, receiver: RTCRtpReceiver) -> None:
        self.taken: list[tuple[int, int]] = []
        self.requests: list[int] = []
        self.private = vars(receiver)
        self.private["_RTCRtpReceiver__codecs"] = {
            VP8: RTCRtpCodecParameters("video/VP8", 90_000, payloadType=VP8),
            RTX: RTCRtpCodecParameters(
                "video/rtx", 90_000, payloadType=RTX, parameters={"apt": VP8}
            ),
        }
        receiver._handle_rtp_packet = self._note  # type: ignore[method-assign]
        receiver._send_rtcp_pli = self._ask  # type: ignore[method-assign]
        limits = SizeLimits(longer=1280, shorter=720)
        SimulcastReceiver(receiver, limits, layers=["s", "l"], retransmissions={1001: SMALL})
        self.receiver = receiver
        self._sent = 0

    async def _note(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        if packet.payload_type != UNKNOWN:
            self.taken.append((packet.ssrc, packet.payload_type))

    async def _ask(self, media_ssrc: int) -> None:
        self.requests.append(media_ssrc)

    async def send(
        self,
        ssrc: int,
        payload: bytes = START + b"\x01",
        *,
        kind: int = VP8,
        rid: str | None = None,
        repaired: str | None = None,
    ) -> None:
        self._sent += 1
        packet = RtpPacket(
            payload_type=kind, sequence_number=self._sent, timestamp=3000 * self._sent
        )
        packet.ssrc, packet.payload = ssrc, payload
        packet.extensions.rtp_stream_id = rid
        packet.extensions.repaired_rtp_stream_id = repaired
        await self.receiver._handle_rtp_packet(packet, arrival_time_ms=0)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    connection = create_connection([])
    yield Bench(connection.addTransceiver("video").receiver)
    await connection.close()


async def test_packets_of_other_layers_end_before_the_jitter_buffer(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    await bench.send(LARGE, keyframe(1280, 720), rid="l")
    await bench.send(SMALL)
    await bench.send(LARGE)
    assert bench.taken == [(SMALL, VP8), (LARGE, VP8), (LARGE, VP8)]
    # The sender is told how those arrive, too.
    assert bench.private["_RTCRtpReceiver__remote_streams"][SMALL].packets_received == 1


async def test_a_keyframe_of_a_layer_of_unknown_size_is_requested(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    for _ in range(REQUEST_INTERVAL):
        await bench.send(SMALL)
        await bench.send(LARGE, rid="l")
    assert bench.requests == [LARGE]


async def test_retransmissions_of_the_chosen_layer_alone_are_taken(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    await bench.send(1001, kind=RTX)  # named in the offer
    await bench.send(LARGE, keyframe(1280, 720), rid="l")
    await bench.send(1001, kind=RTX)
    await bench.send(2001, kind=RTX, repaired="l")
    await bench.send(2001, kind=RTX)  # Chromium names it only at first
    await bench.send(3001, kind=RTX)  # of nothing known
    assert bench.taken == [(SMALL, VP8), (1001, RTX), (LARGE, VP8), (2001, RTX), (2001, RTX)]


async def test_any_number_of_invented_identifiers_leaves_a_bounded_state(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    for index in range(200):
        await bench.send(5000 + index, rid=f"x{index}")
        await bench.send(6000 + index, kind=RTX, repaired="s")
    assert len(bench.private["_RTCRtpReceiver__rtx_ssrc"]) == 1
