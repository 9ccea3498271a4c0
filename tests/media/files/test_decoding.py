import os
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from media.errors import MediaTooLongError, UnreadableMediaError
from media.files import decoding
from media.files.decoding import MediaInfo, decode, decode_audio, probe
from media.files.report import DecodingReport
from media.files.sampling import sample_frames
from media.frames import SAMPLE_RATE, AudioChunk, VideoFrame
from tests.media.files.clips import even_times, write_video
from tests.media.files.damage import add_sound, mux_tone
from tests.media.media_files import tone, write_clip, write_sound


def test_audio_and_video_come_in_the_order_of_their_times(tmp_path: Path) -> None:
    items = list(decode(write_clip(tmp_path / "clip.mkv"), max_duration=60))
    times = [item.time for item in items]
    assert times == sorted(times)
    frames = [item for item in items if isinstance(item, VideoFrame)]
    assert [round(frame.time * 10) for frame in frames] == list(range(30))
    for n, frame in enumerate(frames):
        assert abs(int(frame.pixels.mean()) - (4 * n + 20)) <= 3  # lossy codec, limited range
    sound = [item for item in items if isinstance(item, AudioChunk)]
    assert sum(len(chunk.samples) for chunk in sound) == pytest.approx(
        3 * SAMPLE_RATE, abs=0.05 * SAMPLE_RATE
    )
    for before, after in pairwise(sound):
        assert after.start == before.end


