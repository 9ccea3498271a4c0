"""Reads RTP packets of video for the buffer."""

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from rtc.receiving.timestamps import ReorderedTimestamps
from rtc.receiving.video.h264 import H264Reader
from rtc.receiving.video.numbering import Numbering
from rtc.receiving.video.packet import FrameInfo, VideoPacket
from rtc.receiving.video.vp8 import read_vp8


class PacketReader:
    """Reads the packets of one source; `restarts` counts how often it has begun anew."""

    def __init__(self) -> None:
        self._numbering = Numbering()
        self._timestamps = ReorderedTimestamps()
        self._h264 = H264Reader()

    @property
    def restarts(self) -> int:
        return self._numbering.restarts

    def extend(self, timestamp: int) -> int:
        """Return a timestamp of the source as the packets that are read have it."""
        return self._timestamps.map(timestamp)

    def read(self, packet: RtpPacket, codec: RTCRtpCodecParameters) -> VideoPacket | None:
        """Return what `packet` says, None if it seems to belong to something else."""
        sequence = self._numbering.extend(packet.sequence_number)
        if sequence is None:
            return None
        starts: bool | None = False
        info, data, shows, malformed = FrameInfo(), b"", False, False
        try:
            if packet.payload and codec.name == "VP8":
                info, starts, data = read_vp8(packet.payload)
                shows = True
            elif packet.payload:
                read = self._h264.read(packet.payload)
                info, starts, shows, data = read.info, read.starts, read.shows, read.data
        except ValueError:
            malformed = shows = True
            starts = None
        return VideoPacket(
            sequence=sequence,
            timestamp=self._timestamps.map(packet.timestamp),
            data=data,
            starts=starts,
            ends=bool(packet.marker),
            info=info,
            shows=shows,
            malformed=malformed,
            orientation=getattr(packet.extensions, "video_orientation", None),
        )
