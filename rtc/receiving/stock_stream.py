"""A stream with aiortc's jitter buffer: what it holds is decoded in the order of arrival."""

from aiortc.codecs import depayload
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket
from aiortc.utils import uint16_add, uint16_gt

from rtc.receiving.decoding_thread import DecodingThread
from rtc.receiving.stream import Deliver, Feedback, SenderReport
from rtc.receiving.timestamps import ReorderedTimestamps

DECODER_CAPACITY = {"audio": 100, "video": 60}  # 2 s of either
AUDIO_PACKETS, AUDIO_PREFETCH, VIDEO_PACKETS = 16, 4, 512  # as aiortc has them


class BoundedNackGenerator(NackGenerator):
    """After a gap, looks only at the packets that are still requested: the newest 128."""

    def add(self, packet: RtpPacket) -> bool:
        """Return whether `packet` shows that others are missing."""
        oldest = uint16_add(packet.sequence_number, -RTP_HISTORY_SIZE)
        if self.max_seq is not None and uint16_gt(packet.sequence_number, self.max_seq):
            self.max_seq = oldest if uint16_gt(oldest, self.max_seq) else self.max_seq
        return super().add(packet)


class StockStream:
    """Takes packets of `kind`; requests what is missing of video."""

    def __init__(self, kind: str, deliver: Deliver) -> None:
        self._is_video = kind == "video"
        self._keyframe = False
        self._timestamps = ReorderedTimestamps()
        self._thread = DecodingThread(kind, DECODER_CAPACITY[kind], deliver, self._lose)
        self.restart()

    def receive(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters, now: float, *, repeated: bool
    ) -> Feedback:
        """Take a packet, and decode the frame that it completes."""
        missed = self._is_video and self._nacks.add(packet)
        missing = sorted(self._nacks.missing) if missed else []
        data = depayload(codec, packet.payload) if packet.payload else b""
        vars(packet)["_data"] = data  # where the jitter buffer reads it
        lost, frame = self._buffer.add(packet)
        if frame is not None:
            self._thread.put(codec, frame.data, self._timestamps.map(frame.timestamp))
        keyframe, self._keyframe = self._is_video and (lost or self._keyframe), False
        return Feedback(missing, keyframe)

    def poll(self, now: float) -> Feedback:
        """Do nothing: nothing is ever due."""
        return Feedback()

    def restart(self) -> None:
        """Forget what is incomplete."""
        self._nacks = BoundedNackGenerator()
        self._buffer = (
            JitterBuffer(VIDEO_PACKETS, is_video=True)
            if self._is_video
            else JitterBuffer(AUDIO_PACKETS, prefetch=AUDIO_PREFETCH)
        )

    def report(self, report: SenderReport, now: float) -> None:
        """Do nothing: frames are placed by their arrival."""

    def stop(self) -> None:
        self._thread.stop()

    async def stopped(self) -> None:
        await self._thread.stopped()

    def _lose(self) -> None:
        self._keyframe = True
