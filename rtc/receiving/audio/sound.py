"""Decodes the packets of a source in order, and conceals what is missing: pure but for libopus.

What is lost is recovered from the in-band FEC of the packet after it, as far as that reaches. Up to
MAX_CONCEALED of the rest continues the sound before it (Opus PLC); what is then left stays empty.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from media.audio.resampling import Samples
from rtc.receiving.audio.buffer import AudioPacket, Missing
from rtc.receiving.audio.decoders import AudioDecoder, create_decoder
from rtc.receiving.audio.opus import CLOCK_HZ, STEP_TICKS, OpusDecoder, has_fec

MAX_CONCEALED = CLOCK_HZ // 10  # ticks, 100 ms: after that libopus has faded to the background


@dataclass(frozen=True, slots=True, eq=False)
class DecodedSound:
    """Samples at `rate` from `timestamp` on; with `concealed` they are made up."""

    samples: Samples
    rate: int
    timestamp: int
    concealed: bool = False


@dataclass(frozen=True, slots=True)
class Hole:
    """Sound of `duration` ticks from `timestamp` on is missing, and is not concealed."""

    timestamp: int
    duration: int


class SoundDecoder:
    """Decodes one source of the codec with this name."""

    def __init__(self, codec: str) -> None:
        self._decoder: AudioDecoder = create_decoder(codec)

    def decode(self, packet: AudioPacket) -> Iterator[DecodedSound | Hole]:
        """Yield the sound of `packet`; one that is malformed is concealed."""
        if not packet.duration:
            return
        try:
            samples = self._decoder.decode(packet.payload)
        except ValueError:
            yield from self._replace(packet.timestamp, packet.duration)
            return
        yield DecodedSound(samples, self._decoder.rate, packet.timestamp)

    def fill(self, gap: Missing) -> Iterator[DecodedSound | Hole]:
        """Yield what takes the place of lost sound: before the packet after it is decoded."""
        covered = self._covered(gap)
        if gap.lost > covered:
            start = gap.end - gap.lost
            yield from self._replace(start, gap.lost - covered, concealable=not gap.pause)
        if covered and isinstance(self._decoder, OpusDecoder):
            samples = self._decoder.recover(gap.following.payload, covered)
            yield DecodedSound(samples, self._decoder.rate, gap.end - covered)

    def _covered(self, gap: Missing) -> int:
        """Return the ticks at the end of a gap that the FEC after it covers: as its packet has."""
        payload, ticks = gap.following.payload, gap.following.duration
        covers = isinstance(self._decoder, OpusDecoder) and has_fec(payload)
        return ticks if covers and ticks <= gap.lost else 0

    def _replace(
        self, start: int, ticks: int, *, concealable: bool = True
    ) -> Iterator[DecodedSound | Hole]:
        """Yield sound that is made up for `ticks` from `start` on, and the hole that is left."""
        concealed = 0
        if isinstance(self._decoder, OpusDecoder) and concealable:
            concealed = _whole(min(ticks, MAX_CONCEALED))
        if concealed and isinstance(self._decoder, OpusDecoder):
            samples = self._decoder.conceal(concealed)
            yield DecodedSound(samples, self._decoder.rate, start, concealed=True)
        if ticks > concealed:
            yield Hole(start + concealed, ticks - concealed)


def _whole(ticks: int) -> int:
    """Return `ticks` as libopus takes them: rounded down to a multiple of 2.5 ms."""
    return ticks - ticks % STEP_TICKS
