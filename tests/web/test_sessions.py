import asyncio
from collections.abc import AsyncGenerator

import pytest

from media.channel import Channel
from media.clock import ReplayClock
from media.events import (
    Answer,
    Cancel,
    Caption,
    CaptionWord,
    Evidence,
    Input,
    Question,
    Remembered,
)
from models.assistant.interface import Moment
from web.problems import ProblemError
from web.sessions import (
    MAX_CAPTIONS,
    MAX_MOMENTS,
    MAX_QUESTIONS,
    SessionRecord,
    Sessions,
    SessionsFullError,
)


def caption(turn: int) -> Caption:
    word = CaptionWord(f" word{turn}", turn, turn + 0.5)
    return Caption(turn, (word,), 1, turn, turn + 0.5, turn + 0.5, True)


async def test_a_session_takes_a_place_until_its_end_and_only_once() -> None:
    sessions = Sessions(1, ReplayClock(), retention=60)
    live = sessions.start("websocket")
    with pytest.raises(SessionsFullError) as refused:
        sessions.start("call")
    assert refused.value.headers["Retry-After"]
    await sessions.end(live)
    await sessions.end(live)
    assert sessions.free == 1


async def test_captions_are_kept_for_a_while_after_the_end_and_then_forgotten() -> None:
    clock = ReplayClock()
    sessions = Sessions(1, clock, retention=60)
    live = sessions.start("websocket")
    await live.add_caption(caption(1))
    await sessions.end(live)
    await clock.sleep_until(60)
    assert sessions.get(live.id).captions == [caption(1)]
    await clock.sleep_until(61)
    with pytest.raises(ProblemError):
        sessions.get(live.id)
    assert sessions.all() == []


async def test_a_follower_gets_every_caption_once_and_ends_with_the_session() -> None:
    live = SessionRecord("sess_x", "websocket", 0.0)
    await live.add_caption(caption(0))
    seen: list[int] = []

    async def follow(start: int) -> None:
        async for number, _ in live.follow_captions(start):
            seen.append(number)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(follow(0))
        tasks.create_task(follow(2))
        await asyncio.sleep(0)
        for turn in (1, 2, 3):
            await live.add_caption(caption(turn))
        await live.end(1.0)
    assert sorted(seen) == [0, 1, 2, 2, 3, 3]


async def test_a_long_session_lets_its_oldest_captions_go() -> None:
    live = SessionRecord("sess_x", "websocket", 0.0)
    for turn in range(MAX_CAPTIONS + 3):
        await live.add_caption(caption(turn))
    await live.end(1.0)
    assert len(live.captions) == MAX_CAPTIONS
    first = await anext(live.follow_captions())
    assert first == (3, caption(3))
    assert live.summary(1.0)["captions"] == MAX_CAPTIONS + 3


async def first(asked: AsyncGenerator[Answer | Evidence, None]) -> Answer | Evidence:
    return await anext(asked)


async def test_an_answer_goes_to_who_asked_and_who_leaves_cancels_it() -> None:
    live = SessionRecord("sess_x", "websocket", 0.0)
    put: list[Input] = []

    async def take(item: Input) -> None:
        put.append(item)

    live.submit = take
    question = Question("q", "what?", 1.0)
    asked = live.ask(question)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(first(asked))
        await asyncio.sleep(0)  # the question is put
        assert not await live.deliver_answer(Answer("another", "no", 1.0))
        assert await live.deliver_answer(Answer("q", "yes", 1.0))
    assert reading.result() == Answer("q", "yes", 1.0)
    await asked.aclose()
    assert put == [question, Cancel("q")]
    assert not await live.deliver_answer(Answer("q", "late", 1.0))


async def test_an_answer_that_is_whole_is_not_cancelled() -> None:
    live = SessionRecord("sess_x", "websocket", 0.0)
    put: list[Input] = []

    async def take(item: Input) -> None:
        put.append(item)
        await live.deliver_answer(Answer("q", "yes", 1.0, "completed"))

    live.submit = take
    question = Question("q", "what?", 1.0)
    assert [each async for each in live.ask(question)] == [Answer("q", "yes", 1.0, "completed")]
    assert put == [question]


async def test_a_session_takes_so_many_questions_and_none_after_its_end() -> None:
    live = SessionRecord("sess_x", "websocket", 0.0)

    async def take(item: Input) -> None:
        del item

    live.submit = take
    waiting = [live.ask(Question(f"q{n}", "what?", 1.0)) for n in range(MAX_QUESTIONS)]
    async with asyncio.TaskGroup() as tasks:
        ends = [tasks.create_task(anext(asked, None)) for asked in waiting]
        await asyncio.sleep(0)
        with pytest.raises(ProblemError, match="try again in") as refused:
            await first(live.ask(Question("more", "what?", 1.0)))
        await live.end(1.0)
    assert refused.value.status == 429
    assert [end.result() for end in ends] == [None] * MAX_QUESTIONS
    with pytest.raises(ProblemError, match="is over") as over:
        await first(live.ask(Question("late", "what?", 1.0)))
    assert over.value.status == 409


async def test_a_question_that_meets_the_end_of_its_session_says_so() -> None:
    live = SessionRecord("sess_x", "websocket", 0.0)
    source: Channel[Input] = Channel(1)
    live.submit = source.send
    await source.close()
    with pytest.raises(ProblemError, match="is over"):
        await first(live.ask(Question("q", "what?", 1.0)))


async def test_the_newest_moments_are_kept_in_order() -> None:
    live = SessionRecord("sess_x", "websocket", 0.0)
    for number in range(MAX_MOMENTS + 2):
        live.add_moment(Remembered(Moment(number, number / 2, "a cup"), b"jpeg"))
    kept = [each.moment.number for each in live.moments_after()]
    assert kept == list(range(2, MAX_MOMENTS + 2))
    assert [each.moment.number for each in live.moments_after(after=MAX_MOMENTS)] == kept[-1:]