@pytest.mark.parametrize(("rate", "channels"), [(8000, 2), (44_100, 1), (16_000, 1), (48_000, 2)])
def test_any_rate_and_channels_become_mono_at_16_khz(
    tmp_path: Path, rate: int, channels: int
) -> None:
    path = write_sound(tmp_path / "tone.wav", tone(1.0, rate), rate, channels=channels)
    heard = np.concatenate(list(decode_audio(path, max_duration=60)))
    assert len(heard) == pytest.approx(SAMPLE_RATE, abs=32)
    middle = heard[1000:15_000]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * SAMPLE_RATE / len(middle) == pytest.approx(440, abs=2)
    assert np.sqrt(np.mean(middle**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)


def test_a_text_file_is_not_media(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp3"
    path.write_text("this is no music\n" * 100)
    with pytest.raises(UnreadableMediaError, match="not audio or video"):
        list(decode(path, max_duration=60))


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMediaError, match="no such file"):
        list(decode(tmp_path / "none.wav", max_duration=60))


def test_a_file_without_video_is_refused_for_video(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "tone.wav", tone(0.5), SAMPLE_RATE)
    with pytest.raises(UnreadableMediaError, match="it has no video"):
        list(decode(path, max_duration=60, audio=False))
    inside = probe(path)
    assert (inside.has_audio, inside.has_video) == (True, False)
    assert inside.duration == pytest.approx(0.5, abs=0.01)


def test_a_file_without_a_duration_in_its_header_has_none(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.h264", even_times(5), kind="h264")
    assert probe(path) == MediaInfo(duration=None, audio=(), has_video=True)


def test_a_file_over_the_limit_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    """A sparse WAV file of 10 hours: silence that takes no room on the disk."""
    path = write_sound(tmp_path / "long.wav", tone(0.1, 8000), 8000)
    data = bytearray(path.read_bytes())
    place, size = data.index(b"data") + 4, 36_000 * 8000 * 2
    data[place : place + 4] = size.to_bytes(4, "little")
    path.write_bytes(data)
    os.truncate(path, place + 4 + size)
    with pytest.raises(MediaTooLongError, match=r"10\.0 hours .* limit is 4\.0"):
        list(decode(path, max_duration=4 * 3600))


def test_a_file_longer_than_its_header_says_is_refused(tmp_path: Path) -> None:
    path = write_sound(tmp_path / "tone.wav", tone(3.0), SAMPLE_RATE)
    with pytest.raises(MediaTooLongError):
        list(decode(path, max_duration=1.0))


def test_a_truncated_file_gives_what_is_left(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    frames = [item for item in decode(path, max_duration=60) if isinstance(item, VideoFrame)]
    assert 3 < len(frames) < 30


def part(path: Path, *, rate: int, layout: str, width: int, pixels: str, start: float) -> bytes:
    """Return a second of MPEG-TS: a tone and frames, from `start` on."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=10, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = width, 48, pixels
        sound = add_sound(container, "aac", rate, layout)
        for n in range(10):
            grey = np.full((48, width, 3), 20 * n, np.uint8)
            picture = av.VideoFrame.from_ndarray(grey)
            picture.pts, picture.time_base = n + round(10 * start), Fraction(1, 10)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        mux_tone(container, sound, start=round(rate * start))
    return path.read_bytes()


def test_rate_channels_size_and_pixel_format_may_change_in_the_middle(tmp_path: Path) -> None:
    path = tmp_path / "joined.ts"
    first = part(path, rate=44_100, layout="stereo", width=64, pixels="yuv420p", start=0)
    second = part(path, rate=48_000, layout="mono", width=96, pixels="yuv444p", start=1)
    third = part(path, rate=16_000, layout="5.1", width=64, pixels="yuv420p", start=2)
    path.write_bytes(first + second + third)
    items = list(decode(path, max_duration=60))
    frames = [item for item in items if isinstance(item, VideoFrame)]
    assert [frame.pixels.shape[1] for frame in frames] == [64] * 10 + [96] * 10 + [64] * 10
    assert frames[-1].time == pytest.approx(2.9, abs=0.1)
    heard = np.concatenate(list(decode_audio(path, max_duration=60)))
    assert len(heard) == pytest.approx(3 * SAMPLE_RATE, abs=0.2 * SAMPLE_RATE)  # encoders pad
    for middle in (0.5, 1.5, 2.5):
        piece = heard[round((middle - 0.2) * SAMPLE_RATE) : round((middle + 0.2) * SAMPLE_RATE)]
        peak = np.argmax(np.abs(np.fft.rfft(piece)))
        assert peak * SAMPLE_RATE / len(piece) == pytest.approx(440, abs=3)
    sampled = list(sample_frames(path, max_duration=60, interval=0, threads=2, limits=None))
    assert [frame.pixels.shape[1] for frame in sampled] == [each.pixels.shape[1] for each in frames]


def test_timestamps_that_begin_again_go_on(tmp_path: Path) -> None:
    """Joined MPEG-TS: each part begins at 0. A memory refuses frames that go back in time."""
    one = part(tmp_path / "one.ts", rate=48_000, layout="mono", width=64, pixels="yuv420p", start=0)
    path = tmp_path / "joined.ts"
    path.write_bytes(3 * one)
    items = list(decode(path, max_duration=60))
    times = [item.time for item in items if isinstance(item, VideoFrame)]
    assert len(times) == 30
    assert all(0.05 < after - before < 0.2 for before, after in pairwise(times))
    heard = [item.end for item in items if isinstance(item, AudioChunk)]
    assert heard[-1] / SAMPLE_RATE == pytest.approx(times[-1], abs=0.2)
    sampled = [frame.time for frame in sample_frames(path, max_duration=60, interval=0.2)]
    assert sampled == pytest.approx(times[::2], abs=0.11)


@pytest.mark.parametrize("kind", ["mp3", "aac"])
def test_joined_files_of_several_rates_are_heard_whole(tmp_path: Path, kind: str) -> None:
    """As `cat a.mp3 b.mp3` makes them; broadcasts do so, too."""
    data = b""
    for rate, layout in ((44_100, "stereo"), (48_000, "mono"), (32_000, "stereo")):
        path = tmp_path / f"one.{kind}"
        options = {"write_xing": "0", "id3v2_version": "0"} if kind == "mp3" else {}
        with av.open(str(path), "w", options=options) as container:
            mux_tone(container, add_sound(container, kind, rate, layout))
        data += path.read_bytes()
    joined = tmp_path / f"joined.{kind}"
    joined.write_bytes(data)
    report = DecodingReport()
    heard = np.concatenate(list(decode_audio(joined, max_duration=60, report=report)))
    assert len(heard) > 2.8 * SAMPLE_RATE
    assert not report.left_out


def test_a_gap_of_hours_is_silence_in_small_pieces(tmp_path: Path) -> None:
    path = tmp_path / "gap.mkv"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("flac", rate=16_000, layout="mono")
        for start in (0, 2 * 3600 * 16_000):
            frame = av.AudioFrame.from_ndarray(np.full((1, 4608), 9000, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 16_000, start
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    pieces = [len(piece) for piece in decode_audio(path, max_duration=4 * 3600)]
    assert max(pieces) <= 10 * SAMPLE_RATE
    assert sum(pieces) == pytest.approx(2 * 3600 * SAMPLE_RATE + 4608, abs=100)


def test_cover_art_is_no_video_and_odd_letters_in_tags_are_no_error(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    with av.open(str(path), "w") as container:
        sound = add_sound(container, "mp3", 16_000, "mono")
        cover = container.add_stream("png")
        assert isinstance(cover, av.VideoStream)
        cover.width, cover.height, cover.pix_fmt = 16, 16, "rgb24"
        cover.disposition = av.stream.Disposition.attached_pic
        container.mux(cover.encode(av.VideoFrame(16, 16, "rgb24")))
        container.mux(cover.encode(None))
        mux_tone(container, sound)
    path.write_bytes(path.read_bytes().replace(b"Lavf", b"La\xffv"))
    assert not probe(path).has_video
    assert all(isinstance(item, AudioChunk) for item in decode(path, max_duration=60))


@pytest.mark.parametrize(("side", "most"), [(16, 65), (2048, 11)])
def test_frames_that_wait_for_sound_that_does_not_come_take_bounded_memory(
    side: int, most: int
) -> None:
    taken = 0

    def frames() -> Iterator[AudioChunk | VideoFrame]:
        nonlocal taken
        for n in range(100):
            taken += 1
            yield VideoFrame(np.broadcast_to(np.uint8(0), (side, side, 3)), n)

    items = decoding._interleaved(frames(), streams=2)
    for given, _ in enumerate(items):
        assert taken - given <= most
    assert taken == 100
