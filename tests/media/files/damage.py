"""Media files of several containers, and edits that damage them."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from pathlib import Path

import av
import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.media.media_files import tone

# File name: sound codec, its rate, and video codec.
KINDS: dict[str, tuple[str, int, str | None]] = {
    "a.mp4": ("aac", 44_100, "libx264"),
    "a.mkv": ("aac", 48_000, "libx264"),
    "a.webm": ("libopus", 48_000, "libvpx"),
    "a.ts": ("aac", 48_000, "libx264"),
    "a.avi": ("mp3", 44_100, "mpeg4"),
    "a.wav": ("pcm_s16le", 16_000, None),
    "b.wav": ("pcm_f32le", 16_000, None),
    "a.mp3": ("mp3", 44_100, None),
    "a.ogg": ("libopus", 48_000, None),
    "b.ogg": ("flac", 44_100, None),
    "a.flac": ("flac", 16_000, None),
}
SECONDS = 1.0

Edit = tuple[str, float, int]  # what, where as a share of the file, how many or which bits
EDITS: st.SearchStrategy[list[Edit]] = st.lists(
    st.tuples(
        st.sampled_from(["flip", "delete", "zero", "repeat", "cut"]),
        st.floats(0, 1, exclude_max=True),
        st.integers(1, 255),
    ),
    min_size=1,
    max_size=8,
)


def write_media(folder: Path, name: str) -> Path:
    """Write a second of a tone in stereo, and frames that brighten, if the kind has video."""
    path = folder / name
    codec, rate, video_codec = KINDS[name]
    with av.open(str(path), "w") as container:
        sound = add_sound(container, codec, rate, "stereo")
        if video_codec is not None:
            video = container.add_stream(video_codec, rate=10)
            assert isinstance(video, av.VideoStream)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            for n in range(round(10 * SECONDS)):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 20 * n, np.uint8))
                picture.pts, picture.time_base = n, Fraction(1, 10)
                container.mux(video.encode(picture))
            container.mux(video.encode(None))
        mux_tone(container, sound)
    return path


def add_sound(
    container: av.container.OutputContainer, codec: str, rate: int, layout: str
) -> av.AudioStream:
    stream = container.add_stream(codec, rate=rate, layout=layout)
    assert isinstance(stream, av.AudioStream)
    return stream


def mux_tone(
    container: av.container.OutputContainer, stream: av.AudioStream, *, start: int = 0
) -> None:
    """Write a tone of `SECONDS` to `stream` from sample `start` on, and end the stream."""
    context = stream.codec_context
    samples = np.repeat(tone(SECONDS, context.sample_rate)[None], context.channels, 0)
    frame = av.AudioFrame.from_ndarray(samples, "fltp", context.layout)
    frame.sample_rate, frame.pts = context.sample_rate, start
    size = context.frame_size or 960
    resampler = av.AudioResampler(
        context.format, context.layout, context.sample_rate, frame_size=size
    )
    for part in [*resampler.resample(frame), *resampler.resample(None), None]:
        container.mux(stream.encode(part))


def damaged(data: bytes, edits: Sequence[Edit]) -> bytes:
    """Apply `edits`, one after another."""
    for what, where, amount in edits:
        place = int(where * len(data))
        before, after = data[:place], data[place:]
        match what:
            case "flip":
                data = before + bytes([after[0] ^ amount]) + after[1:] if after else data
            case "delete":
                data = before + after[amount:]
            case "zero":
                data = before + bytes(min(amount, len(after))) + after[amount:]
            case "repeat":
                data = before + after[:amount] + after
            case _:
                data = before
    return data


def refused_byte(path: Path) -> tuple[int, int]:
    """Return a place in `path`, and a byte for it that makes the decoder of sound fail.

    The error is not "invalid data": FFmpeg's AAC decoder says EPERM for some packets.
    """
    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        first = [packet for packet in container.demux(stream) if packet.size][:3]
        extradata = stream.codec_context.extradata
    for offset, value in product(range(4), range(256)):
        decoder = av.CodecContext.create("aac", "r")
        decoder.extradata = extradata
        content = bytearray(bytes(first[2]))
        content[offset] = value
        try:
            for part in (bytes(first[0]), bytes(first[1]), bytes(content)):
                decoder.decode(av.Packet(part))
        except av.error.InvalidDataError:
            continue
        except av.FFmpegError:
            return (first[2].pos or 0) + offset, value
    raise AssertionError("no byte makes the decoder fail in another way")


SPOKEN = 3.0  # seconds of a file with several tracks


@dataclass(frozen=True)
class Track:
    """A sound track: `samples` at 8 kHz, or a tone of `level` in the seconds of `speech`."""

    title: str = ""
    language: str = ""
    level: float = 0.5
    flagged: bool = False
    speech: tuple[float, float] = (0.0, 1e9)
    samples: NDArray[np.float32] | None = None


def write_tracks(path: Path, *tracks: Track, seconds: float = SPOKEN) -> Path:
    """Write a file with several sound tracks of AAC at 8 kHz, in the order of time."""
    rate, size = 8000, 1024
    with av.open(str(path), "w", options={"default_mode": "passthrough"}) as container:
        streams = []
        for track in tracks:
            stream = add_sound(container, "aac", rate, "mono")
            named = {"title": track.title, "language": track.language}
            stream.metadata.update({key: value for key, value in named.items() if value})
            disposition = av.stream.Disposition
            stream.disposition = disposition.default if track.flagged else disposition(0)
            streams.append(stream)
        time = np.arange(round(seconds * rate)) / rate
        wave = np.sin(2 * np.pi * 440 * time)
        sounds = [
            np.where((time >= each.speech[0]) & (time < each.speech[1]), each.level * wave, 0)
            if each.samples is None
            else each.samples
            for each in tracks
        ]
        for start in range(0, len(time), size):
            for sound, stream in zip(sounds, streams, strict=True):
                block = np.ascontiguousarray(sound[None, start : start + size], np.float32)
                if not block.size:
                    continue
                frame = av.AudioFrame.from_ndarray(block, "fltp", "mono")
                frame.sample_rate, frame.pts = rate, start
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path
