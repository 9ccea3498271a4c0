"""Audio of one receiver: from RTP packets to chunks in session time, with the gaps between them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket

from media.frames import SAMPLE_RATE, AudioChunk, Gap
from rtc.receiving.alignment import SenderClock
from rtc.receiving.audio.buffer import (
    SEQUENCES,
    TIMESTAMPS,
    AudioBuffer,
    AudioPacket,
    Missing,
    unwrap,
)
from rtc.receiving.audio.decoders import duration
from rtc.receiving.audio.patience import Patience
from rtc.receiving.audio.placement import AudioPlacement
from rtc.receiving.audio.red import RedBlock, parse_red
from rtc.receiving.audio.sound import DecodedSound, Hole, SoundDecoder
from rtc.receiving.link import Link
from rtc.receiving.stream import SenderReport, StreamFeedback

AudioOutput = AudioChunk | Gap
DeliverAudio = Callable[[AudioOutput | None], None]
NACK = "nack"


@dataclass(slots=True, eq=False)
class AudioSource:
    """What is kept about one SSRC in one codec."""

    ssrc: int
    codec: str
    clock_rate: int
    patience: Patience
    buffer: AudioBuffer
    sound: SoundDecoder
    clock: SenderClock


class AudioStream:
    """A `Stream` that delivers sound as soon as it is in order; decoding it needs no thread.

    `limit` is the longest wait at a gap in seconds. Each `Gap` comes before the sound that conceals
    it, or that comes after it.
    """

    def __init__(self, link: Link, deliver: DeliverAudio, *, limit: float) -> None:
        self._link = link
        self._deliver = deliver
        self._limit = limit
        self._placement = AudioPlacement()
        self._source: AudioSource | None = None
        self._stopped = False

    def receive(
        self, packet: RtpPacket, codec: RTCRtpCodecParameters, now: float, *, repeated: bool
    ) -> StreamFeedback:
        """Take a packet, and deliver what is in order.

        Raises:
            ValueError: the payload is malformed.
        """
        if self._stopped:
            return StreamFeedback()
        name = codec.name.lower()
        blocks = [RedBlock(packet.payload_type, 0, packet.payload)]
        if name == "red":
            name, blocks = "opus", parse_red(packet.payload)
        durations = [duration(name, block.payload) for block in blocks]
        source = self._source_of(packet.ssrc, name, codec)
        number, timestamp = source.buffer.place(packet.sequence_number, packet.timestamp)
        source.patience.round_trip = self._link.expected_round_trip
        self._placement.note_arrival(timestamp, clock=source.clock_rate, now=now)
        for block, ticks, back in zip(
            blocks, durations, range(len(blocks) - 1, -1, -1), strict=True
        ):
            sound = AudioPacket(
                number - back, timestamp - block.age, ticks, block.payload, copy=back > 0
            )
            source.buffer.add(sound, now)
        return self._advance(source, now)

    def poll(self, now: float) -> StreamFeedback:
        """Give up what is overdue, and ask again for what is missing."""
        if self._source is None or self._stopped:
            return StreamFeedback()
        return self._advance(self._source, now)

    def restart(self) -> None:
        """Begin anew: what comes next belongs to another source."""
        self._send(self._placement.restart())
        self._source = None

    def report(self, report: SenderReport, now: float) -> None:
        """Relate session time to the sender's clock."""
        source = self._source
        if source is None or source.ssrc != report.ssrc:
            return
        timestamp = unwrap(report.timestamp, source.buffer.newest, TIMESTAMPS)
        source.clock.note(report.sent, timestamp)
        sent, position = source.clock.time(timestamp), self._placement.position(timestamp)
        if sent is not None and position is not None:
            self._link.alignment.place_audio(sent, position / SAMPLE_RATE)

    def stop(self) -> None:
        """Deliver the rest and the end."""
        if not self._stopped:
            self._stopped = True
            self._send(self._placement.flush())
            self._deliver(None)

    async def stopped(self) -> None:
        """Return: nothing runs by itself."""

    def _source_of(self, ssrc: int, name: str, codec: RTCRtpCodecParameters) -> AudioSource:
        """Return the source of a packet; another SSRC or codec is a new one."""
        source = self._source
        if source is not None and (source.ssrc, source.codec) == (ssrc, name):
            return source
        self.restart()
        agreed = any(feedback.type == NACK for feedback in codec.rtcpFeedback)
        patience = Patience(limit=self._limit, agreed=agreed)
        self._source = AudioSource(
            ssrc,
            name,
            codec.clockRate,
            patience,
            AudioBuffer(patience),
            SoundDecoder(name),
            SenderClock(codec.clockRate),
        )
        return self._source

    def _advance(self, source: AudioSource, now: float) -> StreamFeedback:
        """Deliver what is in order or given up; return what is missing, and when to go on."""
        for item in source.buffer.take(now):
            if isinstance(item, Missing):
                self._place(source, source.sound.fill(item), now)
            else:
                self._place(source, source.sound.decode(item), now)
        missing = [number % SEQUENCES for number in source.patience.requests(now)]
        times = (source.buffer.deadline(), source.patience.next_request())
        return StreamFeedback(missing, due=min((t for t in times if t is not None), default=None))

    def _place(
        self, source: AudioSource, sounds: Iterable[DecodedSound | Hole], now: float
    ) -> None:
        """Deliver decoded sound in session time, and what is missing."""
        for sound in sounds:
            if isinstance(sound, Hole):
                self._report_gap(sound.timestamp, sound.duration, concealed=False)
                continue
            if sound.concealed:
                ticks = len(sound.samples) * source.clock_rate // sound.rate
                self._report_gap(sound.timestamp, ticks, concealed=True)
            chunks = self._placement.add(
                sound.samples,
                timestamp=sound.timestamp,
                clock=source.clock_rate,
                rate=sound.rate,
                arrival=now,
            )
            self._send(chunks)

    def _report_gap(self, timestamp: int, ticks: int, *, concealed: bool) -> None:
        start = self._placement.position(timestamp)
        end = self._placement.position(timestamp + ticks)
        if start is not None and end is not None:
            self._deliver(Gap("audio", start / SAMPLE_RATE, end / SAMPLE_RATE, concealed))

    def _send(self, outputs: Sequence[AudioOutput]) -> None:
        for output in outputs:
            self._deliver(output)
