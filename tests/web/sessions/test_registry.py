import asyncio
from collections.abc import AsyncGenerator

import pytest

from media.channel import Channel
from media.clock import ReplayClock
from media.events.answers import Answer, AnswerOutput, Cancel, Question
from media.events.hearing import Caption, CaptionWord
from media.events.session import Input
from media.events.speakers import Speakers, TurnSpeakers
from media.events.vision import Remembered
from models.assistant.interface import Moment
from web.access.admission import Load, SessionsFullError
from web.access.auth import Caller
from web.history import history
from web.history.caption_log import MAX_CAPTIONS
from web.problems import ProblemError
from web.sessions.record import MAX_MOMENTS, MAX_QUESTIONS, SessionRecord
from web.sessions.registry import Sessions


def caption(turn: int) -> Caption:
    word = CaptionWord(f" word{turn}", turn, turn + 0.5)
    return Caption(turn, (word,), 1, turn, turn + 0.5, turn + 0.5, True)


async def test_a_session_counts_until_its_end_and_only_once() -> None:
    sessions = Sessions(1, ReplayClock(), retention=60)
    record = sessions.start("websocket", Caller())
    with pytest.raises(SessionsFullError) as refused:
        sessions.start("call", Caller())
    assert refused.value.headers["Retry-After"]
    await sessions.end(record)
    await sessions.end(record)
    assert sessions.free == 1


async def test_a_session_that_goes_on_elsewhere_is_not_known_and_counts_until_its_end() -> None:
    sessions = Sessions(2, ReplayClock(), retention=60)
    record = sessions.start("websocket", Caller())
    sessions.forget(record)
    assert sessions.find(record.id, Caller()) is None
    assert sessions.free == 1
    await sessions.end(record)
    assert sessions.free == 2
    assert sessions.find(record.id, Caller()) is None, "others have it, and it is not over"


async def test_no_session_starts_while_speech_waits_for_the_processor() -> None:
    waits = [0.9]
    sessions = Sessions(9, ReplayClock(), retention=60, load=Load(lambda _: waits[-1], 1.0))
    sessions.start("websocket", Caller())
    waits.append(1.2)
    with pytest.raises(SessionsFullError) as refused:
        sessions.start("call", Caller())
    assert "speech waits 1.2 s for the processor: try again in 10 s" in refused.value.detail
    assert refused.value.headers["Retry-After"] == "10"
    assert sessions.free == 8
    anybody = Sessions(9, ReplayClock(), retention=60, load=Load(lambda _: 60.0, 0.0))
    anybody.start("call", Caller())


async def test_captions_are_kept_for_a_while_after_the_end() -> None:
    clock = ReplayClock()
    sessions = Sessions(1, clock, retention=60)
    record = sessions.start("websocket", Caller())
    await record.captions.add(caption(1))
    await sessions.end(record)
    await clock.sleep_until(60)
    assert sessions.get(record.id, Caller()).captions.kept == [caption(1)]
    await clock.sleep_until(61)
    with pytest.raises(ProblemError):
        sessions.get(record.id, Caller())
    assert sessions.all(Caller()) == []


async def test_a_reader_gets_every_caption_once_and_ends_with_the_session() -> None:
    record = SessionRecord("sess_x", "websocket", 0.0)
    await record.captions.add(caption(0))
    seen: list[int] = []

    async def read(start: int) -> None:
        async for number, _ in record.captions.follow(start):
            seen.append(number)

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(read(0))
        tasks.create_task(read(2))
        await asyncio.sleep(0)
        for turn in (1, 2, 3):
            await record.captions.add(caption(turn))
        await record.end(1.0)
    assert sorted(seen) == [0, 1, 2, 2, 3, 3]


async def test_a_long_session_drops_its_oldest_captions() -> None:
    record = SessionRecord("sess_x", "websocket", 0.0)
    for turn in range(MAX_CAPTIONS + 3):
        await record.captions.add(caption(turn))
    await record.end(1.0)
    assert len(record.captions.kept) == MAX_CAPTIONS
    first = await anext(record.captions.follow())
    assert first == (3, caption(3))
    assert record.summary(1.0)["captions"] == MAX_CAPTIONS + 3


async def first(answers: AsyncGenerator[AnswerOutput, None]) -> AnswerOutput:
    return await anext(answers)


async def first_or_problem(
    answers: AsyncGenerator[AnswerOutput, None],
) -> AnswerOutput | ProblemError | None:
    try:
        return await anext(answers, None)
    except ProblemError as problem:
        return problem


