"""Decoding a long clip for questions: in parts (`media.files.sampling`) against in one go.

    python -m tests.bench.bench_decode [--minutes 10] [--repeats 3] [--every 0.5 5]

The clip is the sample clip's pictures at 1280 x 720, H.264, 25 frames a second, a keyframe each
10 s or where the picture changes, repeated to the length. All ways give the same pictures, at
most 640 pixels wide; each is run in turn, and medians are compared.
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av

from media.files.sampling import ANALYSIS_SIZE, sample_frames
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.video import frame_from_av
from tests.paths import SAMPLE

RATE = 25
DAY = 86_400.0


def write_clip(path: Path, minutes: float) -> None:
    """Encode the sample once, then repeat its packets."""
    short = path.with_name("short.mp4")
    with av.open(str(SAMPLE)) as source, av.open(str(short), "w") as out:
        stream = out.add_stream("libx264", rate=RATE, options={"preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            large = frame.reformat(width=1280, height=720, format="yuv420p")
            large.pts, large.time_base = number, Fraction(1, RATE)
            large.pict_type = av.video.frame.PictureType.NONE
            out.mux(stream.encode(large))
        out.mux(stream.encode(None))
    with av.open(str(short)) as source, av.open(str(path), "w") as out:
        pictures = source.streams.video[0]
        copy = out.add_stream_from_template(pictures)
        assert pictures.duration is not None
        assert pictures.time_base is not None
        for turn in range(
            max(1, round(minutes * 60 / float(pictures.duration * pictures.time_base)))
        ):
            source.seek(0)
            for packet in source.demux(pictures):
                if packet.pts is None or packet.dts is None:
                    continue
                packet.pts += turn * pictures.duration
                packet.dts += turn * pictures.duration
                packet.stream = copy
                out.mux(packet)


def in_one_go(path: Path, every: float, *, frame_threads: int = 1) -> Iterator[VideoFrame]:
    """Decode every picture and convert those that are far enough apart."""
    last = None
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_type = "FRAME"
        stream.codec_context.thread_count = frame_threads
        base = stream.time_base
        assert base is not None
        for frame in container.decode(stream):
            assert frame.pts is not None
            ticks = round(frame.pts * base * VIDEO_CLOCK_HZ)
            if last is None or ticks - last >= every * VIDEO_CLOCK_HZ:
                last = ticks
                yield frame_from_av(frame, ticks, ANALYSIS_SIZE)


def measured(frames: Iterator[VideoFrame]) -> tuple[float, float, str]:
    """Return the wall and CPU seconds that `frames` take, and a digest of them."""
    wall, cpu, digest = time.perf_counter(), time.process_time(), hashlib.sha256()
    for frame in frames:
        digest.update(frame.pts.to_bytes(8) + frame.pixels.tobytes())
    return time.perf_counter() - wall, time.process_time() - cpu, digest.hexdigest()


def ways(path: Path, every: float) -> dict[str, Callable[[], Iterator[VideoFrame]]]:
    return {
        "in one go, 1 thread": lambda: in_one_go(path, every),
        "in one go, FFmpeg's 2 threads": lambda: in_one_go(path, every, frame_threads=2),
        "in parts, 1 thread": lambda: sample_frames(
            path, max_duration=DAY, interval=every, threads=1
        ),
        "in parts, 2 threads": lambda: sample_frames(
            path, max_duration=DAY, interval=every, threads=2
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--every", type=float, nargs="+", default=[0.5, 5.0])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        write_clip(path, arguments.minutes)
        print(f"{arguments.minutes:g} minutes, {path.stat().st_size / 1e6:.0f} MB")
        for every in arguments.every:
            compare(path, every, arguments.repeats)


def compare(path: Path, every: float, repeats: int) -> None:
    runs: dict[str, list[tuple[float, float]]] = {}
    digests = set()
    for _ in range(repeats):
        for name, way in ways(path, every).items():
            wall, cpu, digest = measured(way())
            runs.setdefault(name, []).append((wall, cpu))
            digests.add(digest)
    assert len(digests) == 1, "the ways do not give the same pictures"
    print(f"\na picture each {every:g} s | wall s | ratio | CPU s | ratio")
    middle = {
        name: [statistics.median(each) for each in zip(*run, strict=True)]
        for name, run in runs.items()
    }
    first = next(iter(middle.values()))
    for name, (wall, cpu) in middle.items():
        print(f"{name} | {wall:.1f} | {first[0] / wall:.2f} | {cpu:.1f} | {first[1] / cpu:.2f}")


if __name__ == "__main__":
    main()
