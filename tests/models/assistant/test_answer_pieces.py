"""Answers of several sessions that are generated together."""

import pytest

from models.assistant.answer_pieces import AnswerPieces
from models.assistant.interface import AssistantAnswer
from models.assistant.scene.scene_entry import SYSTEM
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_model import SmallModel
from models.assistant.small_state import SmallAssistantState
from models.language import smollm2
from models.language.smollm2 import system_prompt
from tests.models.assistant.test_small_model import BALL, CUP, DOG, model, picture
from tests.models.language.quantized import quantized_file

SHOWN = ((CUP, DOG), (DOG, BALL, CUP, DOG), (BALL,))


@pytest.fixture(scope="module")
def assistant(tmp_path_factory: pytest.TempPathFactory) -> SmallAssistant:
    folder = tmp_path_factory.mktemp("packed")
    quantized_file.saved(folder)
    chat = smollm2.load_quantized(folder, opening=system_prompt(SYSTEM))
    return SmallAssistant(SmallModel(chat, model().perception))


@pytest.fixture(scope="module")
def sessions(assistant: SmallAssistant) -> list[SmallAssistantState]:
    made = []
    for names in SHOWN:
        state = assistant.init_state(None)
        for second, name in enumerate(names):
            assistant.analyze_frame(state, picture(name), float(second))
        made.append(state)
    return made


def asked(assistant: SmallAssistant, sessions: list[SmallAssistantState]) -> list[AssistantAnswer]:
    things = ("dog", "dog", "ball")
    return [
        assistant.answer(state, f"tell me about the {thing}", 9.0)
        for state, thing in zip(sessions, things, strict=True)
    ]


def test_answers_of_several_sessions_together_are_those_of_each_alone(
    assistant: SmallAssistant, sessions: list[SmallAssistantState]
) -> None:
    answers = asked(assistant, sessions)
    assert all(isinstance(answer.pieces, AnswerPieces) for answer in answers)
    known = AssistantAnswer(iter(["Yes."]))
    texts = ["", "", "", ""]
    left = {0, 1, 2, 3}
    while left:
        pieces = assistant.next_pieces([*answers, known])
        for number in sorted(left):
            piece = pieces[number]
            if piece is None:
                left.discard(number)
            else:
                texts[number] += piece
    alone = ["".join(answer.pieces) for answer in asked(assistant, sessions)]
    assert texts == [*alone, "Yes."]
    assert all(alone)
    assert all(answer.confidence() for answer in answers)
