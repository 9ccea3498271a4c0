"""Streams of speech recognition that share runs of networks, against each of them alone."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from media.pipeline.interfaces import SpeechRecognizer
from media.pipeline.models.hearing import SpeechChunk, TurnRecognizer
from media.servers.device import JobQueue
from media.servers.gathering_server import GatheringServer
from media.servers.queued_engine import QueuedEngine, queued
from media.servers.urgency import Urgency
from models.asr.ancat.encoder import AncatEncoder
from models.asr.ancat.encoder_network import AncatEncoderNetwork
from models.asr.ancat.stream import AncatStream, AncatStreamConfig
from models.asr.ancat.transducer_networks import (
    JoinerNetwork,
    PredictorNetwork,
    TransducerEngines,
)
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.whisper.loading import WhisperModel
from models.asr.words import RATE, RecognizedWord, TranscriptUpdate
from models.engine import ExportableNetwork, TorchEngine, load_in_torch
from tests.media.stepped import SteppedClock, SteppedDevice, SteppedWorker
from tests.models.asr.ancat.test_stream import babbling
from tests.models.asr.streaming.test_local_agreement import QUICK, Talkative
from tests.models.asr.tiny import tiny_causal, tiny_recognizer
from web.loading.asr import PADDINGS

STREAMS = 3
ENGINES = queued(load_in_torch, together=STREAMS, paddings=PADDINGS)
pytestmark = pytest.mark.slow


def sound(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    gates = np.repeat(rng.random(12) < 0.7, RATE // 8)
    return (rng.standard_normal(3 * RATE // 2) * 0.1 * gates).astype(np.float32)


def local_agreement(recognizer: WhisperModel) -> SpeechRecognizer:
    return LocalAgreement(recognizer, Talkative(), QUICK)


def causal(recognizer: WhisperModel) -> SpeechRecognizer:
    made = tiny_causal(recognizer, ENGINES)
    return CausalStream(made, CausalStreamConfig(chunk=15))


def ancat(_: WhisperModel) -> SpeechRecognizer:
    def engine(network: ExportableNetwork) -> QueuedEngine:
        return QueuedEngine(TorchEngine(network), together=STREAMS)

    model = babbling(1)
    transducer = TransducerEngines(
        engine(PredictorNetwork(model.transducer)), engine(JoinerNetwork(model.transducer))
    )
    config = AncatStreamConfig(settle=0.2, window=0.7, pause=0.12, beam=2, hop=5)
    return AncatStream(AncatEncoder(engine(AncatEncoderNetwork(model))), transducer, config)


@pytest.mark.parametrize("make", [local_agreement, causal, ancat])
async def test_streams_that_share_runs_say_what_each_says_alone(
    make: Callable[[WhisperModel], SpeechRecognizer], random_recognizer: WhisperModel
) -> None:
    table = random_recognizer.tokenizer
    recognizer = make(tiny_recognizer(table, ENGINES))
    seconds = 0.6 if make is ancat else 1.5  # a stream of ANCAT runs its networks often
    sounds = [np.array_split(sound(seed)[: round(seconds * RATE)], 4) for seed in range(STREAMS)]
    alone = [transcript(recognizer, chunks) for chunks in sounds]
    together, batches = await served(recognizer, sounds)
    for made, wanted in zip(together, alone, strict=True):
        assert made == wanted
        assert any(words for words, _, _ in wanted)
    assert max(batches) > 1


def transcript(recognizer: SpeechRecognizer, chunks: Sequence[np.ndarray]) -> list[Any]:
    """Return the updates of a stream whose networks run by themselves: the plain reference."""
    state, updates = recognizer.init_state(), list[TranscriptUpdate]()
    for chunk in chunks:
        state, made = recognizer.step(state, chunk)
        updates += made
    return rounded([*updates, *recognizer.flush(state)])


async def served(
    recognizer: SpeechRecognizer, sounds: Sequence[Sequence[np.ndarray]]
) -> tuple[list[list[Any]], list[int]]:
    """Return the updates of streams that begin at different times, and how many shared each run."""
    clock = SteppedClock()
    device = SteppedDevice(clock, lambda _: 0.01)
    threads = SteppedWorker(clock, threads=len(sounds))
    server = GatheringServer(
        TurnRecognizer(recognizer), JobQueue(device, "runs"), Urgency.INTERIM_CAPTION, threads
    )
    found: list[list[Any]] = [[] for _ in sounds]

    async def listen(number: int, chunks: Sequence[np.ndarray]) -> None:
        await clock.sleep_until(number * 0.015)
        handle = await server.open()
        updates = list[TranscriptUpdate]()
        for chunk in chunks:
            updates += await handle.step(SpeechChunk(chunk))
        found[number] = rounded([*updates, *await handle.step(SpeechChunk(None, last=True))])

    async with asyncio.TaskGroup() as tasks:
        for number, chunks in enumerate(sounds):
            tasks.create_task(listen(number, chunks))
        await clock.go(1e6)
    threads.close()
    return found, [count for _, count in device.batches]


def rounded(updates: Sequence[TranscriptUpdate]) -> list[Any]:
    """Return updates with probabilities to three places: products of more rows round otherwise."""

    def words(of: Sequence[RecognizedWord]) -> list[tuple[str, int, int, float]]:
        return [(each.text, each.start, each.end, round(each.probability, 3)) for each in of]

    return [(words(each.committed), words(each.tentative), each.position) for each in updates]
