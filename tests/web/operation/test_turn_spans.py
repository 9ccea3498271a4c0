from collections.abc import Iterable
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from media.events.answers import Answer, Evidence, Question, Speech
from media.events.hearing import Caption, CaptionWord, TurnEnded
from media.events.session import Input, Output
from media.frames import AudioChunk
from web.operation.turn_spans import TimedTurn, TurnSpans

CHUNK = AudioChunk(np.zeros(1, np.float32), 0, 24_000)


def caption(turn: int, text: str = "what is it", *, final: bool = True) -> Caption:
    return Caption(turn, (CaptionWord(f" {text}", 0, 1),), 1, 0, 1, 1, final)


def told(items: Iterable[tuple[float, Input | Output]]) -> list[TimedTurn]:
    spans = TurnSpans()
    found: list[TimedTurn] = []
    for now, item in items:
        if isinstance(item, Question):
            spans.note_input(item, now)
        else:
            found += spans.note_output(item, now)  # type: ignore[arg-type]  # all others are outputs
    return [*found, *spans.finished()]


def parts(turn: TimedTurn) -> dict[str, float]:
    return {part.name: round(part.end - part.start, 6) for part in turn.parts}


def spoken_turn(status: str = "completed") -> list[tuple[float, Input | Output]]:
    return [
        (1.5, TurnEnded(1, 0.0, 1.0, True)),
        (1.7, caption(1, "what", final=False)),
        (1.75, caption(1)),
        (1.8, Question("q", "what is it", 1.0, spoken=True)),
        (2.0, Evidence("q", ())),
        (2.1, Evidence("q", ())),
        (2.3, Answer("q", "A", 1.0)),
        (2.4, Answer("q", " cup", 1.0)),
        (2.6, Speech("q", CHUNK)),
        (2.8, Answer("q", "", 1.0, status)),  # type: ignore[arg-type]  # one of them
        (2.9, Speech("q", CHUNK)),
        (3.5, Speech("q", None, status)),  # type: ignore[arg-type]  # as above
    ]


def test_a_spoken_question_is_one_turn_from_the_end_of_speech_to_that_of_the_answer() -> None:
    [turn] = told(spoken_turn())
    assert (turn.name, turn.start, turn.end) == ("turn", 1.0, 3.5)
    assert parts(turn) == {
        "end_of_turn": 0.5,
        "caption": 0.25,
        "to_question": 0.05,
        "retrieval": 0.2,
        "first_token": 0.3,
        "first_sound": 0.3,
        "rest": 0.9,
    }
    assert turn.attributes == {
        "eyeline.turn": 1,
        "eyeline.language": "en",
        "eyeline.question": "q",
        "eyeline.spoken": True,
        "eyeline.moments": 0,
        "eyeline.status": "completed",
    }


def test_parts_follow_each_other_without_gaps_whenever_events_come() -> None:
    [turn] = told(spoken_turn())
    assert turn.parts[0].start == turn.start
    assert turn.parts[-1].end == turn.end
    assert all(a.end == b.start for a, b in pairwise(turn.parts))


def test_a_typed_question_is_a_trace_of_its_own_and_ends_with_its_text() -> None:
    [turn] = told(
        [
            (5.0, Question("q", "typed", 4.0)),
            (5.5, Evidence("q", ())),
            (6.0, Answer("q", "Yes.", 4.0)),
            (6.5, Answer("q", "", 4.0, "cancelled")),
        ]
    )
    assert (turn.name, turn.start, turn.end) == ("question", 5.0, 6.5)
    assert list(parts(turn)) == ["retrieval", "first_token", "rest"]
    assert turn.attributes["eyeline.status"] == "cancelled"


def test_a_turn_that_asked_nothing_ends_with_its_caption() -> None:
    turns = told(
        [
            (1.5, TurnEnded(1, 0.0, 1.0, True)),
            (2.0, caption(1, "hello")),
            (3.5, TurnEnded(2, 2.0, 3.0, True)),
            (4.0, caption(2, "bye")),
            (4.1, TurnEnded(3, 4.0, 9.0, True)),  # audio that came faster than it is long
        ]
    )
    assert [each.attributes["eyeline.turn"] for each in turns] == [1, 2, 3]
    assert [each.end for each in turns] == [2.0, 4.0, 4.1]
    assert turns[2].start == 4.1


def test_a_question_takes_the_last_turn_with_its_words() -> None:
    first, second = told(
        [
            (1.0, TurnEnded(1, 0.0, 1.0, True)),
            (1.1, caption(1)),
            (2.0, TurnEnded(2, 1.0, 2.0, True)),
            (2.1, caption(2)),
            (2.2, Question("q", " what is it ", 2.0)),
            (2.3, Answer("q", "", 2.0, "failed")),
        ]
    )
    assert (first.attributes["eyeline.turn"], first.question) == (2, "q")
    assert (second.attributes["eyeline.turn"], second.question) == (1, None)


EVENTS = st.sampled_from([item for _, item in spoken_turn()] + [caption(7), Evidence("x", ())])


@given(steps=st.lists(st.tuples(st.floats(0, 2), EVENTS), max_size=40))
def test_any_order_of_events_gives_turns_whose_parts_add_up(
    steps: list[tuple[float, Input | Output]],
) -> None:
    now, timed = 0.0, []
    for step, item in steps:
        now += step
        timed.append((now, item))
    for turn in told(timed):
        assert turn.start <= turn.end <= now
        assert sum(part.end - part.start for part in turn.parts) <= turn.end - turn.start + 1e-9
        assert not any("what" in str(value) for value in turn.attributes.values())
