"""Encodes audio: Opus with what speech needs, or one of the older codecs as aiortc has them."""

import math

import av
import numpy as np
from aiortc import MediaStreamTrack
from aiortc.codecs import get_encoder
from aiortc.codecs.opus import OpusEncoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from media.worker import Worker
from rtc.sending.stream import Encoded

OPUS_BITRATE = 32_000  # bit/s: full-band speech, RFC 7587 section 3.1.1
EXPECTED_LOSS = 10  # percent: with it, Opus puts a second copy of each frame into the next one
SILENCE = 127  # -dBov
FULL_SCALE = 32_768.0


class AudioEncoding:
    """Encodes each frame of a track."""

    def __init__(self, codec: RTCRtpCodecParameters) -> None:
        self._encoder = get_encoder(codec)
        if isinstance(self._encoder, OpusEncoder):
            self._encoder.codec.bit_rate = OPUS_BITRATE
            self._encoder.codec.options = {
                "application": "voip",
                "fec": "1",
                "packet_loss": str(EXPECTED_LOSS),
            }
        self._worker = Worker("send audio")

    async def next(self, track: MediaStreamTrack) -> Encoded | None:
        """Return the next frame of `track`."""
        frame = await track.recv()
        assert isinstance(frame, av.AudioFrame), "what our audio tracks give"
        payloads, time = await self._worker.run(self._encoder.encode, frame)
        return Encoded(payloads, time, level=level(frame)) if payloads else None

    def ask_for_keyframe(self) -> None:
        """Do nothing: each frame of audio stands for itself."""

    def close(self) -> None:
        """End the thread."""
        self._worker.end()


def level(frame: av.AudioFrame) -> int:
    """Return the level of 16-bit `frame` in -dBov, from 0 (loudest) to 127; RFC 6464 section 3."""
    samples = frame.to_ndarray().astype(np.float32) / FULL_SCALE
    power = float(np.mean(samples * samples))
    return SILENCE if power == 0 else min(SILENCE, max(0, round(-10 * math.log10(power))))
