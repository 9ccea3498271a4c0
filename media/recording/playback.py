"""A recording as one MP4 file that browsers play: its picture as it is, its sound as AAC."""

import heapq
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from media.audio.pcm import to_int16
from media.errors import MediaError, UnreadableMediaError
from media.files.decoding import open_media
from media.frames import SAMPLE_RATE, AudioChunk
from media.recording.event_lines import read_lines
from media.recording.layout import AUDIO_FILE, EVENTS_FILE, VIDEO_FILE
from media.recording.reader import audio_items

BITRATE = 64_000  # bit/s of speech
MAX_SILENCE = 10 * SAMPLE_RATE  # samples of silence at once: a gap may last hours

Packets = Iterator[tuple[float, "av.Packet[Any]"]]  # with their times in seconds


def write_playback(
    home: Path, file: Path, *, max_duration: float, stop: Callable[[], bool] = lambda: False
) -> None:
    """Write the picture and the sound of the recording in `home` to `file`, all of it or nothing.

    Gaps of the sound are silence, so that both stay together. Pictures are copied, not encoded.

    Raises:
        MediaError: there is neither, `file` cannot be written, or `stop` says to give up.
    """
    fresh = file.with_name(f".{file.name}")
    options = {"movflags": "+faststart"}
    try:
        with ExitStack() as stack:
            sink = stack.enter_context(av.open(str(fresh), "w", format="mp4", options=options))
            tracks = [*_picture(home, sink, stack), *_sound(home, sink, max_duration)]
            if not tracks:
                raise UnreadableMediaError(f"{home}: has neither pictures nor sound")
            for _, packet in heapq.merge(*tracks, key=lambda timed: timed[0]):
                if stop():
                    raise MediaError(f"{file}: given up")
                sink.mux(packet)
        fresh.replace(file)
    except (OSError, av.FFmpegError) as error:
        raise MediaError(f"{file}: cannot be written: {error}") from error
    finally:
        fresh.unlink(missing_ok=True)


def _picture(home: Path, sink: av.container.OutputContainer, stack: ExitStack) -> Iterator[Packets]:
    """Yield the packets of the picture, if it has any."""
    try:
        source = stack.enter_context(open_media(home / VIDEO_FILE))
    except UnreadableMediaError:  # there was none, or only the start of its header
        return
    track = source.streams.video[0]
    copied = sink.add_stream_from_template(track)

    def packets() -> Packets:
        for packet in _until_cut(source.demux(track)):
            if packet.pts is None or packet.time_base is None:
                continue  # the last one, which is empty
            time = float(packet.pts * packet.time_base)
            packet.stream = copied
            yield time, packet

    yield packets()


def _until_cut(packets: Iterator["av.Packet[Any]"]) -> Iterator["av.Packet[Any]"]:
    """Yield `packets`; a file that was cut short ends where it does."""
    try:
        yield from packets
    except av.FFmpegError:
        return


def _sound(
    home: Path, sink: av.container.OutputContainer, max_duration: float
) -> Iterator[Packets]:
    """Yield the packets of the sound, if there is any."""
    if not (home / AUDIO_FILE).is_file():
        return
    lines = read_lines(home / EVENTS_FILE)
    stream = sink.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
    stream.bit_rate = BITRATE

    def packets() -> Packets:
        items = audio_items(home / AUDIO_FILE, lines, max_duration=max_duration, report=None)
        end = 0
        for _, item in items:
            if not isinstance(item, AudioChunk):
                continue
            while end < item.start:
                count = min(MAX_SILENCE, item.start - end)
                yield from _encoded(
                    stream, AudioChunk(np.zeros(count, np.float32), end, SAMPLE_RATE)
                )
                end += count
            yield from _encoded(stream, item)
            end = item.end
        yield from ((end / SAMPLE_RATE, packet) for packet in stream.encode(None))

    yield packets()


def _encoded(stream: av.AudioStream, chunk: AudioChunk) -> Packets:
    frame = av.AudioFrame.from_ndarray(to_int16(chunk.samples)[None], format="s16", layout="mono")
    frame.sample_rate, frame.pts = SAMPLE_RATE, chunk.start
    frame.time_base = Fraction(1, SAMPLE_RATE)
    for packet in stream.encode(frame):
        yield chunk.start / SAMPLE_RATE, packet
