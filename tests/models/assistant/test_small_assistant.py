"""The embedded model as a session's watcher, with a tiny decoder and drawn eyes."""

from pathlib import Path

import numpy as np
import pytest

from models.assistant.interface import AssistantAnswer, FrameAnalysis
from models.assistant.requests.phrases import NOTHING_STANDS, STOPPED
from models.assistant.small_assistant import (
    LOG_FILE,
    MAX_QUESTION_WORDS,
    SmallAssistant,
    SmallAssistantState,
)
from models.assistant.small_model import NOTHING_YET
from models.errors import StoreError, StoreFullError
from models.memory.kv_store.tiers import StoreBudget
from models.vision.class_names import NAMES
from tests.models.assistant.test_small_model import BALL, CUP, DOG, model, picture


@pytest.fixture
def watcher() -> SmallAssistant:
    return SmallAssistant(model())


def shown(
    watcher: SmallAssistant, state: SmallAssistantState, names: list[int], *, start: float = 0
) -> list[FrameAnalysis]:
    out = []
    for index, name in enumerate(names):
        state, seen = watcher.analyze_frame(state, picture(name), start + index)
        out.append(seen)
    return out


def text(said: AssistantAnswer | None) -> str:
    assert said is not None
    return "".join(said.pieces)


def test_each_moment_is_told_once_with_a_number_of_its_own(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    told = [s for seen in shown(watcher, state, [CUP, CUP, DOG, BALL]) for s in seen.remembered]
    assert len({moment.number for moment in told}) == len(told)
    assert [s.text for s in told if s.time in (0, 2)] == ["cup; nobody", "dog; nobody"]
    assert [s.time for s in told] == sorted(s.time for s in told)


def test_an_answer_is_made_from_moments_that_were_told(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    told = {s.number: s for seen in shown(watcher, state, [CUP, DOG]) for s in seen.remembered}
    said = watcher.answer(state, "When did you see the cup?", 5.0)
    assert said.moments
    assert all(told[moment.number] == moment for moment in said.moments)
    assert text(said)


def test_nothing_seen_is_said_so(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    assert text(watcher.answer(state, "What was there?", 1.0)) == NOTHING_YET
    shown(watcher, state, [CUP], start=9)
    assert text(watcher.answer(state, "What was there?", 8.0)) == NOTHING_YET


def test_a_memory_goes_on_in_its_folder(watcher: SmallAssistant, tmp_path: Path) -> None:
    state = watcher.init_state(tmp_path)
    shown(watcher, state, [CUP, DOG])
    before = watcher.answer(state, "Where is the cup?", 5.0)
    heard = text(before)
    watcher.close(state)
    again = watcher.init_state(tmp_path)
    after = watcher.answer(again, "Where is the cup?", 5.0)
    assert (text(after), after.moments) == (heard, before.moments)
    (seen,) = shown(watcher, again, [BALL], start=6)
    assert [s.text for s in seen.remembered][-1] == "ball; nobody"
    watcher.close(again)


def test_a_crash_loses_only_what_was_not_written(watcher: SmallAssistant, tmp_path: Path) -> None:
    state = watcher.init_state(tmp_path)
    shown(watcher, state, [CUP, DOG])
    state.memory.rekv.store.save()
    shown(watcher, state, [BALL], start=5)
    state.memory.rekv.store.close()
    assert state.log_file is not None
    state.log_file.close()  # what a crash leaves: a diary that is ahead of the blocks
    with (tmp_path / LOG_FILE).open("a") as diary:
        diary.write('{"block": 17, "sha')
    again = watcher.init_state(tmp_path)
    said = watcher.answer(again, "What did you see?", 9.0)
    assert [s.text.split(";")[0] for s in said.moments] == ["cup", "dog"]
    assert text(said)
    watcher.close(again)


def test_a_folder_in_use_is_refused(watcher: SmallAssistant, tmp_path: Path) -> None:
    state = watcher.init_state(tmp_path)
    with pytest.raises(StoreError):
        watcher.init_state(tmp_path)
    watcher.close(state)


def test_a_full_memory_says_so_and_still_answers() -> None:
    watcher = SmallAssistant(model(), StoreBudget(ram=20_000))
    state = watcher.init_state(None)
    with pytest.raises(StoreFullError):
        shown(watcher, state, [CUP, DOG, BALL] * 20)
    said = watcher.answer(state, "What did you see?", 9.0)
    assert said.moments
    assert text(said)
    with pytest.raises(StoreFullError):
        watcher.close(state)  # the newest look finds no room either


def test_a_standing_request_is_confirmed_met_and_over(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    wish = "Tell me when you see a dog."
    state, said = watcher.note_request(state, wish, 0.0)
    assert text(said) == "I will tell you when I see a dog."
    assert watcher.standing_requests(state) == (wish,)
    seen = shown(watcher, state, [CUP, CUP, DOG, DOG, DOG, DOG, DOG])
    (notice,) = [n for each in seen for n in each.met_requests]
    assert notice.request == wish
    assert "dog" in notice.text.lower()
    assert notice.moment.text.startswith("dog")
    assert watcher.standing_requests(state) == ()


def test_a_request_is_ended_by_a_word(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    state, said = watcher.note_request(state, "stop watching", 0.0)
    assert text(said) == NOTHING_STANDS
    state, _ = watcher.note_request(state, "tell me whenever a person comes in", 0.0)
    state, said = watcher.note_request(state, "never mind", 1.0)
    assert text(said) == STOPPED
    assert watcher.standing_requests(state) == ()


def test_more_requests_than_can_be_watched_are_refused(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    for name in NAMES[: watcher.tracker.limit]:
        state, _ = watcher.note_request(state, f"tell me when you see a {name}", 0.0)
    standing = watcher.standing_requests(state)
    assert len(standing) == watcher.tracker.limit
    state, said = watcher.note_request(state, "tell me when you see a dog", 0.0)
    assert "already" in text(said)
    assert watcher.standing_requests(state) == standing


def test_an_ordinary_question_is_left_to_the_model(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    state, said = watcher.note_request(state, "When did you last see my cup?", 0.0)
    assert said is None
    (seen,) = shown(watcher, state, [CUP])
    assert seen.relevance_topic == "cup"
    assert seen.relevance is not None
    np.testing.assert_array_equal(seen.relevance, 1.0)


def test_a_question_of_too_many_words_is_told_so(watcher: SmallAssistant) -> None:
    state = watcher.init_state(None)
    shown(watcher, state, [CUP])
    said = watcher.answer(state, "word " * 2_000, 5.0)
    assert "2000 words" in text(said)
    assert str(MAX_QUESTION_WORDS) in text(watcher.answer(state, "word " * 201, 5.0))
