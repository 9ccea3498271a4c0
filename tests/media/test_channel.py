import asyncio

import numpy as np
import pytest

from media.channel import Channel, ChannelClosedError
from media.clock import ReplayClock
from media.events.answers import Question
from media.frames import VideoFrame


def frame(pts: int) -> VideoFrame:
    return VideoFrame(np.zeros((2, 2, 3), np.uint8), pts)


async def test_full_channel_drops_the_oldest_frame_and_keeps_the_question() -> None:
    channel = Channel[VideoFrame | Question](2, droppable=VideoFrame)
    await channel.send(frame(0))
    await channel.send(Question("q", "?", 0.0))
    await channel.send(frame(3000))
    await channel.close()
    kept = [item async for item in channel]
    assert isinstance(kept[0], Question)
    assert isinstance(kept[1], VideoFrame)
    assert kept[1].pts == 3000
    assert channel.dropped == 1


async def test_send_waits_for_room() -> None:
    channel = Channel[int](1)
    await channel.send(1)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await channel.send(2)


async def test_send_after_close() -> None:
    channel = Channel[int](1)
    await channel.close()
    with pytest.raises(ChannelClosedError):
        await channel.send(1)


async def test_only_the_newest_items_of_a_limited_type_wait() -> None:
    channel = Channel[VideoFrame | Question](4, max_waiting={VideoFrame: 2})
    for pts in range(4):
        await channel.send(frame(pts))
    await channel.send(Question("q", "?", 0.0))
    await channel.send(Question("r", "?", 0.0))
    await channel.close()
    kept = [item.pts if isinstance(item, VideoFrame) else item.id async for item in channel]
    assert kept == [2, 3, "q", "r"]
    assert channel.dropped == 2


def test_a_limit_of_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Channel[VideoFrame](4, max_waiting={VideoFrame: 0})


async def test_the_delay_is_the_age_of_the_oldest_unfinished_item() -> None:
    clock = ReplayClock()
    dropped: list[VideoFrame | int] = []
    channel = Channel[VideoFrame | int](
        2, droppable=VideoFrame, clock=clock, on_drop=dropped.append
    )
    assert channel.delay == 0.0
    await channel.send(frame(0))
    await clock.sleep_until(1.0)
    await channel.send(1)
    assert channel.delay == 1.0
    await channel.send(2)
    assert [type(item) for item in dropped] == [VideoFrame]
    await clock.sleep_until(3.0)
    assert channel.delay == 2.0
    assert await anext(channel) == 1
    assert channel.delay == 2.0, "the receiver has not finished it"
    assert await channel.receive_all() == [2]
    await clock.sleep_until(4.0)
    assert channel.delay == 3.0
    await channel.close()
    assert await channel.receive_all() == []
    assert channel.delay == 0.0
