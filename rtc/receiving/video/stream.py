"""The video of one receiver: packets in, pictures out."""

import av
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from media.frames import VIDEO_CLOCK_HZ
from rtc.receiving.alignment import SenderClock
from rtc.receiving.link import Link
from rtc.receiving.stream import Deliver, Picture, SenderReport, StreamFeedback
from rtc.receiving.video.buffer import VideoBuffer, VideoStep
from rtc.receiving.video.decoder import FrameDecoder
from rtc.receiving.video.packet import CodedFrame
from rtc.receiving.video.reader import PacketReader

SEQUENCES = 1 << 16
PATIENCE_WITHOUT_NACK = 0.05  # seconds: for packets that are out of order
MAX_WAITING = 128  # frames in the decoder


class VideoStream:
    """Decodes the frames that the buffer releases; waits `patience` seconds for a lost packet."""

    def __init__(self, link: Link, deliver: Deliver, patience: float) -> None:
        self._link = link
        self._deliver = deliver
        self._patience = patience
        self._codec: RTCRtpCodecParameters | None = None
        self._ssrc: int | None = None
        self._reader = PacketReader()
        self._buffer = VideoBuffer(patience)
        self._clock = SenderClock(VIDEO_CLOCK_HZ)
        self._refused = False  # the last frame, as are those after it up to a keyframe
        self._turns = 0
        self._waiting: dict[int, tuple[int, bool]] = {}  # turns, and whether a frame follows
        self._decoder = FrameDecoder(self._show, self._lose)

    def receive(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters, now: float, *, repeated: bool
    ) -> StreamFeedback:
        """Take a packet, and decode what can be decoded with it."""
        if self._codec is None or codec.name != self._codec.name:
            self._codec = codec
            self.restart()
        self._ssrc = packet.ssrc
        restarts = self._reader.restarts
        read = self._reader.read(packet, codec)
        if self._reader.restarts != restarts:
            self._buffer = VideoBuffer(self._patience_for(codec))
        if read is None:
            return self.poll(now)
        trip = self._link.expected_round_trip
        return self._follow(self._buffer.add(read, now, trip, repeated=repeated))

    def poll(self, now: float) -> StreamFeedback:
        """Do what is due: give up a gap, or ask once more."""
        return self._follow(self._buffer.poll(now, self._link.expected_round_trip))

    def restart(self) -> None:
        """Begin anew with another source."""
        self._reader = PacketReader()
        self._clock.forget()
        self._buffer = VideoBuffer(self._patience_for(self._codec))

    def report(self, report: SenderReport, now: float) -> None:
        """Take a report about the source that is received."""
        if report.ssrc == self._ssrc:
            self._clock.note(report.sent, self._reader.extend(report.timestamp))

    def stop(self) -> None:
        self._decoder.stop()

    async def stopped(self) -> None:
        await self._decoder.stopped()

    def _patience_for(self, codec: RTCRtpCodecParameters | None) -> float:
        return self._patience if codec is None or _repeats(codec) else PATIENCE_WITHOUT_NACK

    def _follow(self, step: VideoStep) -> StreamFeedback:
        """Decode the frames of `step`, and return what it asks for."""
        for frame in step.frames:
            self._decode(frame)
        repeats = self._codec is not None and _repeats(self._codec)
        missing = [each % SEQUENCES for each in step.missing] if repeats else []
        return StreamFeedback(missing, step.keyframe, step.due)

    def _decode(self, frame: CodedFrame) -> None:
        assert self._codec is not None, "frames are of packets"
        if self._refused and not frame.info.keyframe:
            return
        self._turns = self._turns if frame.orientation is None else frame.orientation
        self._waiting[frame.timestamp] = self._turns, frame.follows
        if len(self._waiting) > MAX_WAITING:
            del self._waiting[next(iter(self._waiting))]
        self._refused = not self._decoder.put(self._codec, frame)
        if self._refused:
            self._buffer.lose()

    def _show(self, frame: av.AudioFrame | av.VideoFrame | None) -> None:
        if frame is None:
            self._deliver(None)
        elif isinstance(frame, av.VideoFrame):
            place = frame.pts or 0
            turns, follows = self._waiting.pop(place, (self._turns, False))
            self._deliver(Picture(frame, turns, follows, self._clock.time(place)))

    def _lose(self) -> None:
        self._buffer.lose()


def _repeats(codec: RTCRtpCodecParameters) -> bool:
    """Return whether the sender repeats lost packets on request."""
    return any(each.type == "nack" and not each.parameter for each in codec.rtcpFeedback)
