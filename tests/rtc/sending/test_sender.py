"""Our sender towards stock aiortc, over real sockets."""

import asyncio
from collections.abc import Callable

import numpy as np
from aiortc.codecs.vpx import VpxPayloadDescriptor
from aiortc.rtcrtpparameters import RTCRtpHeaderExtensionParameters, RTCRtpParameters
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_PSFB_PLI,
    RTCP_RTPFB_NACK,
    HeaderExtensionsMap,
    RtcpPsfbPacket,
    RtcpRtpfbPacket,
    RtpPacket,
    is_rtcp,
    pack_remb_fci,
)

from media.frames import VideoFrame
from rtc.aiortc_patches.transceivers import sender_of
from rtc.allocation.regions import Box, Region
from rtc.congestion.feedback import URI, Feedback
from rtc.peer import Peer
from rtc.sending.sender import Sender
from rtc.sending.video.encoding import VideoEncoding, Vp8Encoding
from tests.rtc.client import Client, clip, connected, create_client, create_offer, offer_only
from tests.rtc.congestion.numbering import EXTENSION, with_numbers


class Heard:
    """The packets that a client gets from the peer's video."""

    def __init__(self, client: Client) -> None:
        self.packets: list[RtpPacket] = []
        self.changed = asyncio.Condition()
        self._extensions = HeaderExtensionsMap()
        self._extensions.configure(
            RTCRtpParameters(headerExtensions=[RTCRtpHeaderExtensionParameters(EXTENSION, URI)])
        )
        self._take = client.transport._handle_rtp_data
        client.transport._handle_rtp_data = self._note  # type: ignore[method-assign]

    async def _note(self, data: bytes, arrival_time_ms: int) -> None:
        async with self.changed:
            self.packets.append(RtpPacket.parse(data, self._extensions))
            self.changed.notify_all()
        await self._take(data, arrival_time_ms=arrival_time_ms)

    async def until(self, done: Callable[[], bool]) -> None:
        async with self.changed:
            await self.changed.wait_for(done)

    async def next(self) -> None:
        """Wait for another packet."""
        count = len(self.packets)
        await self.until(lambda: len(self.packets) > count)

    def keyframes(self, ssrc: int) -> int:
        """Return how many VP8 keyframes have begun: RFC 6386, section 9.1."""
        count = 0
        for packet in self.packets:
            if packet.ssrc == ssrc and packet.payload:
                descriptor, data = VpxPayloadDescriptor.parse(packet.payload)
                count += bool(descriptor.partition_start) and not data[0] & 1
        return count


def video_sender(peer: Peer) -> Sender:
    (sender,) = [sender_of(t) for t in peer._connection.getTransceivers() if t.kind == "video"]
    return sender


async def show(peer: Peer, count: int, first: int = 0) -> None:
    """Show `count` frames, 30 a second by their timestamps."""
    pixels = [frame.to_ndarray(format="rgb24") for frame in clip()[0][:10]]
    for index in range(first, first + count):
        peer.show(VideoFrame(np.ascontiguousarray(pixels[index % 10]), 3000 * index))
        await asyncio.sleep(0)


def feedback(sender: Sender, kind: int, fci: bytes = b"") -> bytes:
    return bytes(RtcpPsfbPacket(fmt=kind, ssrc=1, media_ssrc=sender._ssrc, fci=fci))


async def test_a_keyframe_is_made_of_the_last_frame_when_none_comes() -> None:
    client = create_client(listens=["video"])
    async with connected(client) as peer:
        heard, sender = Heard(client), video_sender(peer)
        await show(peer, 1)
        await heard.until(lambda: heard.keyframes(sender._ssrc) == 1)
        await client.transport._send_rtp(feedback(sender, RTCP_PSFB_PLI) * 3)
        await heard.until(lambda: heard.keyframes(sender._ssrc) == 2)
        times = [packet.timestamp for packet in heard.packets if packet.ssrc == sender._ssrc]
        assert len(set(times)) == 2


async def test_a_missing_packet_is_sent_again_in_a_stream_of_its_own() -> None:
    client = create_client(listens=["video"])
    async with connected(client) as peer:
        heard, sender = Heard(client), video_sender(peer)
        await show(peer, 1)
        await heard.until(lambda: any(packet.marker for packet in heard.packets))
        first, count = heard.packets[0], len(heard.packets)
        nack = RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, sender._ssrc, [first.sequence_number])
        await client.transport._send_rtp(bytes(nack) * 2)
        await heard.until(lambda: len(heard.packets) > count)
        again = heard.packets[-1]
        assert again.ssrc == sender._rtx_ssrc
        assert again.payload == first.sequence_number.to_bytes(2, "big") + first.payload


