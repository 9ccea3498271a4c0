"""Samples frames from a whole file, decoding GOPs in parallel and ahead of the caller.

The file is read once, in order. Its packets are split at keyframes, and each GOP is decoded on one
of a few threads while the caller works on earlier frames. Packets that no selected frame needs are
not decoded. The frames are the same as with sequential decoding. A file that cannot be split
safely is decoded sequentially, and the log says so. Frames that the decoder marks as damaged are
left out; frames that it derives from damaged ones may differ.

Source: QuickVideo, Schneider et al. 2025 (arXiv 2505.16175), section 3, for parallel decoding
between keyframes. It seeks in the file; handing packets to threads also works without an index.
"""

import logging
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

import av

from media.errors import UnreadableMediaError
from media.files.decoding import check_duration, open_media
from media.files.gop import MAX_GOP_BYTES, Gop, Packet, is_due, split_gops
from media.files.gop_decoder import GopDecoder, GopJob
from media.files.video_file import VideoFile, open_decoder, open_video, video_stream
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.sizes import SizeLimits
from media.video import frame_from_av

logger = logging.getLogger(__name__)

ANALYSIS_SIZE = SizeLimits(longer=640, shorter=640)  # vision models take smaller frames still
GOPS_PER_THREAD = 2  # submitted at a time

Progress = Callable[[float], None]  # called with the seconds of the file that are done


def sample_frames(
    path: Path,
    *,
    max_duration: float,
    interval: float = 0.5,
    threads: int = 2,
    limits: SizeLimits | None = ANALYSIS_SIZE,
    from_zero: bool = True,
    progress: Progress | None = None,
) -> Iterator[VideoFrame]:
    """Yield frames of `path` in order, at least `interval` seconds apart.

    Each is the next frame of the file that is far enough from the one before; with 0 that is every
    frame. Frames are upright and within `limits`. Times start at 0; without `from_zero` they are
    those in the file. Decoding uses `threads` threads, with `GOPS_PER_THREAD` GOPs each.

    Raises:
        UnreadableMediaError: not media, or it has no video.
        MediaTooLongError: longer than `max_duration` seconds.
        ValueError: `interval` is negative, or `threads` is below 1.
    """
    if interval < 0 or threads < 1:
        raise ValueError(f"expected interval >= 0 and threads >= 1, got {interval} and {threads}")
    ticks = round(interval * VIDEO_CLOCK_HZ)
    with open_video(path, ticks, limits, from_zero=from_zero) as file:
        if file.container.duration is not None:
            check_duration(path, file.container.duration / av.time_base, max_duration)
        yield from _checked(file, threads, max_duration, progress)


def _checked(
    file: VideoFile, threads: int, max_duration: float, progress: Progress | None
) -> Iterator[VideoFrame]:
    """Yield the selected frames, check them and report progress.

    Raises:
        UnreadableMediaError: there are none, or reading failed.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    empty = True
    try:
        with closing(
            _in_parallel(file, GopDecoder(file, threads), GOPS_PER_THREAD * threads)
        ) as frames:
            for frame in frames:
                empty = False
                check_duration(file.path, frame.time, max_duration)
                yield frame
                if progress is not None:
                    progress(frame.time)
    except av.FFmpegError as error:
        raise UnreadableMediaError(f"{file.path}: reading failed ({error})") from error
    if empty:
        raise UnreadableMediaError(
            f"{file.path}: its video has no frame that can be decoded, or no timestamps: "
            "convert it to MP4, Matroska or WebM"
        )


def _in_parallel(file: VideoFile, decoder: GopDecoder, ahead: int) -> Generator[VideoFrame]:
    """Yield the selected frames, decoding in parallel until a GOP gives a reason not to."""
    packets = file.container.demux(file.stream)
    gops = split_gops(packets, file.to_ticks, file.interval)
    jobs: deque[GopJob] = deque()
    backlog = _Backlog()
    last: int | None = None
    reason = ""
    try:
        while not reason:
            jobs.extend(decoder.submit(gop) for gop in islice(gops, ahead - len(jobs)))
            if not jobs:
                return
            while not isinstance(item := jobs[0].frames.get(), str):
                last = item[0]
                yield item[1]
            reason = item
            if not reason:
                backlog.add(jobs.popleft().gop)
    finally:
        decoder.close(jobs)
    logger.warning("%s is decoded sequentially from here on: %s", file.path, reason)
    remaining = chain((job.gop for job in jobs), gops)
    rest = chain((packet for gop in remaining for packet in gop.packets), packets)
    if backlog.packets is None:
        yield from _restarted(file, last)
    else:
        yield from _sequentially(file, chain(backlog.packets, rest), last)


@dataclass(slots=True)
class _Backlog:
    """The packets since the last true keyframe; None if they are too many to keep."""

    packets: list[Packet] | None = field(default_factory=list)

    def add(self, gop: Gop) -> None:
        """Add `gop`, which has been decoded."""
        if gop.wanted:
            self.packets = list(gop.packets)
        elif self.packets is not None:
            self.packets += gop.packets
            if sum(packet.size for packet in self.packets) > MAX_GOP_BYTES:
                self.packets = None


def _restarted(file: VideoFile, last: int | None) -> Iterator[VideoFrame]:
    with open_media(file.path) as container:
        stream = video_stream(container)
        assert stream is not None
        yield from _sequentially(file, container.demux(stream), last)


def _sequentially(
    file: VideoFile, packets: Iterable[Packet], last: int | None
) -> Iterator[VideoFrame]:
    """Yield the selected frames after pts `last`, with one decoder.

    Damaged packets are skipped, and frames that the decoder marks as damaged are left out.
    """
    ticks = None if last is None else file.to_ticks(last)
    with open_decoder(file.path) as decoder:
        for packet in chain(packets, [None]):
            if packet is not None and packet.size == 0:
                continue  # the demuxer's end-of-file marker: None stands for it
            try:
                frames = decoder.decode(packet)
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                pts = frame.pts
                if frame.is_corrupt or pts is None or (last is not None and pts <= last):
                    continue
                if is_due(file.to_ticks(pts), ticks, file.interval):
                    ticks = file.to_ticks(pts)
                    yield frame_from_av(frame, ticks, file.limits)
