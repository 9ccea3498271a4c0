"""Reception of simulcast: of the layers that arrive, one is decoded.

aiortc puts the packets of all sources of a receiver into one jitter buffer. Here, those of layers
that are not chosen end before it; they still count for the reports.

aiortc's estimate of the bitrate stays within 1.5 times of what arrives, which is less than a larger
layer needs to start, so a client that sends simulcast gets none and goes by loss.
"""

from collections.abc import Collection, Mapping

from aiortc import RTCRtpReceiver
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import StreamStatistics
from aiortc.rtp import RtpPacket

from media.sizes import SizeLimits
from rtc.aiortc_patches.receivers import BoundedNackGenerator
from rtc.layers import LayerSelector, Verdict
from rtc.picture_size import keyframe_size

UNKNOWN = -1  # a payload type that no codec has: aiortc ignores such a packet but for its estimate
JITTER_CAPACITY = 512  # packets, as aiortc has for video


class SimulcastReceiver:
    """Chooses the packets that `receiver`, which is for video, takes.

    `layers` are the identifiers (RIDs) that were agreed on; `retransmissions` maps the SSRC of each
    retransmission that the offer names to its original.
    """

    def __init__(
        self,
        receiver: RTCRtpReceiver,
        limits: SizeLimits,
        *,
        layers: Collection[str],
        retransmissions: Mapping[int, int],
    ) -> None:
        self._receiver = receiver
        self._private = vars(receiver)
        self._selector = LayerSelector(limits)
        self._layers: dict[str, int | None] = dict.fromkeys(layers)  # SSRCs by RID
        self._private["_RTCRtpReceiver__rtx_ssrc"].update(retransmissions)
        if layers:
            self._private["_RTCRtpReceiver__remote_bitrate_estimator"] = None
        self._receive = receiver._handle_rtp_packet
        receiver._handle_rtp_packet = self._handle_rtp_packet  # type: ignore[method-assign]

    async def _handle_rtp_packet(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        codec = self._private["_RTCRtpReceiver__codecs"].get(packet.payload_type)
        if codec is not None and not await self._takes(packet, codec):
            self._count(packet, codec)
            packet.payload_type = UNKNOWN
        await self._receive(packet, arrival_time_ms=arrival_time_ms)

    async def _takes(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> bool:
        """Return whether a packet belongs to the chosen layer, which it may change."""
        if codec.name == "rtx":
            return self._original(packet) == self._selector.chosen
        if packet.extensions.rtp_stream_id in self._layers:
            self._layers[packet.extensions.rtp_stream_id] = packet.ssrc
        size = keyframe_size(codec.name, packet.payload)
        verdict = self._selector.take(packet.ssrc, packet.timestamp, size)
        if verdict is Verdict.WANTED:
            await self._receiver._send_rtcp_pli(packet.ssrc)
        if verdict is Verdict.FIRST:
            private = self._private
            private["_RTCRtpReceiver__jitter_buffer"] = JitterBuffer(JITTER_CAPACITY, is_video=True)
            private["_RTCRtpReceiver__nack_generator"] = BoundedNackGenerator()
        return verdict in (Verdict.TAKEN, Verdict.FIRST)

    def _original(self, packet: RtpPacket) -> int | None:
        """Return the SSRC of the layer that `packet` retransmits, None if it is not known."""
        originals: dict[int, int] = self._private["_RTCRtpReceiver__rtx_ssrc"]
        layer = self._layers.get(packet.extensions.repaired_rtp_stream_id or "")
        if layer is not None:
            for ssrc in [ssrc for ssrc, original in originals.items() if original == layer]:
                del originals[ssrc]
            originals[packet.ssrc] = layer
        return originals.get(packet.ssrc)

    def _count(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> None:
        streams = self._private["_RTCRtpReceiver__remote_streams"]
        streams.setdefault(packet.ssrc, StreamStatistics(codec.clockRate)).add(packet)
