"""Decoders of the audio codecs that are answered, and how long their packets are."""

from typing import Protocol

import av
import numpy as np

from media.audio import g711
from media.audio.pcm import channels_from_av
from media.audio.resampling import Samples
from media.frames import SAMPLE_RATE
from rtc.receiving.audio.opus import OpusDecoder, packet_ticks

TELEPHONE_HZ = 8000  # clock of G.711 and G.722: RFC 3551, section 4.5; both have a byte for a tick
MAX_TELEPHONE = 200 * TELEPHONE_HZ // 1000  # ticks of a packet: 200 ms, RFC 3551 section 4.2


class AudioDecoder(Protocol):
    """Decodes one stream to mono samples at `rate`."""

    rate: int

    def decode(self, payload: bytes) -> Samples:
        """Return the sound of the next packet.

        Raises:
            ValueError: the packet is malformed.
        """
        ...


class G711Decoder:
    """G.711 in one of its two laws."""

    rate = TELEPHONE_HZ

    def __init__(self, law: g711.Law) -> None:
        self._law = law

    def decode(self, payload: bytes) -> Samples:
        return g711.decode(payload, self._law).astype(np.float32) / np.float32(32768)


class G722Decoder:
    """G.722 at 64 kbit/s."""

    rate = SAMPLE_RATE

    def __init__(self) -> None:
        self._codec = av.AudioCodecContext.create("g722", "r")
        self._codec.format = "s16"
        self._codec.layout = "mono"
        self._codec.sample_rate = self.rate

    def decode(self, payload: bytes) -> Samples:
        frames = self._codec.decode(av.Packet(payload))
        return np.concatenate([channels_from_av(frame)[:, 0] for frame in frames])


def create_decoder(codec: str) -> AudioDecoder:
    """Return a decoder for the codec of this name, as SDP has it."""
    match codec.lower():
        case "opus":
            return OpusDecoder()
        case "g722":
            return G722Decoder()
        case "pcmu":
            return G711Decoder("ulaw")
        case "pcma":
            return G711Decoder("alaw")
        case _:
            raise ValueError(f"expected a codec of KNOWN in rtc.negotiation.codecs, got {codec}")


def duration(codec: str, payload: bytes) -> int:
    """Return the ticks of a packet of this codec; a packet of padding has none.

    Raises:
        ValueError: it is malformed.
    """
    if not payload:
        return 0
    if codec.lower() == "opus":
        return packet_ticks(payload)
    if len(payload) > MAX_TELEPHONE:
        raise ValueError(f"expected at most {MAX_TELEPHONE} bytes of {codec}, got {len(payload)}")
    return len(payload)
