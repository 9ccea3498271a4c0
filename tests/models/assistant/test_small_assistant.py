"""The small model as the assistant of a session, with a tiny decoder and scripted perception."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from models.assistant.interface import NOTHING_YET, AssistantAnswer, Exchange, FrameAnalysis
from models.assistant.requests.phrases import NOTHING_STANDS, STOPPED
from models.assistant.scene.log_file import LOG_FILE
from models.assistant.small_assistant import MAX_QUESTION_WORDS, SmallAssistant
from models.assistant.small_state import SmallAssistantState
from models.errors import StoreError, StoreFullError
from models.memory.kv_store.tiers import StoreBudget
from models.vision.class_names import NAMES
from tests.full_disk import files_of_at_most
from tests.models.assistant.test_small_model import BALL, CUP, DOG, model, picture


@pytest.fixture
def assistant() -> SmallAssistant:
    return SmallAssistant(model())


def shown(
    assistant: SmallAssistant, state: SmallAssistantState, names: list[int], *, start: float = 0
) -> list[FrameAnalysis]:
    out = []
    for index, name in enumerate(names):
        state, seen = assistant.analyze_frame(state, picture(name), start + index)
        out.append(seen)
    return out


def text(reply: AssistantAnswer | None) -> str:
    assert reply is not None
    return "".join(reply.pieces)


def test_each_moment_is_reported_once_with_a_number_of_its_own(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    reported = [
        s for seen in shown(assistant, state, [CUP, CUP, DOG, BALL]) for s in seen.remembered
    ]
    assert len({moment.number for moment in reported}) == len(reported)
    assert [s.text for s in reported if s.time in (0, 2)] == ["cup; nobody", "dog; nobody"]
    assert [s.time for s in reported] == sorted(s.time for s in reported)


def test_an_answer_is_made_from_moments_that_were_reported(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    reported = {
        s.number: s for seen in shown(assistant, state, [CUP, DOG]) for s in seen.remembered
    }
    reply = assistant.answer(state, "When did you see the cup?", 5.0)
    assert reply.moments
    assert all(reported[moment.number] == moment for moment in reply.moments)
    assert text(reply)
    confidence = reply.confidence()
    assert confidence is not None
    assert 0 < confidence <= 1


def test_a_question_about_an_unseen_thing_says_that_it_was_not_seen(
    assistant: SmallAssistant,
) -> None:
    state = assistant.init_state(None)
    assert text(assistant.answer(state, "What was there?", 1.0)) == NOTHING_YET
    shown(assistant, state, [CUP], start=9)
    assert text(assistant.answer(state, "What was there?", 8.0)) == NOTHING_YET


def test_a_memory_goes_on_in_its_folder(assistant: SmallAssistant, tmp_path: Path) -> None:
    state = assistant.init_state(tmp_path)
    shown(assistant, state, [CUP, DOG])
    before = assistant.answer(state, "Where is the cup?", 5.0)
    heard = text(before)
    assistant.close(state)
    again = assistant.init_state(tmp_path)
    after = assistant.answer(again, "Where is the cup?", 5.0)
    assert (text(after), after.moments) == (heard, before.moments)
    (seen,) = shown(assistant, again, [BALL], start=6)
    assert [s.text for s in seen.remembered][-1] == "ball; nobody"
    assistant.close(again)


def test_a_crash_loses_only_what_was_not_written(assistant: SmallAssistant, tmp_path: Path) -> None:
    state = assistant.init_state(tmp_path)
    shown(assistant, state, [CUP, DOG])
    state.memory.rekv.store.save()
    shown(assistant, state, [BALL], start=5)
    state.memory.rekv.store.close()
    assert state.log_file is not None
    state.log_file.close()  # what a crash leaves: a log that is ahead of the blocks
    with (tmp_path / LOG_FILE).open("a") as log:
        log.write('{"block": 17, "sha')
    again = assistant.init_state(tmp_path)
    reply = assistant.answer(again, "What did you see?", 9.0)
    assert [s.text.split(";")[0] for s in reply.moments] == ["cup", "dog"]
    assert text(reply)
    assistant.close(again)


def test_a_durable_memory_outlives_its_process_at_any_time(
    assistant: SmallAssistant, tmp_path: Path
) -> None:
    state = assistant.init_state(tmp_path / "live", durable=True)
    for second, name in enumerate([CUP, CUP, CUP, DOG, DOG, BALL, BALL]):
        shown(assistant, state, [name], start=second)
        left = tmp_path / str(second)
        shutil.copytree(tmp_path / "live", left)  # as a killed process leaves it
        again = assistant.init_state(left)
        assert assistant.seen_until(again) == second
        for question in ("What did you see?", "When did you last see the cup?"):
            expected = assistant.answer(state, question, second)
            reply = assistant.answer(again, question, second)
            assert (reply.moments, text(reply)) == (expected.moments, text(expected))
        assistant.close(again)
    assistant.close(state)


def test_a_disk_that_is_full_for_a_while_costs_a_durable_memory_nothing(
    assistant: SmallAssistant, tmp_path: Path
) -> None:
    state = assistant.init_state(tmp_path, durable=True)
    assert [seen.problem for seen in shown(assistant, state, [CUP])] == [None]
    with files_of_at_most(100):
        problems = [seen.problem for seen in shown(assistant, state, [DOG, BALL], start=1)]
    assert [problem and problem.forgotten for problem in problems] == [False, False]
    (seen,) = shown(assistant, state, [CUP], start=3)
    assert seen.problem is None
    before = assistant.answer(state, "What did you see?", 3.0)
    assistant.close(state)
    again = assistant.init_state(tmp_path)
    assert assistant.answer(again, "What did you see?", 3.0).moments == before.moments
    assistant.close(again)


def test_a_full_memory_still_meets_requests() -> None:
    assistant = SmallAssistant(model(), StoreBudget(ram=20_000))
    state = assistant.init_state(None)
    shown(assistant, state, [CUP, BALL] * 20)
    state, _ = assistant.note_request(state, "Tell me when you see a dog.", 40.0)
    seen = shown(assistant, state, [DOG] * 5, start=40)
    assert all(each.problem for each in seen[:1])
    assert [met.request for each in seen for met in each.met_requests]


def test_a_folder_in_use_is_refused(assistant: SmallAssistant, tmp_path: Path) -> None:
    state = assistant.init_state(tmp_path)
    with pytest.raises(StoreError):
        assistant.init_state(tmp_path)
    assistant.close(state)


def test_a_full_memory_says_so_and_still_answers() -> None:
    assistant = SmallAssistant(model(), StoreBudget(ram=20_000))
    state = assistant.init_state(None)
    problems = [seen.problem for seen in shown(assistant, state, [CUP, DOG, BALL] * 20)]
    assert problems[0] is None
    assert problems[-1] is not None
    assert problems[-1].forgotten
    reply = assistant.answer(state, "What did you see?", 9.0)
    assert reply.moments
    assert text(reply)
    with pytest.raises(StoreFullError):
        assistant.close(state)  # the newest observation finds no room either


def test_a_standing_request_is_confirmed_met_and_over(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    words = "Tell me when you see a dog."
    state, reply = assistant.note_request(state, words, 0.0)
    assert text(reply) == "I will tell you when I see a dog."
    assert assistant.standing_requests(state) == (words,)
    seen = shown(assistant, state, [CUP, CUP, DOG, DOG, DOG, DOG, DOG])
    (notice,) = [n for each in seen for n in each.met_requests]
    assert notice.request == words
    assert "dog" in notice.text.lower()
    assert notice.moment.text.startswith("dog")
    assert assistant.standing_requests(state) == ()


def test_a_request_is_ended_by_a_word(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    state, reply = assistant.note_request(state, "stop watching", 0.0)
    assert text(reply) == NOTHING_STANDS
    state, _ = assistant.note_request(state, "tell me whenever a person comes in", 0.0)
    state, reply = assistant.note_request(state, "never mind", 1.0)
    assert text(reply) == STOPPED
    assert assistant.standing_requests(state) == ()


def test_more_requests_than_can_be_watched_are_refused(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    for name in NAMES[: assistant.tracker.limit]:
        state, _ = assistant.note_request(state, f"tell me when you see a {name}", 0.0)
    standing = assistant.standing_requests(state)
    assert len(standing) == assistant.tracker.limit
    state, reply = assistant.note_request(state, "tell me when you see a dog", 0.0)
    assert "already" in text(reply)
    assert assistant.standing_requests(state) == standing


def test_an_ordinary_question_is_left_to_the_model(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    state, reply = assistant.note_request(state, "When did you last see my cup?", 0.0)
    assert reply is None
    (seen,) = shown(assistant, state, [CUP])
    assert seen.relevance_topic == "cup"
    assert seen.relevance is not None
    np.testing.assert_array_equal(seen.relevance, 1.0)


def test_a_question_with_too_many_words_gets_a_message(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    shown(assistant, state, [CUP])
    reply = assistant.answer(state, "word " * 2_000, 5.0)
    assert "2000 words" in text(reply)
    assert str(MAX_QUESTION_WORDS) in text(assistant.answer(state, "word " * 201, 5.0))


def test_frames_of_several_streams_at_once_give_what_each_gives_alone(
    assistant: SmallAssistant,
) -> None:
    streams = [[CUP, CUP, DOG], [DOG, BALL, BALL], [BALL, CUP, DOG]]
    together = [assistant.init_state(None) for _ in streams]
    analyses: list[list[FrameAnalysis]] = [[] for _ in streams]
    for time, column in enumerate(zip(*streams, strict=True)):
        made = assistant.analyze_frames(together, [(picture(name), float(time)) for name in column])
        for number, (together[number], analysis) in enumerate(made):
            analyses[number].append(analysis)
    for names, found, state in zip(streams, analyses, together, strict=True):
        alone = assistant.init_state(None)
        expected = shown(assistant, alone, names)
        assert [each.remembered for each in found] == [each.remembered for each in expected]
        assert [each.confidence for each in found] == [each.confidence for each in expected]
        asked = [
            assistant.answer(each, "When did you see the dog?", 9.0) for each in (state, alone)
        ]
        assert text(asked[0]) == text(asked[1])


def test_questions_requests_and_follow_ups_in_german_are_answered_in_german(
    assistant: SmallAssistant,
) -> None:
    state = assistant.init_state(None)
    state, confirmed = assistant.note_request(state, "Sag mir, wenn du einen Hund siehst.", 0.0)
    assert text(confirmed) == "Ich sage Bescheid, sobald ich das sehe: ein Hund."
    assert assistant.standing_requests(state) == ("Sag mir, wenn du einen Hund siehst.",)
    analyses = shown(assistant, state, [CUP, CUP, DOG, DOG])
    met = [each for seen in analyses for each in seen.met_requests]
    assert [(each.text, each.language) for each in met] == [
        ("Das ist ins Bild gekommen: ein Hund.", "de")
    ]
    seen = assistant.answer(state, "Was siehst du?", 5.0)
    assert (text(seen), seen.language) == ("Ich sehe einen Hund.", "de")
    assert text(assistant.answer(state, "Siehst du eine Tasse?", 5.0)).startswith("Nein, ")
    said = (Exchange("Was siehst du?", "Ich sehe einen Hund."),)
    assert "Tasse" in text(assistant.answer(state, "Und davor?", 5.0, said))
