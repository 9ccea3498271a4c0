"""Lost sound is asked for on the wire, also where sequence numbers wrap."""

from aiortc.rtcrtpparameters import RTCRtpReceiveParameters
from aiortc.rtp import RtcpPacket, RtcpRtpfbPacket, RtpPacket

from media.clock import LiveClock
from rtc.receiving.link import Link
from rtc.receiving.receiver import Receiver
from tests.rtc.receiving.audio.call import OPUS, RED, TICKS, redundant
from tests.rtc.receiving.audio.speech import packets


class Wire:
    """A transport that notes what is asked for."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, list[int]]] = []

    def _register_rtp_receiver(self, *_: object) -> None: ...

    def _unregister_rtp_receiver(self, *_: object) -> None: ...

    async def _send_rtp(self, data: bytes) -> None:
        for packet in RtcpPacket.parse(data):
            if isinstance(packet, RtcpRtpfbPacket):
                self.requests.append((packet.media_ssrc, packet.lost))


async def requested(payload_type: int, payloads: list[bytes], *lost: int) -> set[int]:
    """Return the sequence numbers asked for, if packets are lost of ten, from 65,530 on."""
    wire = Wire()
    receiver = Receiver("audio", wire, Link(LiveClock(), round_trip=0.1))  # type: ignore[arg-type]
    received: list[object] = []
    receiver._deliver = received.append  # type: ignore[method-assign, assignment]
    await receiver.receive(RTCRtpReceiveParameters(codecs=[OPUS, RED]))
    for number, payload in enumerate(payloads):
        if number not in lost:
            packet = RtpPacket(
                payload_type=payload_type,
                sequence_number=(65_530 + number) % 65_536,
                timestamp=number * TICKS,
                ssrc=7,
                payload=payload,
            )
            await receiver._handle_rtp_packet(packet, arrival_time_ms=0)
    await receiver.stop()
    assert {ssrc for ssrc, _ in wire.requests} <= {7}
    return {number for _, numbers in wire.requests for number in numbers}


async def test_lost_packets_are_asked_for_by_their_numbers() -> None:
    assert await requested(111, packets(1.0)[:10], 4, 5, 6, 8) == {65_534, 65_535, 0, 2}


async def test_what_a_later_packet_repeats_is_not_asked_for() -> None:
    assert await requested(63, redundant(packets(1.0)[:10]), 2, 4, 5, 8) == {65_534}
