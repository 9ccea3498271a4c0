"""Pictures of a whole file, some a second, decoded in parts side by side and ahead of need.

The file is read once, in order; its packets are cut at keyframes, and each part is decoded by
one of a few threads while the caller is busy with the pictures before it. Packets that no wanted
picture needs are not decoded. What comes out is what decoding the file in one go gives; a file
that cannot be cut surely is decoded in one go, and the log says so. Pictures that the decoder
says are damaged are left out; what it guesses from those may be another guess.

Source: QuickVideo, Schneider et al. 2025 (arXiv 2505.16175), section 3, for the idea to decode
between keyframes in parallel. It seeks in the file; packets handed to threads also do where
there is no index.
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
from media.files.gop_decoder import DecodedGop, GopDecoder
from media.files.video_file import VideoFile, open_decoder, open_video, video_stream
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.video import SizeLimits, frame_from_av

logger = logging.getLogger(__name__)

ANALYSIS_SIZE = SizeLimits(longer=640, shorter=640)  # what models look at is smaller still
GOPS_PER_THREAD = 2  # parts in work for each thread

Progress = Callable[[float], None]  # seconds of the file that are done


def sample_frames(
    path: Path,
    *,
    max_duration: float,
    interval: float = 0.5,
    threads: int = 2,
    limits: SizeLimits | None = ANALYSIS_SIZE,
    progress: Progress | None = None,
) -> Iterator[VideoFrame]:
    """Yield pictures of `path` in the order of their time, at least `every` seconds apart.

    From the first on, each is the next one of the file that is far enough from the one before;
    with 0 that is every picture. Upright and within `limits`; time starts at 0 with the file.
    At most `threads` threads decode, `AHEAD` parts each.

    Raises:
        UnreadableMediaError: not media, or there are no pictures in it.
        MediaTooLongError: it says that it lasts over `longest` seconds, or turns out to.
        ValueError: `every` is negative, or `threads` below 1.
    """
    if interval < 0 or threads < 1:
        raise ValueError(f"expected every >= 0 and threads >= 1, got {interval} and {threads}")
    with open_video(path, round(interval * VIDEO_CLOCK_HZ), limits) as film:
        if film.container.duration is not None:
            check_duration(path, film.container.duration / av.time_base, max_duration)
        yield from _checked(film, threads, max_duration, progress)


def _checked(
    film: VideoFile, threads: int, longest: float, progress: Progress | None
) -> Iterator[VideoFrame]:
    """Yield what is wanted, and tell how far it is.

    Raises:
        UnreadableMediaError: there is nothing, or the file cannot be read on.
        MediaTooLongError: it lasts over `longest` seconds.
    """
    empty = True
    try:
        with closing(
            _in_parallel(film, GopDecoder(film, threads), GOPS_PER_THREAD * threads)
        ) as frames:
            for frame in frames:
                empty = False
                check_duration(film.path, frame.time, longest)
                yield frame
                if progress is not None:
                    progress(frame.time)
    except av.FFmpegError as error:
        raise UnreadableMediaError(f"{film.path}: cannot be read on ({error})") from error
    if empty:
        raise UnreadableMediaError(
            f"{film.path}: none of its pictures can be decoded, or they have no times: "
            "convert it to MP4, Matroska or WebM"
        )


def _in_parallel(film: VideoFile, studio: GopDecoder, ahead: int) -> Generator[VideoFrame]:
    """Yield what is wanted, side by side as long as every part is clean."""
    packets = film.container.demux(film.stream)
    cut = split_gops(packets, film.to_ticks, film.interval)
    parts: deque[DecodedGop] = deque()
    past = _Backlog()
    last: int | None = None
    unclean = ""
    try:
        while not unclean:
            parts.extend(studio.submit(segment) for segment in islice(cut, ahead - len(parts)))
            if not parts:
                return
            while not isinstance(item := parts[0].frames.get(), str):
                last = item[0]
                yield item[1]
            unclean = item
            if not unclean:
                past.add(parts.popleft().gop)
    finally:
        studio.close(parts)
    logger.warning("%s is decoded in one go from here on, not in parts: %s", film.path, unclean)
    left = chain((part.gop for part in parts), cut)
    rest = chain((packet for segment in left for packet in segment.packets), packets)
    if past.packets is None:
        yield from _restarted(film, last)
    else:
        yield from _sequentially(film, chain(past.packets, rest), last)


@dataclass(slots=True)
class _Backlog:
    """The packets since the last keyframe that proved to be one; None where they are too many."""

    packets: list[Packet] | None = field(default_factory=list)

    def add(self, segment: Gop) -> None:
        """Remember `segment`, which is done."""
        if segment.wanted:
            self.packets = list(segment.packets)
        elif self.packets is not None:
            self.packets += segment.packets
            if sum(packet.size for packet in self.packets) > MAX_GOP_BYTES:
                self.packets = None


def _restarted(film: VideoFile, last: int | None) -> Iterator[VideoFrame]:
    with open_media(film.path) as container:
        stream = video_stream(container)
        assert stream is not None
        yield from _sequentially(film, container.demux(stream), last)


def _sequentially(
    film: VideoFile, packets: Iterable[Packet], last: int | None
) -> Iterator[VideoFrame]:
    """Yield what is wanted after the picture with pts `last`, one decoder doing it all.

    Damaged packets are passed over, and pictures that the decoder says are damaged left out.
    """
    reached = None if last is None else film.to_ticks(last)
    with open_decoder(film.path) as decoder:
        for packet in chain(packets, [None]):
            if packet is not None and packet.size == 0:
                continue  # the demuxer's sign that the file is over: None stands for it
            try:
                frames = decoder.decode(packet)
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                pts = frame.pts
                if frame.is_corrupt or pts is None or (last is not None and pts <= last):
                    continue
                if is_due(film.to_ticks(pts), reached, film.interval):
                    reached = film.to_ticks(pts)
                    yield frame_from_av(frame, reached, film.limits)
