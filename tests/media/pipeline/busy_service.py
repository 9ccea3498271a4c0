"""Sessions on a machine of two slots whose models are slow, under a clock that is stepped.

Costs are like those of two cores without AVX-512: a transcript 0.45 s, a look 0.2 s, an answer
0.3 s and 50 ms a word, a chunk of four frames 0.12 s a step, a piece of a file 0.2 s.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from media.counters import Counters
from media.events.answers import Answer, Question
from media.events.generation import GenerationConfig, GenerationStatus, PromptChange
from media.events.hearing import Caption, ListeningConfig
from media.events.session import Input, Output
from media.frames import VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.pipeline.interfaces import Samples
from media.pipeline.limits import FrameOutput, Limits
from media.pipeline.models.services import Devices, Services
from media.pipeline.session import run_session
from media.servers.backlog import Batch
from media.servers.queued_engine import run_as_job
from models.asr.words import RecognizedWord, TranscriptUpdate
from tests.media.pipeline.generation.scripted_generator import SIDE, ScriptedGenerator
from tests.media.pipeline.scripted import RATE, scripted_services, tone
from tests.media.stepped import (
    InlineDevice,
    InlineWorker,
    SteppedClock,
    SteppedDevice,
    SteppedWorker,
)

TRANSCRIPT, LOOK, ANSWER, PIECE, STEP, RUN = 0.45, 0.2, 0.3, 0.05, 0.12, 0.2  # seconds
TICK = 0.1  # seconds between two inputs of a session
WORD = RATE // 2  # samples
BEGIN = 1.0  # seconds in which sessions begin


class RepeatingRecognizer:
    """Transcribes the turn again for each second of it; a word each half second."""

    def init_state(self) -> int:
        return 0

    def step(
        self, state: int, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[int, Sequence[TranscriptUpdate]]:
        end = state + len(chunk)
        passes = min(1, transcripts(state, len(chunk), skip=skip_interim))
        words = tuple(RecognizedWord(" word", n, n + WORD) for n in range(0, end - WORD + 1, WORD))
        return end, [TranscriptUpdate((), words, end)] * passes

    def flush(self, state: int, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        end = state + (0 if last is None else len(last))
        words = tuple(RecognizedWord(" word", n, n + WORD) for n in range(0, end - WORD + 1, WORD))
        return [TranscriptUpdate(words, (), end)]


def transcripts(position: int, samples: int, *, skip: bool) -> int:
    """Return how often a turn is transcribed, up to `position` so far, when `samples` come."""
    due = (position + samples) // RATE - position // RATE
    return min(due, 1) if skip else due


def cost(batch: Batch) -> float:
    """Return the seconds that a job takes."""
    match batch.queue.name, batch.jobs[0].item:
        case "recognition", (_, chunk) if chunk.last:
            return TRANSCRIPT
        case "recognition", (handle, chunk):
            return TRANSCRIPT * transcripts(
                handle.state(), len(chunk.samples), skip=chunk.skip_interim
            )
        case "looks", _:
            return LOOK
        case "answers", None:
            return ANSWER
        case "answers", _:
            return PIECE
        case "files", _:
            return RUN
        case _, (_, order):
            return STEP * float(order.request.steps)
        case other:
            raise AssertionError(other)


@dataclass
class Talk:
    """What came out of a session; seconds."""

    counters: Counters = field(default_factory=Counters)
    lags: list[float] = field(default_factory=list)
    captions: list[float] = field(default_factory=list)  # when interim ones came
    first_words: list[float] = field(default_factory=list)  # from a question
    late: float = 0.0  # looks at most
    unwritten: float = 0.0  # how long sound waited at most
    status: GenerationStatus | None = None


async def speech(clock: SteppedClock, seconds: float) -> AsyncIterator[Input]:
    """Yield speech without a pause."""
    yield ListeningConfig()
    for n in range(round(seconds / TICK)):
        await clock.sleep_until((n + 1) * TICK)
        yield AudioChunk(tone(TICK), round(n * TICK * RATE), RATE)


async def call(clock: SteppedClock, seconds: float, *, drawing: bool) -> AsyncIterator[Input]:
    """Yield speech and changing video; a question each ten seconds."""
    if drawing:
        yield PromptChange((("a duck", 1.0),), 0.0)
        yield GenerationConfig(time=0.0, enabled=True, sampler="motion-stream")
    async for item in speech(clock, seconds):
        now = clock.now()
        pixels = np.full((SIDE, SIDE, 3), round(now / TICK) % 2 * 200, np.uint8)
        yield VideoFrame(pixels, round(now * VIDEO_CLOCK_HZ))
        if round(now / TICK) % 100 == 50:
            yield Question(f"q{now:.0f}", "what is there?", now)
        yield item


@dataclass
class Upload:
    """A long file; `pieces` are when each was transcribed, `others_waited` how long speech did."""

    pieces: list[float] = field(default_factory=list)
    others_waited: list[float] = field(default_factory=list)

    async def run(self, services: Services, clock: SteppedClock, seconds: float) -> None:
        """Transcribe one piece after the other, on a thread that waits for each."""

        def transcribe() -> None:
            while clock.now() < seconds:
                with services.files.in_pieces():
                    run_as_job(lambda: None)
                self.pieces.append(clock.now())

        worker = SteppedWorker(clock, threads=1)
        await worker.run(transcribe)
        worker.close()
        speech = services.recognizer.queue.stats.recent
        begun = (each for each in speech if each.submitted > BEGIN)
        self.others_waited = [each.started - each.submitted for each in begun]


async def run(
    seconds: float,
    *,
    speakers: int,
    calls: int,
    drawing: bool,
    uploads: Sequence[Upload] = (),
    slots: int = 2,
) -> list[Talk]:
    """Return the talks of the calls, then those of the speakers."""
    clock, inline = SteppedClock(), InlineDevice()
    cpu = SteppedDevice(clock, cost, slots=slots)
    devices = Devices(
        detection=inline,
        synthesis=inline,
        recognition=cpu,
        assistant=cpu,
        generation=cpu,
        recognitions=slots,
    )
    talks = [Talk() for _ in range(calls + speakers)]
    worker = InlineWorker("inline")
    with scripted_services(
        devices,
        media_worker=worker,
        recognizer=RepeatingRecognizer(),
        generator=ScriptedGenerator(),
    ) as services:
        async with asyncio.TaskGroup() as tasks:
            for number, talk in enumerate(talks):
                video = number < calls
                source = call(clock, seconds, drawing=drawing) if video else speech(clock, seconds)
                tasks.create_task(session(talk, source, services, clock, video=video))
            for each in uploads:
                tasks.create_task(each.run(services, clock, seconds))
            await clock.go(seconds + 120)
    return talks


async def session(
    talk: Talk,
    source: AsyncIterator[Input],
    services: Services,
    clock: SteppedClock,
    *,
    video: bool,
) -> None:
    asked: dict[str, float] = {}

    async def send(output: Output) -> None:
        talk.late = max(talk.late, talk.counters.look_delay)
        talk.unwritten = max(talk.unwritten, talk.counters.caption_delay)
        match output:
            case Caption():
                if talk.counters.caption_lag is not None:
                    talk.lags.append(talk.counters.caption_lag)
                if not output.final:
                    talk.captions.append(clock.now())
            case Answer() if output.text and output.id not in asked:
                asked[output.id] = clock.now()
                talk.first_words.append(clock.now() - output.time)
            case GenerationStatus():
                talk.status = output
            case _:
                pass

    await run_session(
        source,
        send,
        services=services,
        clock=clock,
        limits=Limits(frame_output=FrameOutput(min_side=SIDE)),
        counters=talk.counters,
        return_video=video,
    )
