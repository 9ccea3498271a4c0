"""The real application on a real port, with quick scripted models.

`scripted_models()` uses the scripted models of the pipeline's tests and recognizes one word in each
half second of speech. Everything else (session, protocol, server) is real.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
from fastapi import FastAPI

from media.pipeline.interfaces import Samples, VideoGenerator
from media.pipeline.limits import Limits
from media.pipeline.models.services import Devices, OutsideModel
from models.asr.words import RecognizedWord, TranscriptUpdate
from tests.media.pipeline.scripted import scripted_services
from tests.media.pipeline.scripted_assistant import ScriptedAssistant
from tests.patience import PATIENCE
from web.app import create_app
from web.config import Settings
from web.loading.models import LoadedModels
from web.serve import bound_socket
from web.serving.server import EyelineServer

WORD = 8_000  # samples of one word: half a second
WORDS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


class CountingRecognizer:
    """Recognizes a number each half second; the state is the count of samples in the turn."""

    def init_state(self) -> int:
        return 0

    def step(
        self, state: int, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[int, Sequence[TranscriptUpdate]]:
        del skip_interim
        before, after = state // WORD, (state + len(chunk)) // WORD
        words = tuple(self._word(n) for n in range(before, after))
        return state + len(chunk), [
            TranscriptUpdate(words, (), state + len(chunk))
        ] if words else []

    def flush(self, state: int, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        updates: Sequence[TranscriptUpdate] = []
        if last is not None:  # what waits when the machine is behind
            state, updates = self.step(state, last)
        words = (self._word(state // WORD),) if state % WORD else ()
        return [*updates, TranscriptUpdate(words, (), state)]

    def _word(self, number: int) -> RecognizedWord:
        return RecognizedWord(f" {WORDS[number % 10]}", number * WORD, (number + 1) * WORD)


class BrokenRecognizer(CountingRecognizer):
    """Fails at the first audio chunk."""

    def step(
        self, state: int, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[int, Sequence[TranscriptUpdate]]:
        raise ZeroDivisionError("scripted failure")


@contextmanager
def scripted_models(
    recognizer: CountingRecognizer | None = None,
    assistant: ScriptedAssistant | None = None,
    generator: VideoGenerator | None = None,
    outside: OutsideModel | None = None,
    devices: Devices | None = None,
) -> Iterator[LoadedModels]:
    """Yield models that need no weights."""
    english = SimpleNamespace(multilingual=False)
    with scripted_services(
        devices,
        whisper=SimpleNamespace(name="scripted", config=english),  # transcribes no files
        recognizer=recognizer or CountingRecognizer(),
        assistant=assistant or ScriptedAssistant(),
        generator=generator,
        outside=outside,
    ) as services:
        yield LoadedModels(services=services, limits=Limits())


@dataclass(frozen=True, slots=True)
class Served:
    """The addresses of a running service; `signal` is as a signal to its process.

    `ended` is set when it has ended.
    """

    port: int
    signal: Callable[[int], None]
    ended: threading.Event

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws(self) -> str:
        return f"ws://127.0.0.1:{self.port}"


class _Server(EyelineServer):
    def __init__(self, app: FastAPI, settings: Settings) -> None:
        super().__init__(app, settings)
        self.ready = threading.Event()
        self.ended = threading.Event()
        self.port = 0

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self.port = self.servers[0].sockets[0].getsockname()[1]
        self.ready.set()


@contextmanager
def served(settings: Settings, models: LoadedModels) -> Iterator[Served]:
    """Serve as `eyeline serve` does, but without the page, until the block ends.

    It has a thread and event loop. No session is refused because this machine is busy, unless the
    settings say so; its port is theirs, or a free one.
    """
    busy = settings.busy if "busy" in settings.model_fields_set else 0.0
    port = settings.port if "port" in settings.model_fields_set else 0
    settings = settings.model_copy(update={"port": port, "busy": busy})
    with bound_socket(settings) as listener:
        server = _Server(create_app(settings, models), settings)
        yield from _run(server, listener)


def _run(server: "_Server", listener: socket.socket) -> Iterator[Served]:
    def serve() -> None:
        asyncio.run(server.serve(sockets=[listener]))
        server.ended.set()

    thread = threading.Thread(target=serve, name="server")
    thread.start()
    try:
        assert server.ready.wait(30)
        assert server.started
        yield Served(server.port, lambda number: server.handle_exit(number, None), server.ended)
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive(), "the server did not end"


async def session_summary(service: Served, location: str) -> dict[str, Any]:
    """Return the description of a session, whose id ends `location`."""
    async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
        answer = await web.get(f"/sessions/{location.rpartition('/')[2]}")
    found: dict[str, Any] = answer.json()
    return found


async def session_until(service: Served, location: str, **wanted: object) -> dict[str, Any]:
    """Poll the session until its description has what is `wanted`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await session_summary(service, location)
            if all(found[name] == value for name, value in wanted.items()):
                return found


def speech(seconds: float, *, rate: int = 24_000, loud: bool = True) -> bytes:
    """Return PCM16 that the scripted voice activity detector takes for speech, or silence."""
    count = round(seconds * rate)
    wave = 0.3 * np.sin(np.arange(count) * 2 * np.pi * 220 / rate) if loud else np.zeros(count)
    return (wave * 32767).astype("<i2").tobytes()
