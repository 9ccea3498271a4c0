"""Mono audio as a file, piece by piece: what was written is never changed again."""

import io
from collections.abc import Iterable
from fractions import Fraction
from typing import Literal, get_args

import av
import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import to_int16

AudioFileFormat = Literal["mp3", "opus", "aac", "flac"]
AUDIO_FILE_FORMATS: tuple[AudioFileFormat, ...] = get_args(AudioFileFormat)
CODECS: dict[AudioFileFormat, tuple[str, str]] = {  # container and codec of FFmpeg
    "mp3": ("mp3", "libmp3lame"),
    "opus": ("ogg", "libopus"),
    "aac": ("adts", "aac"),
    "flac": ("flac", "flac"),
}
BITRATE = 64_000  # bit/s: speech at 24 kHz is transparent there in each of them
OPTIONS = {"fflags": "+bitexact"}  # no random serial numbers: the same sound gives the same file
NO_INDEX = {"mp3": {"write_xing": "0"}}  # it would be written at the end, into the start


class _Sink(io.RawIOBase):
    """A file that only grows."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]  # FFmpeg gives bytes
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class AudioEncoder:
    """Encodes float32 samples (n,) in [-1, 1] at `rate` Hz; one thread at a time may call it."""

    def __init__(self, format: AudioFileFormat, rate: int) -> None:
        container, codec = CODECS[format]
        self._rate = rate
        self._sink = _Sink()
        self._container = av.open(
            self._sink, "w", format=container, options=OPTIONS | NO_INDEX.get(format, {})
        )
        stream = self._container.add_stream(codec, rate=rate)
        assert isinstance(stream, av.AudioStream)
        self._stream = stream
        self._stream.layout = "mono"
        if format != "flac":
            self._stream.bit_rate = BITRATE
        self._container.start_encoding()
        self._resampler = av.AudioResampler(format=self._stream.format, layout="mono", rate=rate)
        self._position = 0

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        """Return the next bytes of the file, perhaps none yet."""
        frame = av.AudioFrame.from_ndarray(to_int16(samples)[None, :], format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._rate, self._position
        frame.time_base = Fraction(1, self._rate)
        self._position += len(samples)
        return self._write(self._resampler.resample(frame) if len(samples) else ())

    def finish(self) -> bytes:
        """Return the last bytes of the file."""
        self._write(self._resampler.resample(None), keep=True)
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._sink.take()

    def _write(self, frames: Iterable[av.AudioFrame], *, keep: bool = False) -> bytes:
        for frame in frames:
            self._container.mux(self._stream.encode(frame))
        return b"" if keep else self._sink.take()
