"""Which packets of a video are taken: those of one simulcast layer, and what repeats them.

Packets of layers that are not chosen count for the reports only.
"""

from collections.abc import Collection, Mapping

from aiortc.rtp import RtpPacket

from media.sizes import SizeLimits
from rtc.receiving.layers import LayerSelector, Verdict
from rtc.receiving.picture_size import keyframe_size


class LayerChoice:
    """Chooses among the sources of one video.

    `layers` are the identifiers (RIDs) that were agreed on; `retransmissions` maps the SSRC of each
    retransmission that the offer names to its original.
    """

    def __init__(
        self, limits: SizeLimits, *, layers: Collection[str], retransmissions: Mapping[int, int]
    ) -> None:
        self.originals = dict(retransmissions)
        self._selector = LayerSelector(limits)
        self._layers: dict[str, int | None] = dict.fromkeys(layers)  # SSRCs by RID

    def take(self, packet: RtpPacket, codec: str) -> Verdict:
        """Return what is done with a packet of media."""
        if packet.extensions.rtp_stream_id in self._layers:
            self._layers[packet.extensions.rtp_stream_id] = packet.ssrc
        size = keyframe_size(codec, packet.payload)
        return self._selector.take(packet.ssrc, packet.timestamp, size)

    def original(self, packet: RtpPacket) -> int | None:
        """Return the SSRC of what `packet` retransmits, if that is taken, else None."""
        layer = self._layers.get(packet.extensions.repaired_rtp_stream_id or "")
        if layer is not None:
            for ssrc in [ssrc for ssrc, original in self.originals.items() if original == layer]:
                del self.originals[ssrc]
            self.originals[packet.ssrc] = layer
        original = self.originals.get(packet.ssrc)
        return original if original == self._selector.chosen else None