async def test_without_such_a_stream_it_is_sent_again_byte_by_byte() -> None:
    client = create_client(listens=["video"])
    offer_only(client, "video", "video/VP8")
    async with connected(client) as peer:
        sender = video_sender(peer)
        sent: list[bytes] = []
        more, send = asyncio.Event(), sender.transport._send_rtp

        async def note(data: bytes) -> None:
            await send(data)
            if not is_rtcp(data):
                sent.append(data)
                more.set()

        sender.transport._send_rtp = note  # type: ignore[method-assign]
        await show(peer, 1)
        await more.wait()
        number = RtpPacket.parse(sent[0]).sequence_number
        nack = RtcpRtpfbPacket(RTCP_RTPFB_NACK, 1, sender._ssrc, [number])
        await client.transport._send_rtp(bytes(nack))
        while sent.count(sent[0]) < 2:
            more.clear()
            await more.wait()


async def test_the_estimate_of_the_client_bounds_the_encoder() -> None:
    client = create_client(listens=["video", "audio"])
    async with connected(client) as peer:
        heard, sender = Heard(client), video_sender(peer)
        remb = feedback(sender, RTCP_PSFB_APP, pack_remb_fci(173_000, [sender._ssrc]))
        await client.transport._send_rtp(remb)
        encoding = sender.encoding
        assert isinstance(encoding, VideoEncoding)
        first = 0
        while encoding._codec.encoder.bitrate > 173_000:
            await show(peer, 1, first)
            first += 1
            await heard.next()
        assert encoding._codec.encoder.bitrate >= 30_000


async def test_packets_are_numbered_and_late_ones_cost_bitrate() -> None:
    client = create_client(listens=["video", "audio"])
    offer = with_numbers(await create_offer(client))
    async with connected(client, offer=offer) as peer:
        heard, sender = Heard(client), video_sender(peer)
        await heard.until(lambda: len(heard.packets) >= 30)
        numbers = [packet.extensions.transport_sequence_number for packet in heard.packets]
        assert numbers == list(range(numbers[0] or 0, (numbers[0] or 0) + len(numbers)))
        assert sender._outlet is not None
        before = sender._outlet.rate.target
        lost = Feedback(
            sender_ssrc=1,
            media_ssrc=sender._ssrc,
            number=0,
            base=numbers[0] or 0,
            arrivals=tuple(40 * place * place for place in range(30)),
        )
        await client.transport._send_rtp(bytes(lost))
        rate = sender._outlet.rate
        await heard.until(lambda: rate.target < before)


async def test_a_damaged_report_is_dropped_and_the_call_goes_on() -> None:
    client = create_client(listens=["video", "audio"])
    async with connected(client) as peer:
        heard = Heard(client)
        broken = bytes(Feedback(sender_ssrc=1, media_ssrc=1, number=0, base=0, arrivals=(1, 2)))
        await client.transport._send_rtp(broken[:-8] + bytes(2) + broken[-6:])
        await heard.until(lambda: len(heard.packets) >= 20)
        assert not peer.closed.is_set()


async def test_regions_reach_the_encoder_where_bits_are_scarce() -> None:
    client = create_client(listens=["video"])
    region = Region(Box(0, 0, 0.5, 0.5), 0)
    async with connected(client) as peer:
        heard, sender = Heard(client), video_sender(peer)
        await show(peer, 1)
        await heard.until(lambda: any(packet.marker for packet in heard.packets))
        assert sender._outlet is not None
        sender._outlet.rate.estimate(60_000)
        peer.favour((region, Region(Box(0, 0, 1, 1), 20)))
        before = len(heard.packets)
        await show(peer, 1, first=1)
        await heard.until(lambda: len(heard.packets) > before)
        encoding = sender.encoding
        assert isinstance(encoding, VideoEncoding)
        assert isinstance(encoding._codec, Vp8Encoding)
        levels = encoding._codec.encoder._levels
        assert levels is not None
        assert set(levels.flat) == {0, 20}
