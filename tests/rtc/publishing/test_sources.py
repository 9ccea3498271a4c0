"""A clip played at its own speed: everything, in order, when it is due."""

from pathlib import Path

import numpy as np
import pytest

from media.channel import Channel
from media.clock import ReplayClock
from media.errors import UnreadableMediaError
from media.frames import SAMPLE_RATE, AudioChunk, VideoFrame
from media.worker import Worker
from rtc.publishing.sources import is_camera, play, read_camera, read_clip
from tests.media.media_files import write_clip
from tests.paths import SAMPLE


def frames(*times: float) -> list[VideoFrame]:
    return [VideoFrame(np.zeros((2, 2, 3), np.uint8), round(90_000 * time)) for time in times]


def chunk(start: float, seconds: float) -> AudioChunk:
    count = round(seconds * SAMPLE_RATE)
    return AudioChunk(np.zeros(count, np.float32), round(start * SAMPLE_RATE), SAMPLE_RATE)


async def test_what_a_clip_has_is_sent_when_it_is_due() -> None:
    clock, worker = ReplayClock(), Worker("test")
    await clock.sleep_until(5.0)
    pictures: Channel[VideoFrame] = Channel(16)
    sound: Channel[AudioChunk] = Channel(16)
    first, second, third = frames(0.0, 0.5, 1.5)
    media: list[AudioChunk | VideoFrame] = [first, chunk(0.0, 0.5), second, chunk(0.5, 1.2), third]
    assert await play(iter(media), clock, worker, pictures, sound) == pytest.approx(1.7)
    assert clock.now() == 6.5
    assert await pictures.receive_all() == [first, second, third]
    assert len(await sound.receive_all()) == 2
    assert await pictures.receive_all() == []  # closed
    worker.close()


async def test_frames_that_are_late_are_left_out() -> None:
    clock, worker = ReplayClock(), Worker("test")
    pictures: Channel[VideoFrame] = Channel(16)
    sound: Channel[AudioChunk] = Channel(16)
    slow = chunk(3.0, 0.1)  # comes before what is earlier
    early, late = frames(0.1, 4.0)
    await play(iter([slow, early, late]), clock, worker, pictures, sound)
    assert await pictures.receive_all() == [late]
    worker.close()


def test_a_loop_goes_on_where_the_clip_ended(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4")
    whole = list(read_clip(clip, audio=True, loop=False, max_duration=60))
    media = read_clip(clip, audio=True, loop=True, max_duration=60)
    looped = [next(media) for _ in range(len(whole) + 4)]
    end = max(getattr(item, "end", 0) / SAMPLE_RATE or item.time for item in whole)
    for again, item in zip(looped[len(whole) :], whole, strict=False):
        assert type(again) is type(item)
        assert again.time == pytest.approx(item.time + end, abs=1e-3)


def test_what_is_no_camera_cannot_be_opened(tmp_path: Path) -> None:
    assert not is_camera(SAMPLE)
    with pytest.raises(UnreadableMediaError):
        list(read_camera(tmp_path / "video0"))
