"""Models whose output can be worked out by hand, for tests of the pipeline around them."""

from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from math import inf
from typing import cast

import numpy as np

from media.events.session import Input
from media.frames import AudioChunk, VideoFrame
from media.images.decoder import ImageDecoder
from media.pipeline.interfaces import FrameFilter, Pixels, Samples
from media.pipeline.models.services import (
    Devices,
    Models,
    OutsideModel,
    Services,
    make_services,
)
from media.servers.device import Device
from media.worker import Worker
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RecognizedWord, TranscriptUpdate
from models.assistant.interface import FrameAnalysis
from models.assistant.phrasebook.conversation import prepare
from tests.media.pipeline.scripted_assistant import ScriptedAssistant

prepare()  # as the service does before its first session
RATE = 16_000
FRAME = 512
BLOCK = 3200  # samples for each word of the recognizer: 0.2 s


class LoudnessDetector:
    """Takes anything louder than -34 dB for speech."""

    def init_state(self) -> Samples:
        return np.zeros(0, np.float32)

    def step(self, state: Samples, chunk: Samples) -> tuple[Samples, Sequence[float]]:
        samples = np.concatenate([state, chunk])
        whole = len(samples) // FRAME * FRAME
        loud = np.sqrt(np.mean(samples[:whole].reshape(-1, FRAME) ** 2, axis=1))
        return samples[whole:], [0.99 if each > 0.02 else 0.01 for each in loud]


@dataclass(frozen=True)
class BlockState:
    samples: Samples = field(default_factory=lambda: np.zeros(0, np.float32))
    committed: int = 0


class BlockRecognizer:
    """Recognizes one word in each loud block of 0.2 s; the newest is tentative until the next."""

    def __init__(self) -> None:
        self.skipped_interim: list[bool] = []

    def init_state(self) -> BlockState:
        return BlockState()

    def step(
        self, state: BlockState, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[BlockState, Sequence[TranscriptUpdate]]:
        self.skipped_interim.append(skip_interim)
        before = len(state.samples) // BLOCK
        state = replace(state, samples=np.concatenate([state.samples, chunk]))
        outputs = []
        for count in range(before + 1, len(state.samples) // BLOCK + 1):
            words = self._words(state.samples, count)
            outputs.append(TranscriptUpdate(words[state.committed : -1], words[-1:], count * BLOCK))
            state = replace(state, committed=max(state.committed, len(words) - 1))
        return state, outputs

    def flush(self, state: BlockState, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        if last is not None:
            state = replace(state, samples=np.concatenate([state.samples, last]))
        words = self._words(state.samples, len(state.samples) // BLOCK)
        return [TranscriptUpdate(words[state.committed :], (), len(state.samples))]

    def _words(self, samples: Samples, count: int) -> tuple[RecognizedWord, ...]:
        loud = [n for n in range(count) if np.abs(samples[n * BLOCK : (n + 1) * BLOCK]).max() > 0.5]
        return tuple(RecognizedWord(f" w{n}", n * BLOCK, (n + 1) * BLOCK) for n in loud)


class ToneSynthesizer:
    """Synthesizes every text as a tone of 20 ms for each character."""

    rate = 24_000
    name = "tone"

    def synthesize(self, text: str) -> Samples:
        count = len(text) * self.rate // 50
        return (0.3 * np.sin(np.arange(count) * 2 * np.pi * 440 / self.rate)).astype(np.float32)


class BrokenAssistant(ScriptedAssistant):
    def analyze_frame(  # type: ignore[override]  # it only fails
        self, state: object, pixels: Pixels, time: float
    ) -> tuple[object, FrameAnalysis]:
        raise RuntimeError("no")


def scripted(**changes: object) -> Models:
    models = Models(
        detector=LoudnessDetector(),
        whisper=cast("WhisperModel", None),  # transcribes no files
        recognizer=BlockRecognizer(),
        assistant=ScriptedAssistant(),
        synthesizer=ToneSynthesizer(),
    )
    return replace(models, **changes)  # type: ignore[arg-type]  # names are checked at run time


@contextmanager
def scripted_services(
    devices: Devices | None = None,
    *,
    drawings: int = 1,
    media_worker: Worker | None = None,
    outside: OutsideModel | None = None,
    frame_filter: FrameFilter | None = None,
    **models: object,
) -> Iterator[Services]:
    """Yield services with scripted models, except for `models`."""
    with ExitStack() as stack:
        images, worker = ImageDecoder(), media_worker or Worker("media")
        stack.callback(images.close)
        stack.callback(worker.close)
        yield make_services(
            scripted(**models),
            devices or scripted_devices(stack),
            media_worker=worker,
            images=images,
            drawings=drawings,
            outside=outside,
            frame_filter=frame_filter,
        )


def scripted_devices(stack: ExitStack, *, max_run: float = inf) -> Devices:
    def device(name: str, slots: int = 1) -> Device:
        started = Device(name, slots=slots, max_run=max_run)
        stack.callback(started.close)
        return started

    return Devices(
        detection=device("detection"),
        synthesis=device("synthesis"),
        recognition=device("recognition"),
        assistant=device("assistant", 2),
        generation=device("generation"),
    )


def silence(seconds: float) -> Samples:
    return np.zeros(round(seconds * RATE), np.float32)


def tone(seconds: float) -> Samples:
    return np.ones(round(seconds * RATE), np.float32)


def chunks(samples: Samples, *, size: int = 320, start: int = 0) -> list[AudioChunk]:
    return [
        AudioChunk(samples[n : n + size], start + n, RATE) for n in range(0, len(samples), size)
    ]


def picture(pts: int, *, height: int = 90, width: int = 160, brightness: int = 40) -> VideoFrame:
    return VideoFrame(np.full((height, width, 3), brightness, np.uint8), pts)


async def replayed(items: Iterable[Input]) -> AsyncIterator[Input]:
    for item in items:
        yield item
