import asyncio
import threading

import numpy as np
import pytest
from aiortc.mediastreams import MediaStreamError

from media.audio.resampling import Samples
from media.clock import ReplayClock
from media.frames import AudioChunk, VideoFrame
from media.sizes import SizeLimits
from media.worker import Worker
from rtc.errors import PeerClosedError
from rtc.network import FrameCounters
from rtc.outgoing import FRAME_SAMPLES, SpeechTrack, VideoTrack
from tests.media.audio.frames import samples_from_av
from tests.patience import PATIENCE
from tests.rtc.client import pitch, tone


@pytest.fixture
def worker() -> Worker:
    return Worker("test")


def speech_track(worker: Worker, *, capacity: float = 30, clock: ReplayClock) -> SpeechTrack:
    return SpeechTrack(clock=clock, worker=worker, capacity=capacity)


async def listen(track: SpeechTrack, seconds: float) -> Samples:
    frames = [await track.recv() for _ in range(round(seconds * 50))]
    return np.concatenate([samples_from_av(frame) for frame in frames])


def picture(pts: int, shade: int = 0) -> VideoFrame:
    return VideoFrame(np.full((16, 16, 3), shade, np.uint8), pts)


async def test_speech_is_played_once_in_order_and_then_there_is_silence(worker: Worker) -> None:
    track = speech_track(worker, clock=ReplayClock())
    whole = tone(440, 1.0, 24_000)
    for start in range(0, 24_000, 5_000):
        await track.play(AudioChunk(whole[start : start + 5_000], start, 24_000))
    heard = await listen(track, 2)
    np.testing.assert_allclose(heard[100:47_900], tone(440, 1, 48_000)[100:47_900], atol=1e-3)
    assert np.abs(heard[48_000:]).max() == 0
    assert track.played == 1.0


@pytest.mark.parametrize("rate", [16_000, 22_050, 24_000, 48_000])
async def test_speech_of_any_rate_keeps_its_pitch_and_length(worker: Worker, rate: int) -> None:
    track = speech_track(worker, clock=ReplayClock())
    await track.play(AudioChunk(tone(500, 0.5, rate), 0, rate))
    heard = await listen(track, 1)
    assert pitch(heard[:24_000], 48_000) == pytest.approx(500, abs=3)
    assert np.flatnonzero(heard)[-1] == pytest.approx(24_000, abs=4)


async def test_frames_follow_each_other_in_real_time(worker: Worker) -> None:
    clock = ReplayClock()
    track = speech_track(worker, clock=clock)
    frames = [await track.recv() for _ in range(100)]
    assert [frame.pts for frame in frames] == [n * FRAME_SAMPLES for n in range(100)]
    assert {frame.samples for frame in frames} == {FRAME_SAMPLES}
    assert clock.now() == pytest.approx(99 * 0.02)


async def test_lost_time_is_not_made_up_by_a_burst(worker: Worker) -> None:
    clock = ReplayClock()
    track = speech_track(worker, clock=clock)
    await track.recv()
    await clock.sleep_until(5.0)
    for _ in range(3):
        await track.recv()
    assert clock.now() == pytest.approx(5.04)


async def test_clear_drops_queued_speech_and_returns_how_much_was_played(worker: Worker) -> None:
    track = speech_track(worker, clock=ReplayClock())
    await track.play(AudioChunk(tone(440, 2, 24_000), 0, 24_000))
    await listen(track, 0.5)
    assert track.clear() == 0.5
    assert np.abs(await listen(track, 0.5)).max() == 0
    assert track.clear() == 0.5
    await track.play(AudioChunk(tone(440, 1, 24_000), 0, 24_000))
    await listen(track, 0.2)
    assert track.played == pytest.approx(0.2)  # of the new utterance


async def test_speech_that_waits_for_room_is_cleared_too(worker: Worker) -> None:
    track = speech_track(worker, capacity=0.5, clock=ReplayClock())
    await track.play(AudioChunk(tone(440, 1, 24_000), 0, 24_000))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(track.play(AudioChunk(tone(440, 1, 24_000), 24_000, 24_000)))
        await asyncio.sleep(0)  # let it begin to wait
        assert track._writing.locked()
        track.clear()
        await waiting
    assert np.abs(await listen(track, 0.5)).max() == 0


async def test_speech_from_before_a_clear_is_not_played(worker: Worker) -> None:
    track = speech_track(worker, clock=ReplayClock())
    before = track.clear_count
    track.clear()
    await track.play(AudioChunk(tone(440, 1, 24_000), 0, 24_000), clear_count=before)
    assert np.abs(await listen(track, 1)).max() == 0
    await track.play(AudioChunk(tone(440, 1, 24_000), 0, 24_000), clear_count=track.clear_count)
    assert np.abs(await listen(track, 1)).max() > 0.1


