"""Segments of a film decoded side by side: a few threads, a decoder for each."""

import queue
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import chain

import av

from media.files.gop import Gop
from media.files.video_file import VideoFile, open_decoder
from media.frames import VideoFrame
from media.video import frame_from_av

MAX_QUEUED_FRAMES = 16  # finished pictures of a part that wait at most: 640 x 360 RGB, 11 MB


class _InconsistentGopError(Exception):
    """A part did not decode as it would have after what comes before it."""


@dataclass(slots=True, eq=False)
class DecodedGop:
    """A segment in work: `frames` has what is finished, each with its pts in the stream.

    The last thing in it is a text: why the part is not clean, empty where it is.
    """

    gop: Gop
    frames: "queue.Queue[tuple[int, VideoFrame] | str]" = field(
        default_factory=lambda: queue.Queue(MAX_QUEUED_FRAMES)
    )


class GopDecoder:
    """The threads that decode, and a decoder for each."""

    def __init__(self, film: VideoFile, threads: int) -> None:
        self._file = film
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._stopped = threading.Event()
        self._idle: queue.SimpleQueue[av.VideoCodecContext] = queue.SimpleQueue()
        self._decoders = ExitStack()
        for _ in range(threads):
            self._idle.put(self._decoders.enter_context(open_decoder(film.path, strict=True)))

    def submit(self, segment: Gop) -> DecodedGop:
        """Return `segment` as a part that will be decoded, as far as it has to be."""
        part = DecodedGop(segment)
        if segment.fallback_reason or not segment.wanted:
            part.frames.put(segment.fallback_reason)
        else:
            self._pool.submit(self._decode, part)
        return part

    def close(self, parts: "deque[DecodedGop]") -> None:
        """End the work on `parts`, and let nothing begin any more."""
        self._stopped.set()
        for part in parts:
            while not part.frames.empty():
                part.frames.get_nowait()  # a thread may wait for room
        self._pool.shutdown(cancel_futures=True)
        self._decoders.close()

    def _decode(self, part: DecodedGop) -> None:
        decoder = self._idle.get()
        ended = "its decoder failed"
        try:
            for frame in _decoded(decoder, part.gop):
                if self._stopped.is_set():
                    return
                pts = _pts(frame)
                shown = frame_from_av(frame, self._file.to_ticks(pts), self._file.limits)
                part.frames.put((pts, shown))
            ended = ""
        except (_InconsistentGopError, av.FFmpegError) as error:
            ended = str(error)
        finally:
            self._idle.put(decoder)
            part.frames.put(ended)


def _decoded(decoder: av.VideoCodecContext, segment: Gop) -> Iterator[av.VideoFrame]:
    """Yield the wanted pictures of `segment`, in the order of their time.

    Raises:
        _UncleanError: something in it is not as it would be after what comes before it.
    """
    wanted, given = set(segment.wanted), 0
    begun = segment.start is None  # what the file begins with need not be a keyframe
    decoder.flush_buffers()
    for packet in chain(segment.needed(), [None]):
        if packet is not None:
            kept = packet.is_keyframe or packet.pts in wanted
            # What no other picture refers to is left out where nobody wants it.
            decoder.skip_frame = "DEFAULT" if kept else "NONREF"
        for frame in decoder.decode(packet):
            if frame.is_corrupt:
                raise _InconsistentGopError("a part of it is damaged")
            begun = begun or _is_first_frame(frame, segment)
            if begun and frame.pts in wanted:
                given += 1
                yield frame
    if given != len(wanted):
        raise _InconsistentGopError("pictures are missing")


def _is_first_frame(frame: av.VideoFrame, segment: Gop) -> bool:
    """Tell whether `segment` begins with `frame`; what comes out before belongs to another.

    Raises:
        _UncleanError: it does not begin with a keyframe.
    """
    assert segment.start is not None
    if _pts(frame) < segment.start:
        return False
    if frame.pts != segment.start or not frame.key_frame:
        raise _InconsistentGopError("a keyframe is none")
    return True


def _pts(frame: av.VideoFrame) -> int:
    if frame.pts is None:
        raise _InconsistentGopError("a picture lost its time")
    return frame.pts