async def test_an_answer_goes_to_its_question_and_closing_the_generator_cancels_it() -> None:
    record = SessionRecord("sess_x", "websocket", 0.0)
    inputs: list[Input] = []

    async def submit(item: Input) -> None:
        inputs.append(item)

    record.submit = submit
    question = Question("q", "what?", 1.0)
    answers = record.ask(question)
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(first(answers))
        await asyncio.sleep(0)  # the question is submitted
        assert not await record.deliver_answer(Answer("another", "no", 1.0))
        assert await record.deliver_answer(Answer("q", "yes", 1.0))
    assert reading.result() == Answer("q", "yes", 1.0)
    await answers.aclose()
    assert inputs == [question, Cancel("q")]
    assert not await record.deliver_answer(Answer("q", "late", 1.0))


async def test_a_complete_answer_is_not_cancelled() -> None:
    record = SessionRecord("sess_x", "websocket", 0.0)
    inputs: list[Input] = []

    async def submit(item: Input) -> None:
        inputs.append(item)
        await record.deliver_answer(Answer("q", "yes", 1.0, "completed"))

    record.submit = submit
    question = Question("q", "what?", 1.0)
    assert [each async for each in record.ask(question)] == [Answer("q", "yes", 1.0, "completed")]
    assert inputs == [question]


async def test_a_session_limits_its_questions_and_takes_none_after_its_end() -> None:
    record = SessionRecord("sess_x", "websocket", 0.0)

    submitted: list[Input] = []

    async def submit(item: Input) -> None:
        submitted.append(item)

    record.submit = submit
    asked = [record.ask(Question(f"q{n}", "what?", 1.0)) for n in range(MAX_QUESTIONS + 1)]
    async with asyncio.TaskGroup() as tasks:
        *ends, last = (tasks.create_task(first_or_problem(answers)) for answers in asked)
        await asyncio.sleep(0)
        assert len(submitted) == MAX_QUESTIONS, "the last one waits"
        await record.end(1.0)
    assert [end.result() for end in ends] == [None] * MAX_QUESTIONS
    problem = last.result()
    assert isinstance(problem, ProblemError)
    assert problem.status == 409
    with pytest.raises(ProblemError, match="is over") as ended:
        await first(record.ask(Question("late", "what?", 1.0)))
    assert ended.value.status == 409


async def test_a_question_to_a_session_that_just_ended_is_refused() -> None:
    record = SessionRecord("sess_x", "websocket", 0.0)
    source: Channel[Input] = Channel(1)
    record.submit = source.send
    await source.close()
    with pytest.raises(ProblemError, match="is over"):
        await first(record.ask(Question("q", "what?", 1.0)))


async def test_pictures_of_old_moments_are_forgotten_and_their_lines_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(history, "MAX_PICTURES", 2)
    first, moved = history.History(), history.History()
    for number in range(4):
        await first.note_output(Remembered(Moment(number, float(number), "a cup"), b"jpeg"))
    moved.restore(first.log.kept, 0)
    await moved.note_output(Remembered(Moment(4, 4.0, "a cup"), b"jpeg"))
    for kept, pictures in ((first, [False, False, True, True]), (moved, [False] * 3 + [True] * 2)):
        await kept.end()
        entries = [entry async for _, entry in kept.follow()]
        assert [entry["text"] for entry in entries] == ["a cup"] * len(pictures)
        assert [entry["image"] is not None for entry in entries] == pictures


async def test_what_was_overheard_is_a_question_once_it_is_answered() -> None:
    kept = history.History()
    for id, text in (("remark", ""), ("asked", "a cup")):
        await kept.note_input(Question(id, "words", 1.0, spoken=True, overheard=True))
        await kept.note_output(Answer(id, text, 1.0))
        await kept.note_output(Answer(id, "", 1.0, "completed"))
    await kept.end()
    entries = [entry async for _, entry in kept.follow()]
    assert [(entry["type"], entry["id"]) for entry in entries] == [
        ("question", "asked"),
        ("answer", "asked"),
    ]


async def test_the_newest_moments_are_kept_in_order() -> None:
    record = SessionRecord("sess_x", "websocket", 0.0)
    for number in range(MAX_MOMENTS + 2):
        record.add_moment(Remembered(Moment(number, number / 2, "a cup"), b"jpeg"))
    kept = [each.moment.number for each in record.moments_after()]
    assert kept == list(range(2, MAX_MOMENTS + 2))
    assert [each.moment.number for each in record.moments_after(after=MAX_MOMENTS)] == kept[-1:]


async def test_captions_from_before_a_second_person_spoke_are_the_first_ones() -> None:
    record = SessionRecord("s", "websocket", 0.0)
    await record.keep(caption(1))
    await record.keep(caption(2))
    await record.keep(Speakers(((1, "Anna"), (2, "Bob")), (TurnSpeakers(2, (2,)),)))
    assert [each.words[0].speaker for each in record.captions.kept] == [1, 2]
    assert record.captions.names == {1: "Anna", 2: "Bob"}
