import asyncio

import pytest

from media.clock import ReplayClock
from media.events import Caption, CaptionWord
from web.problems import ProblemError
from web.sessions import MOST_CAPTIONS, FullError, Live, Sessions


def caption(turn: int) -> Caption:
    word = CaptionWord(f" word{turn}", turn, turn + 0.5)
    return Caption(turn, (word,), 1, turn, turn + 0.5, turn + 0.5, True)


async def test_a_session_takes_a_place_until_its_end_and_only_once() -> None:
    sessions = Sessions(1, ReplayClock(), kept=60)
    live = sessions.begin("websocket")
    with pytest.raises(FullError) as refused:
        sessions.begin("call")
    assert refused.value.headers["Retry-After"]
    await sessions.end(live)
    await sessions.end(live)
    assert sessions.free == 1


async def test_captions_are_kept_for_a_while_after_the_end_and_then_forgotten() -> None:
    clock = ReplayClock()
    sessions = Sessions(1, clock, kept=60)
    live = sessions.begin("websocket")
    await live.keep(caption(1))
    await sessions.end(live)
    await clock.sleep_until(60)
    assert sessions.find(live.id).captions == [caption(1)]
    await clock.sleep_until(61)
    with pytest.raises(ProblemError):
        sessions.find(live.id)
    assert sessions.all() == []


async def test_a_follower_gets_every_caption_once_and_ends_with_the_session() -> None:
    live = Live("sess_x", "websocket", 0.0)
    await live.keep(caption(0))
    seen: list[int] = []

    async def follow(start: int) -> None:
        async for number, _ in live.follow(start):
            seen.append(number)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow(0))
        tasks.create_task(follow(2))
        await asyncio.sleep(0)
        for turn in (1, 2, 3):
            await live.keep(caption(turn))
        await live.end(1.0)
    assert sorted(seen) == [0, 1, 2, 2, 3, 3]


async def test_a_long_session_lets_its_oldest_captions_go() -> None:
    live = Live("sess_x", "websocket", 0.0)
    for turn in range(MOST_CAPTIONS + 3):
        await live.keep(caption(turn))
    await live.end(1.0)
    assert len(live.captions) == MOST_CAPTIONS
    first = await anext(live.follow())
    assert first == (3, caption(3))
    assert live.summary(1.0)["captions"] == MOST_CAPTIONS + 3
