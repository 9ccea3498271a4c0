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
from media.files.decoding import check_duration, open_media, read_packets
from media.files.gop import MAX_GOP_BYTES, Gop, Packet, split_gops
from media.files.gop_decoder import GopDecoder, GopJob
from media.files.report import DecodingReport
from media.files.tracks import video_stream
from media.files.video_file import VideoFile, open_decoder, open_video
from media.frames import VideoFrame
from media.sizes import SizeLimits

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
    report: DecodingReport | None = None,
) -> Iterator[VideoFrame]:
    """Yield frames of `path` in order, at least `interval` seconds apart.

    Each is the next frame of the file that is far enough from the one before; with 0 that is every
    frame. Frames are upright and within `limits`. Times start at 0; without `from_zero` they are
    those in the file. Decoding uses `threads` threads, with `GOPS_PER_THREAD` GOPs each. What is
    damaged is left out, and counted in `report`.

    Raises:
        UnreadableMediaError: not media, or it has no video.
        MediaTooLongError: longer than `max_duration` seconds.
        ValueError: `interval` is negative, or `threads` is below 1.
    """
    if interval < 0 or threads < 1:
        raise ValueError(f"expected interval >= 0 and threads >= 1, got {interval} and {threads}")
    report = DecodingReport() if report is None else report
    with open_video(
        path, interval, limits, report, max_duration=max_duration, from_zero=from_zero
    ) as file:
        yield from _checked(file, threads, max_duration, progress)


def _checked(
    file: VideoFile, threads: int, max_duration: float, progress: Progress | None
) -> Iterator[VideoFrame]:
    """Yield the selected frames, check them and report progress.

    Raises:
        UnreadableMediaError: there are none.
        MediaTooLongError: longer than `max_duration` seconds.
    """
    empty, shown = True, -1  # pts of the last frame
    ahead = GOPS_PER_THREAD * threads
    with closing(_in_parallel(file, GopDecoder(file, threads), ahead)) as frames:
        for frame in frames:
            if frame.pts <= shown:
                continue  # a damaged timestamp: time does not go back
            empty, shown = False, frame.pts
            check_duration(file.path, frame.time, max_duration)
            yield frame
            if progress is not None:
                progress(frame.time)
    if empty:
        raise UnreadableMediaError(
            f"{file.path}: its video has no frame that can be decoded, or no timestamps: "
            "convert it to MP4, Matroska or WebM"
        )


def _in_parallel(file: VideoFile, decoder: GopDecoder, ahead: int) -> Generator[VideoFrame]:
    """Yield the selected frames, decoding in parallel until a GOP gives a reason not to."""
    packets = read_packets(file.container, [file.stream], file.report)
    gops = split_gops(packets, file.to_ticks, file.selection)
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
        packets = read_packets(container, [stream], file.report)
        yield from _sequentially(file, packets, last)


def _sequentially(
    file: VideoFile, packets: Iterable[Packet], last: int | None
) -> Iterator[VideoFrame]:
    """Yield the selected frames after pts `last`, with one decoder.

    Damaged packets, and frames that the decoder marks as damaged, are left out and counted.
    """
    ticks = None if last is None else file.to_ticks(last)
    with open_decoder(file.path) as decoder:
        for packet in chain(packets, [None]):
            if packet is not None and packet.size == 0:
                continue  # the demuxer's end-of-file marker: None stands for it
            try:
                for frame in decoder.decode(packet):
                    pts = frame.pts
                    if pts is None or (last is not None and pts <= last):
                        continue
                    if frame.is_corrupt:
                        file.report.note_damage("video")
                    elif file.selection.is_due(file.to_ticks(pts), ticks):
                        ticks = file.to_ticks(pts)
                        yield file.convert(frame, pts)
            except (av.FFmpegError, ValueError):
                file.report.note_damage("video")
