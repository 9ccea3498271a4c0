"""Decodes GOPs in parallel: a few threads, with a decoder each."""

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

MAX_QUEUED_FRAMES = 16  # for each GOP: 11 MB in RGB at 640 x 360


class _InconsistentGopError(Exception):
    """A GOP does not decode by itself as it would after the GOPs before it."""


@dataclass(slots=True, eq=False)
class GopJob:
    """The decoding of one GOP: `frames` receives its frames, each with its pts in the stream.

    The last item is a string: the reason to fall back to sequential decoding, or empty.
    """

    gop: Gop
    frames: "queue.Queue[tuple[int, VideoFrame] | str]" = field(
        default_factory=lambda: queue.Queue(MAX_QUEUED_FRAMES)
    )


class GopDecoder:
    """A pool of decoding threads."""

    def __init__(self, file: VideoFile, threads: int) -> None:
        self._file = file
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._stopped = threading.Event()
        self._idle: queue.SimpleQueue[av.VideoCodecContext] = queue.SimpleQueue()
        self._decoders = ExitStack()
        for _ in range(threads):
            self._idle.put(self._decoders.enter_context(open_decoder(file.path, strict=True)))

    def submit(self, gop: Gop) -> GopJob:
        """Queue `gop` for decoding, up to its last wanted frame."""
        job = GopJob(gop)
        if gop.fallback_reason or not gop.wanted:
            job.frames.put(gop.fallback_reason)
        else:
            self._pool.submit(self._decode, job)
        return job

    def close(self, jobs: "deque[GopJob]") -> None:
        """Stop decoding `jobs`, and end the threads."""
        self._stopped.set()
        for job in jobs:
            while not job.frames.empty():
                job.frames.get_nowait()  # a thread may be waiting for room
        self._pool.shutdown(cancel_futures=True)
        self._decoders.close()

    def _decode(self, job: GopJob) -> None:
        decoder = self._idle.get()
        reason = "its decoder failed"
        try:
            for frame in _decoded(decoder, job.gop):
                if self._stopped.is_set():
                    return
                pts = _pts(frame)
                converted = self._file.convert(frame, pts)
                job.frames.put((pts, converted))
            reason = ""
        except (_InconsistentGopError, av.FFmpegError) as error:
            reason = str(error)
        finally:
            self._idle.put(decoder)
            job.frames.put(reason)


def _decoded(decoder: av.VideoCodecContext, gop: Gop) -> Iterator[av.VideoFrame]:
    """Yield the wanted frames of `gop`, in presentation order.

    Raises:
        _InconsistentGopError: it does not decode as it would after the GOPs before it.
    """
    wanted, given = set(gop.wanted), 0
    started = gop.start is None  # the file need not begin with a keyframe
    decoder.flush_buffers()
    for packet in chain(gop.needed(), [None]):
        if packet is not None:
            kept = packet.is_keyframe or packet.pts in wanted
            # Frames that are neither wanted nor references are skipped.
            decoder.skip_frame = "DEFAULT" if kept else "NONREF"
        for frame in decoder.decode(packet):
            if frame.is_corrupt:
                raise _InconsistentGopError("a part of it is damaged")
            started = started or _is_first_frame(frame, gop)
            if started and frame.pts in wanted:
                given += 1
                yield frame
    if given != len(wanted):
        raise _InconsistentGopError("frames are missing")


def _is_first_frame(frame: av.VideoFrame, gop: Gop) -> bool:
    """Return whether `frame` is the first of `gop`; frames before it belong to another GOP.

    Raises:
        _InconsistentGopError: it does not begin with a keyframe.
    """
    assert gop.start is not None
    if _pts(frame) < gop.start:
        return False
    if frame.pts != gop.start or not frame.key_frame:
        raise _InconsistentGopError("a frame marked as a keyframe is not one")
    return True


def _pts(frame: av.VideoFrame) -> int:
    if frame.pts is None:
        raise _InconsistentGopError("a frame has no timestamp")
    return frame.pts
