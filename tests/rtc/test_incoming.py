import asyncio

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.channel import Channel
from media.frames import Gap, VideoFrame
from rtc.incoming import CameraOpening, ReceivedMedia, ShownFrames
from rtc.network import FrameCounters


def shown(brightness: list[int], *, rate: int) -> list[int]:
    """Return the brightness of the frames that a session gets of a camera's."""
    opening, passed = CameraOpening(), []
    for number, value in enumerate(brightness):
        pixels = np.full((48, 64, 3), value, np.uint8)
        opening = opening.after(VideoFrame(pixels, number * 90_000 // rate))
        if opening.over:
            passed.append(value)
    return passed


def test_black_before_a_camera_has_its_first_picture_is_not_seen() -> None:
    assert shown([0, 0, 3, 80, 0, 90], rate=10) == [80, 0, 90]


def test_a_camera_that_shows_black_for_two_seconds_shows_black() -> None:
    assert shown([0] * 30, rate=10) == [0] * 10


@given(st.lists(st.integers(0, 255), max_size=40), st.integers(1, 60))
def test_only_black_frames_at_the_start_are_passed_over(brightness: list[int], rate: int) -> None:
    passed = shown(brightness, rate=rate)
    left_out = brightness[: len(brightness) - len(passed)]
    assert left_out + passed == brightness
    assert all(value <= 16 for value in left_out)
    assert len(left_out) <= 2 * rate


class HandClock:
    """A clock whose time a test sets; whoever waits is woken by it."""

    def __init__(self) -> None:
        self._now = 0.0
        self._moved = asyncio.Condition()

    def now(self) -> float:
        return self._now

    async def sleep_until(self, time: float) -> None:
        async with self._moved:
            await self._moved.wait_for(lambda: self._now >= time)

    async def move(self, time: float) -> None:
        async with self._moved:
            self._now = time
            self._moved.notify_all()
        for _ in range(20):  # all that follows from it happens
            await asyncio.sleep(0)


async def test_the_last_frame_stands_in_for_a_late_one_which_then_has_its_own_place() -> None:
    clock, media, counters = HandClock(), Channel[ReceivedMedia](64), FrameCounters()
    shown = ShownFrames(media, clock=clock, period=0.25, counters=counters)

    def frame(time: float) -> VideoFrame:
        return VideoFrame(np.full((4, 4, 3), round(100 * time), np.uint8), round(90_000 * time))

    async with asyncio.TaskGroup() as tasks:
        standing = tasks.create_task(shown.stand_in())
        for time in (0.0, 0.1, 0.2):
            await clock.move(time)
            await shown.show(frame(time), follows=True)
        for time in (0.46, 0.48, 0.6):
            await clock.move(time)
        await shown.show(frame(0.3), follows=True)  # late, and the newest now
        await clock.move(0.73)
        await shown.show(frame(0.9), follows=False)
        standing.cancel()
    await media.close()
    got = [item async for item in media]
    frames = [item for item in got if isinstance(item, VideoFrame)]
    assert [(round(f.time, 3), round(f.moment, 3)) for f in frames] == [
        (0.0, 0.0),
        (0.1, 0.1),
        (0.2, 0.2),
        (0.2, 0.45),
        (0.3, 0.3),
        (0.3, 0.7),
        (0.9, 0.9),
    ]
    assert [f.stands_at is not None for f in frames] == [*[False] * 3, True, False, True, False]
    assert [f.pixels[0, 0, 0] for f in frames] == [0, 10, 20, 20, 30, 30, 90]
    (gap,) = (item for item in got if isinstance(item, Gap))
    assert (gap.media, gap.concealed) == ("video", True)
    assert (round(gap.start, 3), round(gap.end, 3)) == (0.4, 0.9)
    assert counters.video_substitutes == 2