@pytest.mark.parametrize("cleared", [False, True])
async def test_the_end_of_speech_is_known_once_it_is_sent_or_cleared(
    worker: Worker, cleared: bool
) -> None:
    track = speech_track(worker, clock=ReplayClock())
    await track.play(AudioChunk(tone(440, 1, 24_000), 0, 24_000))
    async with asyncio.TaskGroup() as tasks:
        waiting = tasks.create_task(track.wait_played(clear_count=track.clear_count))
        await listen(track, 0.98)
        await asyncio.sleep(0)  # let it look
        assert not waiting.done()
        if cleared:
            track.clear()
        else:
            await listen(track, 0.04)
    assert waiting.result() is not cleared


async def test_speech_waits_for_room_and_none_is_lost(worker: Worker) -> None:
    track = speech_track(worker, capacity=0.5, clock=ReplayClock())
    whole = tone(440, 3, 24_000)

    async def speak() -> None:
        for start in range(0, 72_000, 6_000):
            await track.play(AudioChunk(whole[start : start + 6_000], start, 24_000))
            assert track._queued <= 0.75 * 48_000

    heard: list[Samples] = []
    async with asyncio.TaskGroup() as tasks:
        speaking = tasks.create_task(speak())
        while not speaking.done():
            if track._queued >= FRAME_SAMPLES:
                heard.append(await listen(track, 0.02))
            await asyncio.sleep(0)
    heard.append(await listen(track, 1))
    assert track.played == 3.0
    speech_heard = np.concatenate(heard)
    np.testing.assert_allclose(
        speech_heard[100:143_900], tone(440, 3, 48_000)[100:143_900], atol=1e-3
    )


async def test_speech_that_is_dropped_as_the_peer_leaves_is_no_failure() -> None:
    worker = Worker("ending")
    running, may_end = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()
    track = speech_track(worker, clock=ReplayClock())

    def occupy() -> None:
        loop.call_soon_threadsafe(running.set)
        may_end.wait(PATIENCE)

    async def speak() -> None:
        with pytest.raises(PeerClosedError):
            await track.play(AudioChunk(tone(440, 1, 24_000), 0, 24_000))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(worker.run(occupy))
        await running.wait()
        speaking = tasks.create_task(speak())
        await asyncio.sleep(0)  # let it wait for the worker
        worker.end()
        may_end.set()
    assert not speaking.cancelled()


async def test_nothing_can_be_played_once_the_track_has_ended(worker: Worker) -> None:
    track = speech_track(worker, capacity=0.5, clock=ReplayClock())
    await track.play(AudioChunk(tone(440, 1, 24_000), 0, 24_000))

    async def speak_on() -> None:
        with pytest.raises(PeerClosedError):
            await track.play(AudioChunk(tone(440, 1, 24_000), 24_000, 24_000))

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(speak_on())
        await asyncio.sleep(0)  # let it begin to wait
        assert track._writing.locked()
        track.stop()
    with pytest.raises(MediaStreamError):
        await track.recv()


def picture_track(worker: Worker, clock: ReplayClock, frame_rate: float = 30) -> VideoTrack:
    return VideoTrack(
        clock=clock,
        worker=worker,
        frame_rate=frame_rate,
        limits=SizeLimits(),
        counters=FrameCounters(),
    )


async def test_only_the_newest_frame_is_sent_and_only_once(worker: Worker) -> None:
    track = picture_track(worker, ReplayClock())
    for pts in range(1, 100):
        track.show(picture(pts * 3_000))
    frame = await track.recv()
    assert frame.pts == 99 * 3_000
    assert frame.format.name == "yuv420p"
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(track.recv(), timeout=0.05)


async def test_a_frame_older_than_the_last_is_not_sent(worker: Worker) -> None:
    track = picture_track(worker, ReplayClock())
    track.show(picture(9_000))
    assert (await track.recv()).pts == 9_000
    track.show(picture(6_000))
    track.show(picture(9_000))
    track.show(picture(12_000))
    track.show(picture(6_000))
    assert (await track.recv()).pts == 12_000


async def test_the_frame_rate_is_capped(worker: Worker) -> None:
    clock = ReplayClock()
    track = picture_track(worker, clock, frame_rate=10)
    for index in range(50):
        track.show(picture((index + 1) * 900))
        await track.recv()
    assert clock.now() >= 4.8  # 50 pictures at 10 a second, one at once and one of credit


async def test_invalid_pixels_are_refused(worker: Worker) -> None:
    track = picture_track(worker, ReplayClock())
    with pytest.raises(ValueError, match=r"expected uint8 pixels \(height, width, 3\)"):
        track.show(VideoFrame(np.zeros((4, 4), np.uint8), 0))
