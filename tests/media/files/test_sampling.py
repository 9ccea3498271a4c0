"""Parallel against sequential decoding: the same frames at the same times."""

import logging
import threading
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.errors import MediaTooLongError, UnreadableMediaError
from media.files import gop_decoder, sampling, video_file
from media.files.gop import Gop, Selection, split_gops
from media.files.gop_decoder import GopDecoder
from media.files.sampling import GOPS_PER_THREAD, sample_frames
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.sizes import SizeLimits
from media.video import frame_from_av
from tests.media.files.clips import even_times, write_audio_with_cover, write_video
from tests.media.media_files import tone, write_sound
from tests.paths import ROOT, SAMPLE

REAL = (
    SAMPLE,
    ROOT / "tests" / "replay" / "recordings" / "speech" / "pictures.mkv",
)
SMALL = SizeLimits(longer=640, shorter=640)
DAY = 86_400.0
GROUPS_OF_TEN = {"g": "10", "bf": "0", "sc_threshold": "0"}


def sequentially(path: Path, interval: float) -> list[VideoFrame]:
    """Decode every frame of the file, and keep the undamaged ones that are far enough apart."""
    kept: list[VideoFrame] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        origin = Fraction(container.start_time or 0, av.time_base)
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                assert frame.time_base is not None
                assert frame.pts is not None
                ticks = max(0, round((frame.pts * frame.time_base - origin) * VIDEO_CLOCK_HZ))
                far = not kept or ticks - kept[-1].pts >= round(interval * VIDEO_CLOCK_HZ)
                if far and not frame.is_corrupt:
                    kept.append(frame_from_av(frame, ticks, SMALL))
    return kept


def in_parallel(path: Path, interval: float, *, threads: int = 2) -> list[VideoFrame]:
    return list(sample_frames(path, max_duration=DAY, interval=interval, threads=threads))


def assert_same(ours: Sequence[VideoFrame], theirs: Sequence[VideoFrame]) -> None:
    assert [frame.pts for frame in ours] == [frame.pts for frame in theirs]
    for mine, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(mine.pixels, other.pixels)


