"""Text that is read for questions and standing requests: by a scripted reader, once a question."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.assistant.interface import NOTHING_YET, FrameAnalysis
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_state import SmallAssistantState
from models.assistant.text_reading import ReadingLimits, SceneReader
from models.errors import EngineError, WeightsError
from models.vision.text.reader import TextReader, TextReading
from models.vision.text.reading_order import TextBlock, TextLine
from tests.models.assistant.test_small_model import CUP, DOG, model, picture


class ScriptedReader(TextReader):
    """Reads what the test says is in every picture."""

    def __init__(self) -> None:
        self.text: list[tuple[str, float]] = []
        self.unread = 0
        self.skipped = 0
        self.read_pictures: list[NDArray[np.uint8]] = []
        self.limits: list[int | None] = []

    def steps(
        self, pixels: NDArray[np.uint8], max_lines: int | None = None
    ) -> Iterator[TextReading | None]:
        self.read_pictures.append(pixels)
        self.limits.append(max_lines)
        yield None
        corners = np.zeros((4, 2))
        lines = [TextLine(text, score, corners) for text, score in self.text]
        yield TextReading(tuple(TextBlock((line,)) for line in lines), self.unread, self.skipped)


@pytest.fixture
def scripted() -> ScriptedReader:
    return ScriptedReader()


@pytest.fixture
def assistant(scripted: ScriptedReader) -> SmallAssistant:
    return SmallAssistant(model(), reader=SceneReader(lambda: scripted))


def look(
    assistant: SmallAssistant, state: SmallAssistantState, time: float, name: int = CUP
) -> FrameAnalysis | None:
    """Show a picture at `time`, and read as a session does after each look."""
    assistant.analyze_frame(state, picture(name), time)
    return read(assistant, state, "", time)


def read(
    assistant: SmallAssistant, state: SmallAssistantState, question: str, time: float
) -> FrameAnalysis | None:
    return next((each for each in assistant.read_text(state, question, time) if each), None)


def asked(assistant: SmallAssistant, state: SmallAssistantState, question: str, time: float) -> str:
    read(assistant, state, question, time)
    return "".join(assistant.answer(state, question, time).pieces)


def test_what_was_read_is_quoted_with_its_moment(
    assistant: SmallAssistant, scripted: ScriptedReader
) -> None:
    state = assistant.init_state(None)
    for time in (0.0, 1.0):
        look(assistant, state, time)
    scripted.text = [("EMERGENCY EXIT", 0.98)]
    found = read(assistant, state, "What does the sign say?", 1.0)
    assert found is not None
    (moment,) = found.remembered
    assert (moment.time, moment.text) == (1.0, 'cup; nobody; text "EMERGENCY EXIT"')
    answer = assistant.answer(state, "What does the sign say?", 1.0)
    assert "".join(answer.pieces) == 'I read "EMERGENCY EXIT".'
    assert answer.moments == (moment,)
    assert answer.confidence() == 0.98


@pytest.mark.parametrize(
    ("text", "question", "answer"),
    [
        ([("EXIT", 1.0)], "Does it say exit?", 'Yes. I read "EXIT".'),
        ([("EXIT", 1.0), ("PUSH", 1.0)], "does the sign say exit", 'Yes. I read "EXIT".'),
        ([("NOPARKING", 1.0)], "Does it say no parking?", 'Yes. I read "NOPARKING".'),
        ([("PUSH", 1.0)], "Does it say exit?", 'No. I read "PUSH".'),
        ([], "Does it say exit?", "No. I see no text that I can read."),
        ([], "What does it say?", "I see no text that I can read."),
        ([("EXlT", 0.7)], "Read this.", 'I am not sure, but I think I read "EXlT".'),
        (
            [("EXIT", 1.0), ("pvsh", 0.7)],
            "Read this.",
            'I read "EXIT". I am less sure of "pvsh".',
        ),
        ([("Room", 1.0), ("12 B", 1.0)], "What number is on the door?", 'I read "12 B".'),
        ([("Room", 1.0)], "What number is on the door?", 'I see no number. I read "Room".'),
        ([("Menu", 1.0)], "Is there any text in the picture?", 'Yes. I read "Menu".'),
    ],
)
def test_answers_about_what_is_read_now(
    assistant: SmallAssistant,
    scripted: ScriptedReader,
    text: list[tuple[str, float]],
    question: str,
    answer: str,
) -> None:
    state = assistant.init_state(None)
    look(assistant, state, 0.0)
    scripted.text = text
    assert asked(assistant, state, question, 0.0) == answer


def test_text_that_is_there_but_not_legible_is_not_made_up(
    assistant: SmallAssistant, scripted: ScriptedReader
) -> None:
    state = assistant.init_state(None)
    look(assistant, state, 0.0)
    scripted.unread = 2
    assert "too small" in asked(assistant, state, "What does it say?", 0.0)


def test_only_questions_about_text_are_read_for_and_once_each(
    assistant: SmallAssistant, scripted: ScriptedReader
) -> None:
    state = assistant.init_state(None)
    assert asked(assistant, state, "What does it say?", 0.0) == NOTHING_YET
    look(assistant, state, 0.0)
    asked(assistant, state, "What do you see?", 0.0)
    asked(assistant, state, "What did I say?", 0.0)
    assert scripted.read_pictures == []
    asked(assistant, state, "What does it say?", 0.0)
    assert len(scripted.read_pictures) == 1


def test_the_past_is_answered_from_the_log_without_pictures(
    assistant: SmallAssistant, scripted: ScriptedReader, tmp_path: Path
) -> None:
    state = assistant.init_state(tmp_path, durable=True)
    look(assistant, state, 3.0)
    scripted.text = [("EXIT", 0.99)]
    asked(assistant, state, "What does the sign say?", 3.0)
    scripted.text = []
    for time in (10.0, 11.0):
        look(assistant, state, time, DOG)
    assert asked(assistant, state, "What did the sign say?", 11.0) == 'At 0:03 I read "EXIT".'
    assert len(scripted.read_pictures) == 1
    assistant.close(state)

    plain = SmallAssistant(model())
    again = plain.init_state(tmp_path)
    answer = plain.answer(again, "Did it say exit?", 20.0)
    assert "".join(answer.pieces) == 'Yes. At 0:03 I read "EXIT".'
    assert [moment.time for moment in answer.moments] == [3.0]
    assert asked(plain, again, "Did it say stop?", 20.0) == (
        'No, I have not read that. At 0:03 I read "EXIT".'
    )
    assert asked(plain, again, "When did it say exit?", 20.0) == 'At 0:03 I read "EXIT".'
    plain.close(again)


def test_the_past_has_what_is_read_first_for_a_question_about_it(
    assistant: SmallAssistant, scripted: ScriptedReader
) -> None:
    state = assistant.init_state(None)
    look(assistant, state, 3.0)
    assert asked(assistant, state, "What did the sign say?", 3.0).startswith("I have not read any")
    scripted.text = [("EXIT", 0.99)]
    for question in ("What did the sign say?", "What does it say?", "What did the sign say?"):
        expected = 'At 0:03 I read "EXIT".' if "did" in question else 'I read "EXIT".'
        assert asked(assistant, state, question, 3.0) == expected


def test_recall_has_what_was_read(assistant: SmallAssistant, scripted: ScriptedReader) -> None:
    state = assistant.init_state(None)
    look(assistant, state, 0.0)
    scripted.text = [("EXIT", 0.99)]
    asked(assistant, state, "Read this.", 0.0)
    for second in range(1, 30):
        look(assistant, state, float(second), DOG if second % 4 < 2 else CUP)
    moments = assistant.recall(state, "What did the sign say?", 30.0, count=2)
    assert 'cup; nobody; text "EXIT"' in [moment.text for moment in moments]


def test_a_request_about_text_is_met_when_that_is_read(
    assistant: SmallAssistant, scripted: ScriptedReader
) -> None:
    state = assistant.init_state(None)
    look(assistant, state, 0.0)
    assert scripted.read_pictures == []
    _, reply = assistant.note_request(state, "Tell me when a sign says stop.", 0.0)
    assert reply is not None
    assert "".join(reply.pieces) == 'I will tell you when I read "stop".'
    scripted.text = [("Shop", 1.0)]
    assert [
        found.met_requests for time in (0.5, 2.5) if (found := look(assistant, state, time))
    ] == [
        (),
        (),
    ]
    scripted.text = [("Shop", 1.0), ("STOP", 1.0)]
    assert look(assistant, state, 3.0) is None  # not yet time to read again
    found = look(assistant, state, 4.5)
    assert found is not None
    (met,) = found.met_requests
    assert (met.text, met.moment.time) == ('I read "STOP".', 4.5)
    assert met.moment == found.remembered[-1]
    assert set(scripted.limits) == {ReadingLimits().lines}
    count = len(scripted.read_pictures)
    look(assistant, state, 9.0)
    assert len(scripted.read_pictures) == count  # nothing is watched for any more
    assert assistant.standing_requests(state) == ()


def test_what_is_gone_is_reported_after_it_was_missed_twice(
    assistant: SmallAssistant, scripted: ScriptedReader
) -> None:
    state = assistant.init_state(None)
    look(assistant, state, 0.0)
    assistant.note_request(state, "Tell me when it no longer says loading.", 0.0)
    met = []
    for time, text in ((2.0, "Loading"), (4.0, ""), (6.0, "Loading"), (8.0, ""), (10.0, "")):
        scripted.text = [(text, 1.0)] if text else []
        found = look(assistant, state, time)
        met += [(time, each.text) for each in (found.met_requests if found else ())]
    assert met == [(10.0, 'I no longer read "loading".')]


def test_without_a_reader_requests_about_text_are_refused() -> None:
    blind = SmallAssistant(model())
    state = blind.init_state(None)
    look(blind, state, 0.0)
    _, reply = blind.note_request(state, "Tell me when a sign says stop.", 0.0)
    assert reply is not None
    assert "cannot read" in "".join(reply.pieces)
    assert asked(blind, state, "What does it say?", 0.0) == "I cannot read text."
    assert "I cannot read text" in asked(blind, state, "What can you do?", 0.0)


def test_what_can_be_read_is_said(assistant: SmallAssistant) -> None:
    state = assistant.init_state(None)
    assert asked(assistant, state, "Can you read?", 0.0).startswith("Yes.")
    assert "read text" in asked(assistant, state, "What can you do?", 0.0)


class FailingReader(ScriptedReader):
    """Finds its networks broken in the first picture."""

    def steps(
        self, pixels: NDArray[np.uint8], max_lines: int | None = None
    ) -> Iterator[TextReading | None]:
        if not self.read_pictures:
            self.read_pictures.append(pixels)
            yield None
            raise EngineError("it is broken")
        yield from super().steps(pixels, max_lines)


def test_networks_that_fail_are_reported_and_tried_again_for_questions_alone() -> None:
    reader, loads = FailingReader(), iter([WeightsError("a file is missing"), None])

    def load() -> TextReader:
        if error := next(loads):
            raise error
        return reader

    assistant = SmallAssistant(model(), reader=SceneReader(load))
    state = assistant.init_state(None)
    look(assistant, state, 0.0)
    assistant.note_request(state, "Tell me when a sign says stop.", 0.0)
    found = look(assistant, state, 2.0)
    assert found is not None
    assert found.degraded == "text in the picture is not read: a file is missing"
    assert look(assistant, state, 5.0) is None
    assert asked(assistant, state, "What does it say?", 6.0).startswith("I cannot read text now")
    assert asked(assistant, state, "What does it say?", 7.0) == "I see no text that I can read."
    reader.text = [("STOP", 1.0)]
    found = look(assistant, state, 9.0)
    assert found is not None
    assert [each.text for each in found.met_requests] == ['I read "STOP".']


def test_an_answer_says_if_there_is_more_text_than_was_read(
    assistant: SmallAssistant, scripted: ScriptedReader
) -> None:
    state = assistant.init_state(None)
    look(assistant, state, 0.0)
    scripted.text, scripted.unread, scripted.skipped = [("Page 1", 1.0)], 9, 7
    said = asked(assistant, state, "What does it say?", 0.0)
    assert said == 'I read "Page 1". There is more text: seven further lines.'
