"""Each model of a session raises, in each of its methods: the session ends, and nothing hangs."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent import futures
from dataclasses import dataclass, field

import numpy as np
import pytest

from media.clock import LiveClock
from media.events.answers import Announce, Cancel, Question
from media.events.generation import (
    ClearTrack,
    GeneratedImage,
    GenerationConfig,
    PromptChange,
    TrackPoints,
)
from media.events.hearing import AudioPaused, Clear, Commit, ListeningConfig
from media.events.session import Input, Output
from media.events.speakers import NameSpeaker
from media.frames import AudioChunk, Gap, VideoFrame
from media.pipeline.interfaces import Pixels
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from models.asr.whisper.decode import DetectedLanguage
from models.assistant.interface import AssistantAnswer, Exchange, FrameAnalysis, Moment
from models.speakers.tracker import SpeakerTracker
from tests.chaos.failing import Failing, raising
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.media.pipeline.scripted import (
    RATE,
    BlockRecognizer,
    LoudnessDetector,
    ToneSynthesizer,
    chunks,
    picture,
    scripted_services,
    silence,
    tone,
)
from tests.media.pipeline.scripted_assistant import ScriptedAssistant
from tests.media.pipeline.scripted_languages import ScriptedMultilingual, lazy
from tests.models.speakers.made_up_voices import LevelEncoder
from tests.patience import PATIENCE

ERRORS: tuple[Callable[[], BaseException], ...] = (
    ZeroDivisionError,
    asyncio.CancelledError,
    StopIteration,
    futures.CancelledError,
    SystemExit,
    StopAsyncIteration,
    KeyboardInterrupt,
    MemoryError,
    TimeoutError,
    GeneratorExit,
)


State = tuple[list[Moment], list[str]]


class Watcher(ScriptedAssistant):
    """Looks at bodies between two analyses, reads text, and says where things are."""

    def analyze_frame(
        self, state: State, pixels: Pixels, time: float
    ) -> tuple[State, FrameAnalysis]:
        state, found = super().analyze_frame(state, pixels, time)
        return state, FrameAnalysis(found.remembered, found.met_requests, bodies=True)

    def glance(self, state: object, pixels: object, time: float) -> None:
        pass

    def read_text(self, state: State, question: str, time: float) -> Iterator[FrameAnalysis | None]:
        yield from (None, FrameAnalysis())

    def answer(
        self, state: State, text: str, time: float, conversation: Sequence[Exchange] = ()
    ) -> AssistantAnswer:
        made = super().answer(state, text, time, conversation)
        pieces = (self.written(piece) for piece in made.pieces)
        return AssistantAnswer(pieces, made.moments, confidence=self.sure, locate=self.locate)

    def written(self, piece: str) -> str:
        return piece

    def sure(self) -> float:
        return 0.5

    def locate(self) -> None:
        return None


class FinalWords:
    def transcribe(self, samples: object) -> Sequence[object]:
        return []


class Same:
    name = about = "the same frame"

    async def apply(self, frame: VideoFrame) -> VideoFrame:
        return frame


@dataclass
class Case:
    """What fails: a method of the model `name` of the services, or what `make` returns."""

    name: str
    method: str
    made: object
    at: int = 1
    models: dict[str, object] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.name}.{self.method}"


CASES = (
    Case("detector", "init_state", LoudnessDetector()),
    Case("detector", "step", LoudnessDetector(), 5),
    Case("recognizer", "init_state", BlockRecognizer()),
    Case("recognizer", "step", BlockRecognizer(), 2),
    Case("recognizer", "flush", BlockRecognizer()),
    Case("final_pass", "transcribe", FinalWords()),
    Case("speakers", "step", SpeakerTracker(LevelEncoder()), 2),
    Case("synthesizer", "synthesize", ToneSynthesizer()),
    Case("generator", "init_state", ScriptedGenerator()),
    Case("generator", "step", ScriptedGenerator(), 2),
    Case("generator", "prompt_notices", ScriptedGenerator()),
    Case("generator", "lag", ScriptedGenerator()),
    Case("frame_filter", "apply", Same(), 2),
    Case("assistant", "init_state", Watcher()),
    Case("assistant", "analyze_frame", Watcher(), 2),
    Case("assistant", "glance", Watcher()),
    Case("assistant", "note_request", Watcher()),
    Case("assistant", "standing_requests", Watcher()),
    Case("assistant", "read_text", Watcher()),
    Case("assistant", "answer", Watcher()),
    Case("assistant", "close", Watcher()),
)


def inputs() -> list[Input]:
    """Return every kind of input: a conversation, with pictures and controls."""
    spoken = np.concatenate([tone(0.8), silence(1)])
    items: list[Input] = [
        ListeningConfig(respond=True, spoken=True),
        GenerationConfig(time=0.0, enabled=True, pictures=True),
        PromptChange((("a cup", 1.0),), 0.0),
        TrackPoints(0, ((0.5, 0.5), (0.6, 0.5)), None, 0.0),
    ]
    for n, chunk in enumerate(chunks(spoken)):
        items.append(chunk)
        if n % 10 == 0:
            items.append(picture(n * 1800, brightness=20 * (n // 10 + 1)))
    end = len(spoken)
    return [
        *items,
        Question("q1", "what is that?", 1.8, spoken=True),
        Announce("a1", "well", 1.8),
        Gap("audio", 1.8, 2.0),
        AudioChunk(tone(0.2), end + RATE // 5, RATE),
        Commit(),
        Clear(),
        AudioPaused(),
        NameSpeaker(1, "Anna"),
        ClearTrack(None, 2.0),
        Cancel("q7"),
        picture(200_000, brightness=200),
        Question("q2", "tell me when 20", 2.3),
    ]


async def run(
    send: Callable[[Output], None] = lambda output: None,
    items: Sequence[Input] | None = None,
    broken: Callable[[], object] = lambda: None,
    **models: object,
) -> None:
    """Run a live session; `broken` is called before the source ends."""
    generated = asyncio.Event()

    async def source() -> AsyncIterator[Input]:
        for item in inputs() if items is None else items:
            yield item
            await asyncio.sleep(0)
        if "generator" in models:
            await generated.wait()
            yield TrackPoints(0, ((0.1, 0.5), (0.6, 0.5)), None, 0.0)
            await asyncio.Event().wait()  # it has failed, or fails with the next chunks
        broken()

    async def pass_on(output: Output) -> None:
        if isinstance(output, GeneratedImage):
            generated.set()
        send(output)

    with scripted_services(**models) as services:  # type: ignore[arg-type]
        async with asyncio.timeout(PATIENCE):
            await run_session(
                source(),
                pass_on,
                services=services,
                clock=LiveClock(),
                limits=Limits(lossless=True),
                return_video=True,
            )


def leaves(error: BaseException) -> list[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for each in error.exceptions for leaf in leaves(each)]
    return [error]


async def ends_with(error: BaseException, **options: object) -> None:
    """Check that a session fails with `error`, and with nothing that would end more than that."""
    with pytest.raises(ExceptionGroup) as failed:
        await run(**options)  # type: ignore[arg-type]
    found = leaves(failed.value)
    assert all(isinstance(leaf, Exception) for leaf in found)
    kinds = [type(each) for leaf in found for each in (leaf, leaf.__cause__)]
    assert type(error) in kinds  # asyncio makes another TimeoutError of one


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize("number", [0, pytest.param(1, marks=pytest.mark.slow)])
async def test_a_model_that_raises_ends_its_session(case: Case, number: int) -> None:
    kinds = ERRORS if number else (ERRORS[CASES.index(case) % len(ERRORS)],)
    for kind in kinds:
        error = kind()
        model = Failing(case.made, case.method, raising(error), at=case.at)
        await ends_with(error, **{case.name: model})
        assert model.calls >= case.at


@pytest.mark.parametrize("kind", ERRORS[:3])
@pytest.mark.parametrize("method", ["written", "sure", "locate"])
async def test_an_answer_that_raises_ends_its_session(
    method: str, kind: Callable[[], BaseException]
) -> None:
    error, assistant = kind(), Watcher()
    setattr(assistant, method, lambda *_: raising(error)())
    await ends_with(error, assistant=assistant)


@pytest.mark.parametrize("kind", ERRORS[:3])
@pytest.mark.parametrize("method", ["detect", "recognizer", "translator"])
async def test_another_language_that_raises_ends_its_session_or_is_told(
    method: str, kind: Callable[[], BaseException]
) -> None:
    error = kind()
    found = [DetectedLanguage("de", 0.9)] * 4
    model = Failing(ScriptedMultilingual(found), method, raising(error))
    config = ListeningConfig(language="auto", translate="live")
    spoken = chunks(np.concatenate([tone(3), silence(1)]))
    model.detector = model  # type: ignore[attr-defined]
    await ends_with(error, items=[config, *spoken], other_languages=lazy(model))  # type: ignore[arg-type]
    assert model.calls == 1


@pytest.mark.parametrize("kind", ERRORS[:2])
async def test_a_send_that_raises_at_any_output_ends_the_session(
    kind: Callable[[], BaseException],
) -> None:
    error = kind()
    seen: list[type[Output]] = []
    await run(lambda output: seen.append(type(output)), assistant=Watcher())
    assert len(set(seen)) > 8
    for output_type in set(seen):

        def send(output: Output, output_type: type[Output] = output_type) -> None:
            if isinstance(output, output_type):
                raise error

        await ends_with(error, send=send, assistant=Watcher())


@pytest.mark.parametrize("kind", ERRORS[:2])
async def test_a_source_that_raises_ends_the_session(kind: Callable[[], BaseException]) -> None:
    error = kind()
    await ends_with(error, broken=raising(error))