KINDS = {
    "closed.mp4": ("libx264", {"g": "12", "bf": "3"}),
    "open.mp4": ("libx264", {"x264-params": "keyint=12:open-gop=1:bframes=3"}),
    "open.mkv": ("libx264", {"x264-params": "keyint=12:open-gop=1:bframes=3"}),
    "one.mkv": ("libx264", {"g": "10000"}),
    "transport.ts": ("libx264", {"g": "12", "bf": "2"}),
    "hidden.webm": ("libvpx", {"g": "12", "auto-alt-ref": "1", "lag-in-frames": "10"}),
    "vp9.webm": ("libvpx-vp9", {"g": "12", "deadline": "realtime", "cpu-used": "8"}),
    "broadcast.ts": ("mpeg2video", {"g": "12", "bf": "2"}),
    "old.avi": ("mpeg4", {"g": "12", "bf": "2"}),
    "intra.mkv": ("mjpeg", {}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("interval", [0.0, 0.33, 1.7])
def test_parallel_equals_sequential_decoding_for_every_kind_of_file(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, interval: float
) -> None:
    codec, options = KINDS[name]
    path = write_video(tmp_path / name, even_times(70), codec=codec, options=options)
    assert_same(in_parallel(path, interval), sequentially(path, interval))
    assert "sequentially" not in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
@pytest.mark.parametrize("threads", [1, 3])
def test_parallel_equals_sequential_decoding_for_real_clips(path: Path, threads: int) -> None:
    assert_same(in_parallel(path, 0.5, threads=threads), sequentially(path, 0.5))


@pytest.mark.slow
@settings(max_examples=25)
@given(
    steps=st.lists(st.integers(20, 400), min_size=8, max_size=60),
    start=st.sampled_from([0, 40, 700, 100_000]),
    name=st.sampled_from(["a.mp4", "a.mkv", "a.ts"]),
    group=st.integers(1, 40),
    between=st.integers(0, 4),
    opened=st.booleans(),
    keys=st.sets(st.integers(0, 60), max_size=6),
    interval=st.sampled_from([0.0, 0.1, 0.5, 2.0, 60.0]),
    threads=st.integers(1, 3),
)
def test_parallel_equals_sequential_decoding_for_any_times_and_keyframes(
    steps: list[int],
    start: int,
    name: str,
    group: int,
    between: int,
    opened: bool,
    keys: set[int],
    interval: float,
    threads: int,
) -> None:
    """Variable frame rates, files that do not start at 0, GOPs of any size, open and closed."""
    times = [start + sum(steps[:n]) for n in range(len(steps))]
    options = {"x264-params": f"keyint={group}:bframes={between}:open-gop={int(opened)}"}
    with TemporaryDirectory() as folder:
        path = write_video(Path(folder) / name, times, options=options, keys=keys)
        ours = in_parallel(path, interval, threads=threads)
        assert_same(ours, sequentially(path, interval))
    assert all(
        after.pts - before.pts >= interval * VIDEO_CLOCK_HZ for before, after in pairwise(ours)
    )


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Files of each kind that can be read although their end is missing."""
    folder = tmp_path_factory.mktemp("whole")
    codecs = {"a.mkv": "libx264", "a.ts": "libx264", "a.webm": "libvpx"}
    return {
        name: write_video(
            folder / name, even_times(50), codec=codec, options={"g": "9"}
        ).read_bytes()
        for name, codec in codecs.items()
    }


@pytest.mark.slow
@settings(max_examples=15)
@given(kept=st.floats(0.2, 0.999), name=st.sampled_from(["a.mkv", "a.ts", "a.webm"]))
def test_a_file_cut_short_anywhere_gives_what_is_left(
    videos: dict[str, bytes], kept: float, name: str
) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(videos[name][: round(kept * len(videos[name]))])
        assert_same(in_parallel(path, 0.1), sequentially(path, 0.1))


def test_damaged_data_affects_only_its_gop_and_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_video(tmp_path / "a.mkv", even_times(100), options=GROUPS_OF_TEN)
    whole = in_parallel(path, 0)
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    place = packets[44].pos
    assert place is not None
    data = bytearray(path.read_bytes())
    data[place + 20 : place + packets[44].size // 2] = bytes(packets[44].size // 2 - 20)
    path.write_bytes(data)
    damaged = {frame.pts: frame.pixels for frame in in_parallel(path, 0)}
    assert "decoded sequentially from here on" in caplog.text
    good = [*range(40), *range(50, 100)]  # the damaged GOP may show anything
    for frame in (whole[n] for n in good):
        np.testing.assert_array_equal(damaged[frame.pts], frame.pixels)


def test_a_clip_shot_sideways_comes_out_upright(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", even_times(40), options={"g": "8"}, turned=90)
    ours = in_parallel(path, 0.3)
    assert ours[0].pixels.shape == (96, 64, 3)
    assert_same(ours, sequentially(path, 0.3))


def test_frames_larger_than_640_are_scaled_down(tmp_path: Path) -> None:
    path = tmp_path / "large.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10, options={"preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = 1280, 720, "yuv420p"
        for n in range(5):
            pixels = np.full((720, 1280, 3), 40 * n, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    ours = in_parallel(path, 0.2)
    assert {frame.pixels.shape for frame in ours} == {(360, 640, 3)}
    assert_same(ours, sequentially(path, 0.2))
    whole = list(sample_frames(path, max_duration=DAY, interval=0.2, limits=None))
    assert whole[0].pixels.shape == (720, 1280, 3)


def test_a_stream_that_changes_its_size_is_followed(tmp_path: Path) -> None:
    """Two transport streams one after the other, as a camera that is turned writes them."""
    path = tmp_path / "joined.ts"
    for n, (width, height) in enumerate([(96, 64), (64, 96)]):
        half = tmp_path / f"{n}.ts"
        with av.open(str(half), "w") as container:
            stream = container.add_stream("libx264", rate=20, options={"g": "8", "bf": "2"})
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for number in range(40):
                pixels = np.full((height, width, 3), 6 * number, np.uint8)
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts, frame.time_base = 40 * n + number, Fraction(1, 20)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        path.write_bytes((path.read_bytes() if n else b"") + half.read_bytes())
    ours = in_parallel(path, 0.2)
    assert {frame.pixels.shape for frame in ours} == {(64, 96, 3), (96, 64, 3)}
    assert_same(ours, sequentially(path, 0.2))


def test_false_keyframes_are_noticed_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Intra refresh: the container marks keyframes, but no frame there is complete."""
    options = {"x264-params": "intra-refresh=1:keyint=12"}
    path = write_video(tmp_path / "refresh.mp4", even_times(60), options=options)
    assert_same(in_parallel(path, 0.2), sequentially(path, 0.2))
    assert "is decoded sequentially from here on: " in caplog.text


def test_keyframes_too_far_apart_are_logged_and_memory_stays_bounded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("media.files.gop.MAX_GOP_PACKETS", 25)
    path = write_video(tmp_path / "a.mkv", even_times(90), options={"g": "10"}, keys=[])
    assert_same(in_parallel(path, 0.1), sequentially(path, 0.1))
    assert caplog.text == ""
    monkeypatch.setattr("media.files.gop.MAX_GOP_PACKETS", 5)
    assert_same(in_parallel(path, 0.1), sequentially(path, 0.1))
    assert "its keyframes are too far apart" in caplog.text


def test_with_too_many_packets_to_keep_the_file_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sampling, "MAX_GOP_BYTES", 10)
    options = {"x264-params": "intra-refresh=1:keyint=12"}
    path = write_video(tmp_path / "refresh.mp4", even_times(90), options=options)
    assert_same(in_parallel(path, 1.3), sequentially(path, 1.3))


def test_video_without_timestamps_is_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", even_times(20), kind="h264")
    with pytest.raises(UnreadableMediaError, match="or no timestamps: convert it to MP4"):
        in_parallel(path, 0.5)


def test_a_file_without_video_is_refused(tmp_path: Path) -> None:
    sound = write_sound(tmp_path / "tone.wav", tone(0.5), 16_000)
    with pytest.raises(UnreadableMediaError, match="it has no video"):
        in_parallel(sound, 0.5)
    with pytest.raises(UnreadableMediaError, match="it has no video"):
        in_parallel(write_audio_with_cover(tmp_path / "song.flac"), 0.5)
    with pytest.raises(UnreadableMediaError, match="no such file"):
        in_parallel(tmp_path / "none.mp4", 0.5)
    (tmp_path / "notes.mp4").write_text("this is no video\n" * 100)
    with pytest.raises(UnreadableMediaError, match="not audio or video"):
        in_parallel(tmp_path / "notes.mp4", 0.5)


@pytest.mark.slow
def test_a_file_over_the_limit_is_refused(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", even_times(60))
    with pytest.raises(MediaTooLongError, match="cut it, or raise"):
        list(sample_frames(path, max_duration=1.0))
    cut = write_video(tmp_path / "a.ts", even_times(60))  # whose head does not say how long it is
    with pytest.raises(MediaTooLongError):
        list(sample_frames(cut, max_duration=1.0))


@pytest.mark.parametrize(("interval", "threads"), [(-0.1, 1), (0.5, 0)])
def test_invalid_options_are_refused(interval: float, threads: int) -> None:
    with pytest.raises(ValueError, match="expected interval >= 0 and threads >= 1"):
        next(sample_frames(REAL[0], max_duration=DAY, interval=interval, threads=threads))


def test_progress_is_reported_with_each_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", even_times(60), options={"g": "10"})
    seen: list[float] = []
    frames = list(sample_frames(path, max_duration=DAY, interval=0.5, progress=seen.append))
    assert seen == [frame.time for frame in frames]


@pytest.mark.parametrize("threads", [1, 2])
def test_a_slow_caller_pauses_the_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    """At most a few GOPs, and a few frames of each, are held."""
    submitted: list[Gop] = []
    decoded: list[int] = []
    submit, convert = GopDecoder.submit, frame_from_av

    def counted(decoder: GopDecoder, gop: Gop) -> gop_decoder.GopJob:
        submitted.append(gop)
        return submit(decoder, gop)

    def converted(frame: av.VideoFrame, pts: int, *options: Any, **more: Any) -> VideoFrame:
        decoded.append(pts)
        return convert(frame, pts, *options, **more)

    monkeypatch.setattr(GopDecoder, "submit", counted)
    monkeypatch.setattr(video_file, "frame_from_av", converted)
    monkeypatch.setattr(gop_decoder, "MAX_QUEUED_FRAMES", 4)
    path = write_video(tmp_path / "a.mkv", even_times(140), options={"g": "20"})
    frames = sample_frames(path, max_duration=DAY, interval=0, threads=threads)
    for taken in range(1, 30):
        next(frames)
        assert len(submitted) <= taken // 20 + 1 + GOPS_PER_THREAD * threads
        assert (
            len(decoded) <= taken + (4 + 1) * GOPS_PER_THREAD * threads
        )  # 1: on its way into the queue
    frames.close()  # type: ignore[attr-defined]  # an iterator that is a generator
    assert not any(each.name.startswith("decode") for each in threading.enumerate())


def test_an_error_of_the_caller_ends_the_threads(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mkv", even_times(80), options={"g": "20"})

    def fail(time: float) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        list(sample_frames(path, max_duration=DAY, interval=0, progress=fail))
    assert not any(each.name.startswith("decode") for each in threading.enumerate())


def test_packets_that_no_wanted_frame_needs_are_not_decoded(tmp_path: Path) -> None:
    """With GOPs of ten, a frame each three seconds needs one GOP in six, and not all of it."""
    path = write_video(tmp_path / "a.mkv", even_times(240), options=GROUPS_OF_TEN)
    fed = 0
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        base = stream.time_base
        for gop in split_gops(
            container.demux(stream),
            lambda pts: round(pts * base * VIDEO_CLOCK_HZ),
            Selection(3 * VIDEO_CLOCK_HZ),
        ):
            fed += len(gop.needed())
    assert fed == 4  # at 0, 3, 6 and 9 s, where keyframes are


@pytest.fixture(autouse=True)
def _no_libav_noise() -> None:
    logging.getLogger("libav").setLevel(logging.CRITICAL)
