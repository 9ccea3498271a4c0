import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from media.errors import MediaTooLongError, UnreadableMediaError
from media.files.decoding import MediaInfo, decode, decode_audio, probe
from media.frames import SAMPLE_RATE, AudioChunk, VideoFrame
from tests.media.files.clips import even_times, write_video
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
    assert probe(path) == MediaInfo(duration=None, has_audio=False, has_video=True)


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
