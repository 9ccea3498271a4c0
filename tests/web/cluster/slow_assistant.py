"""An assistant whose memory is in its folder, and whose answers can be held at a word."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from models.assistant.interface import AssistantAnswer, Exchange, Moment
from tests.media.pipeline.scripted_assistant import ScriptedAssistant

State = tuple[list[Moment], list[str]]


class SlowAssistant(ScriptedAssistant):
    """The first answer to a question with "hold" in it stops after three words, for ever.

    `held` is a file that all processes see: the first to hold an answer creates it.
    """

    def __init__(self, held: Path) -> None:
        super().__init__()
        self._held = held

    def answer(
        self, state: State, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> AssistantAnswer:
        answer = super().answer(state, text, time, conversation)
        return replace(answer, pieces=self._pieces(answer.pieces)) if "hold" in text else answer

    def _pieces(self, pieces: Iterator[str]) -> Iterator[str]:
        for number, piece in enumerate(pieces):
            if number == 3 and not self._held.exists():
                self._held.touch()
                threading.Event().wait()
            yield piece
