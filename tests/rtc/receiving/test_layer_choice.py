"""The layers of a simulcast at one receiver, packet by packet."""

from collections.abc import AsyncIterator

import pytest
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpparameters import (
    RTCRtpCodecParameters,
    RTCRtpReceiveParameters,
)
from aiortc.rtp import RTCP_PSFB_PLI, RtcpPacket, RtcpPsfbPacket, RtpPacket

from media.clock import LiveClock
from media.sizes import SizeLimits
from rtc.receiving import receiver as receiver_module
from rtc.receiving.layer_choice import LayerChoice
from rtc.receiving.layers import REQUEST_INTERVAL
from rtc.receiving.link import Link
from rtc.receiving.receiver import Receiver
from rtc.receiving.stream import Deliver, SenderReport, Stream, StreamFeedback

VP8, RTX = 96, 97
SMALL, LARGE = 1000, 2000  # SSRCs
START = bytes(VpxPayloadDescriptor(partition_start=1, partition_id=0))

REPEATED = b"\x00\x01" + START  # RFC 4588, section 4


def keyframe(width: int, height: int) -> bytes:
    """Return the start of a VP8 keyframe: RFC 6386, section 9.1."""
    size = width.to_bytes(2, "little") + height.to_bytes(2, "little")
    return START + b"\x10\x00\x00\x9d\x01\x2a" + size + bytes(20)


class Noted:
    """A stream that notes what it is given."""

    def __init__(self) -> None:
        self.taken: list[tuple[int, bool]] = []
        self.restarts = 0

    def receive(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters, now: float, *, repeated: bool
    ) -> StreamFeedback:
        self.taken.append((packet.ssrc, repeated))
        return StreamFeedback()

    def poll(self, now: float) -> StreamFeedback:
        return StreamFeedback()

    def restart(self) -> None:
        self.restarts += 1

    def report(self, report: SenderReport, now: float) -> None: ...

    def stop(self) -> None: ...

    async def stopped(self) -> None: ...


class Wire:
    """A transport that notes which sources are asked for a keyframe."""

    def __init__(self) -> None:
        self.requests: list[int] = []

    def _register_rtp_receiver(self, *_: object) -> None: ...

    def _unregister_rtp_receiver(self, *_: object) -> None: ...

    async def _send_rtp(self, data: bytes) -> None:
        for packet in RtcpPacket.parse(data):
            if isinstance(packet, RtcpPsfbPacket) and packet.fmt == RTCP_PSFB_PLI:
                self.requests.append(packet.media_ssrc)


class Bench:
    """A receiver with a stream and a transport that note what happens."""

    def __init__(self) -> None:
        self.stream, self.wire = Noted(), Wire()
        self.receiver = Receiver("video", self.wire, Link(LiveClock()))  # type: ignore[arg-type]
        limits = SizeLimits(longer=1280, shorter=720)
        self.receiver.layers = LayerChoice(limits, layers=["s", "l"], retransmissions={1001: SMALL})
        self._sent = 0

    async def start(self) -> None:
        vp8 = RTCRtpCodecParameters("video/VP8", 90_000, payloadType=VP8)
        rtx = RTCRtpCodecParameters("video/rtx", 90_000, payloadType=RTX, parameters={"apt": VP8})
        await self.receiver.receive(RTCRtpReceiveParameters(codecs=[vp8, rtx]))

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
async def bench(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Bench]:
    made = Bench()

    def create(kind: str, link: Link, deliver: Deliver) -> Stream:
        return made.stream

    monkeypatch.setattr(receiver_module, "create_stream", create)
    await made.start()
    yield made
    await made.receiver.stop()


async def test_packets_of_other_layers_end_before_the_jitter_buffer(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    await bench.send(LARGE, keyframe(1280, 720), rid="l")
    await bench.send(SMALL)
    await bench.send(LARGE)
    assert bench.stream.taken == [(SMALL, False), (LARGE, False), (LARGE, False)]
    assert bench.stream.restarts == 2
    # The sender is told how those arrive, too.
    assert {ssrc: source.received for ssrc, source in bench.receiver.sources} == {
        SMALL: 2,
        LARGE: 2,
    }


async def test_a_keyframe_of_a_layer_of_unknown_size_is_requested(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    for _ in range(REQUEST_INTERVAL):
        await bench.send(SMALL)
        await bench.send(LARGE, rid="l")
    assert bench.wire.requests == [LARGE]


async def test_retransmissions_of_the_chosen_layer_alone_are_taken(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    await bench.send(1001, REPEATED, kind=RTX)  # named in the offer
    await bench.send(LARGE, keyframe(1280, 720), rid="l")
    await bench.send(1001, REPEATED, kind=RTX)
    await bench.send(2001, REPEATED, kind=RTX, repaired="l")
    await bench.send(2001, REPEATED, kind=RTX)  # Chromium names it only at first
    await bench.send(3001, REPEATED, kind=RTX)  # of nothing known
    assert bench.stream.taken == [
        (SMALL, False),
        (SMALL, True),
        (LARGE, False),
        (LARGE, True),
        (LARGE, True),
    ]


async def test_any_number_of_invented_identifiers_leaves_a_bounded_state(bench: Bench) -> None:
    await bench.send(SMALL, keyframe(320, 180), rid="s")
    for index in range(200):
        await bench.send(5000 + index, rid=f"x{index}")
        await bench.send(6000 + index, REPEATED, kind=RTX, repaired="s")
    assert len(bench.receiver.retransmissions) == 1
