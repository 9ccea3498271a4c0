"""Each model is used before the first session, and the next user finds it as it was."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from media.pipeline.interfaces import Pixels, Samples
from models.asr.words import RATE, TranscriptUpdate
from models.assistant.interface import AssistantAnswer, Exchange, FrameAnalysis, Moment
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.media.pipeline.scripted import scripted_services
from tests.media.pipeline.scripted_assistant import ScriptedAssistant
from tests.web.served import CountingRecognizer
from web.loading.warm_up import PICTURE, warm_up


class Watched(CountingRecognizer):
    """Notes the turns that end."""

    def __init__(self) -> None:
        self.ended: list[int] = []

    def flush(self, state: int, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        self.ended.append(state)
        return super().flush(state, last)


class Noted(ScriptedAssistant):
    """Notes the pictures, the questions and the memories that are closed."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def analyze_frame(
        self, state: tuple[list[Moment], list[str]], pixels: Pixels, time: float
    ) -> tuple[tuple[list[Moment], list[str]], FrameAnalysis]:
        assert pixels.shape == PICTURE
        self.calls.append("look")
        return super().analyze_frame(state, pixels, time)

    def answer(
        self,
        state: tuple[list[Moment], list[str]],
        text: str,
        time: float,
        conversation: Sequence[Exchange] = (),
    ) -> AssistantAnswer:
        self.calls.append("answer")
        return super().answer(state, text, time, conversation)

    def close(self, state: tuple[list[Moment], list[str]]) -> None:
        self.calls.append("close")
        super().close(state)


def test_each_model_is_used_once_and_its_state_is_closed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    recognizer, assistant, generator = Watched(), Noted(), ScriptedGenerator()
    with (
        caplog.at_level(logging.INFO),
        scripted_services(
            recognizer=recognizer, assistant=assistant, generator=generator
        ) as services,
    ):
        asyncio.run(warm_up(services))
    assert recognizer.ended == [2 * RATE]
    assert assistant.calls == ["look", "answer", "close"]
    assert len(generator.requests) == 1
    told = [record.getMessage() for record in caplog.records if "warmed up" in record.getMessage()]
    assert [line.rpartition(" (")[2] for line in told] == [f"{n} of 4)" for n in range(1, 5)]


def test_what_the_service_does_not_have_is_left_out(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO), scripted_services(synthesizer=None) as services:
        asyncio.run(warm_up(services))
    assert "(2 of 2)" in caplog.text
    assert "generation" not in caplog.text
