"""What was said before reaches the packaged model with a question."""

from pathlib import Path

from media.dialogue import Dialogue, DialogueTurn, FunctionCall
from media.events.answers import Question
from media.pipeline.models.answerer import exchanges
from models.assistant.interface import Exchange
from tests.media.pipeline.scripted import replayed
from tests.media.pipeline.test_memory import answer, seen, shown, times


def test_turns_are_paired_to_questions_with_their_answers() -> None:
    turns = (
        DialogueTurn("assistant", "Hello."),
        DialogueTurn("user", "What is it?"),
        DialogueTurn("assistant", calls=(FunctionCall("1", "look", "{}"),)),
        DialogueTurn("tool", "a cup", call_id="1"),
        DialogueTurn("assistant", "A cup."),
        DialogueTurn("assistant", "A red one."),
        DialogueTurn("user", "Thanks."),
    )
    assert exchanges(turns) == (
        Exchange("What is it?", "A cup. A red one."),
        Exchange("Thanks.", ""),
    )
    assert exchanges(()) == ()


async def test_a_follow_up_in_a_session_is_about_what_was_said_before(tmp_path: Path) -> None:
    before = (
        DialogueTurn("user", "What came before the dog?"),
        DialogueTurn("assistant", "A cup, at 0:00."),
    )
    questions = [
        Question("alone", "And after that?", 40.0),
        Question("within", "And after that?", 40.0, dialogue=Dialogue(before=before)),
        Question("quoted", "What did I ask you?", 40.0, dialogue=Dialogue(before=before)),
    ]
    out = await seen(replayed([*shown(3), *questions]), tmp_path)
    assert answer(out, "within") == "A dog, at 0:20."
    assert times(out, "within") == [0.0, 20.0]
    assert answer(out, "alone") == "Nothing came after the ball yet."
    assert answer(out, "quoted") == 'You said "What came before the dog?"'
