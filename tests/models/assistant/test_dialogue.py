"""The 100 turns of the dialogue test: only what was seen is named, and every answer is judged."""

import re
from collections import Counter
from datetime import datetime

import pytest

from models.assistant.scene.query_parsing import find_name_ids, parse_query
from models.assistant.scene.scene_entry import format_time
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_model import SmallModel
from models.assistant.understanding.kinds import TextKind, classify
from models.vision.class_names import NAMES
from tests.bench.dialogue_set import (
    DialogueTurn,
    RecordedPerception,
    conversations,
    hold,
    judged,
    things,
)
from tests.models.assistant.tiny_chat import chat

CLOCK = datetime(2026, 11, 30, 14, 5)
LIKELY = 0.05  # probability below which a name may not be mentioned
SAYS_NOT = re.compile(r"\b(?:not|no|never|neither)\b", re.IGNORECASE)
# Kinds whose answers are fixed sentences, or repeat what was asked for.
FIXED = {
    TextKind.JOKE,
    TextKind.DRAW,
    TextKind.ABILITY,
    TextKind.SELF,
    TextKind.REQUEST,
}


@pytest.fixture(scope="module")
def turns() -> list[DialogueTurn]:
    assistant = SmallAssistant(SmallModel(chat(), RecordedPerception()), wall_clock=lambda: CLOCK)
    return [turn for name in conversations() for turn in hold(assistant, name)]


def seen(turn: DialogueTurn) -> set[str]:
    """Return what the log, and the newest look, hold up to the turn."""
    memory = turn.state.memory
    found: set[str] = set()
    entries = [(e.scene, e.probabilities) for e in memory.log.entries]
    entries += [(each.scene, each.probabilities.numpy()) for each in memory.recent]
    for scene, probabilities in entries:
        if scene.time <= turn.time:
            found |= {name for name, _ in scene.names[:1]} | set(scene.others)
            found |= {NAMES[i] for i in range(len(NAMES)) if probabilities[i] >= LIKELY}
    return found


def test_there_are_100_turns_and_each_is_judged(turns: list[DialogueTurn]) -> None:
    assert len(turns) == 100
    lines = judged()
    assert [turn.said for turn in turns] == [line["said"] for line in lines]
    assert all(line[when]["reason"] for line in lines for when in ("before", "now"))


def test_the_answers_are_those_that_were_judged(turns: list[DialogueTurn]) -> None:
    """A changed answer is judged again: `python -m tests.bench.bench_dialogue` shows them."""
    new = [
        (turn.said, turn.answered)
        for turn, line in zip(turns, judged(), strict=True)
        if turn.answered != line["now"]["answer"]
    ]
    assert new == []


def test_at_least_85_answers_are_useful_or_honest_and_none_is_untrue() -> None:
    marks = Counter(line["now"]["mark"] for line in judged())
    assert marks["useful"] + marks["honest"] >= 85
    assert marks["untrue"] == 0


def test_only_things_that_were_seen_or_asked_about_are_named(turns: list[DialogueTurn]) -> None:
    for turn in turns:
        if classify(turn.said) in FIXED:
            continue
        earlier = " ".join(each.said for each in turns if each.conversation == turn.conversation)
        allowed = frozenset[int]().union(*map(find_name_ids, seen(turn)))
        stated = [part for part in re.split(r"[.;]", turn.answered) if not SAYS_NOT.search(part)]
        named = things(" ".join(stated))
        asked = parse_query(earlier).name_ids if classify(turn.said) is TextKind.HISTORY else set()
        assert named <= allowed | asked, (turn.said, turn.answered)


def test_the_times_in_answers_are_not_later_than_the_question(turns: list[DialogueTurn]) -> None:
    for turn in turns:
        if classify(turn.said) is TextKind.TIME:
            continue
        times = re.findall(r"\b\d+:\d\d\b", turn.answered)
        assert all(time <= format_time(turn.time) for time in times), turn.answered


def test_the_clock_is_right(turns: list[DialogueTurn]) -> None:
    told = {turn.said: turn.answered for turn in turns}
    assert "14:05" in told["What time is it?"]
    assert "Monday, 30 November 2026" in told["What day is it today?"]


def test_people_are_counted_as_the_detector_does(turns: list[DialogueTurn]) -> None:
    told = {turn.said: turn for turn in turns}
    words = ("nobody", "one person", "two people", "three people", "four people", "five people")
    for said in (
        "How many people are there?",
        "Can you see me?",
        "Is there a person in the picture?",
    ):
        turn = told[said]
        count = next(o.scene.people for o in turn.state.memory.recent if o.scene.time == turn.time)
        assert words[count] in turn.answered


def test_the_conversation_is_remembered(turns: list[DialogueTurn]) -> None:
    told = {turn.said: turn.answered for turn in turns}
    assert "Describe the room." in told["Did I ask you something before?"]
    assert "Hello!" in told["What did I ask you first?"]
    assert "Peter" in told["What's my name?"]
