"""How soon drawing follows its controls in a session, and what it costs.

    python -m tests.bench.bench_generation_live --seconds 20
    python -m tests.bench.bench_generation_live --seconds 20 --service
    python -m tests.bench.bench_generation_live --seconds 20 --random 128
    python -m tests.bench.bench_generation_live --seconds 20 --service --sessions 4

A live session draws while a thing is moved 30 times a second, and every two seconds the prompt
changes. The model is the one that ships, or that in `--model`, or one with random weights for
`--random` pixels, which changes no time. `--no-enlarger` leaves frames as the codec makes them.
With `--service` the models of the service run beside it: somebody speaks, a camera shows 15
pictures a second, and a question is asked every ten seconds.
With `--sessions`, as many draw at once; the first of them speaks.

For each sampler: the seconds to the first picture, pictures a second (of the slowest session), the
longest gap between two, the delay from a control to the first picture that follows it (median and
95th of 100), the share of a core that was used, resident memory at the end in MB, and steps and
rate at the end, which are lower than asked for where the machine was behind.
"""

import argparse
import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import torch

from media.clock import LiveClock
from media.counters import Counters
from media.events.answers import Question
from media.events.generation import (
    SAMPLERS,
    GenerationConfig,
    GenerationStatus,
    PromptChange,
    Sampler,
    TrackPoints,
)
from media.events.session import Input, Output
from media.files.decoding import decode_audio
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.pipeline.interfaces import VideoGenerator
from media.pipeline.limits import Limits
from media.pipeline.models.generation import GenerationServer, GenerationSlots
from media.pipeline.models.services import Services
from media.pipeline.session import run_session
from media.servers.device import JobQueue
from models.engine import EngineLoader
from models.generation.dit import DitConfig
from models.generation.prompt_encoder import PromptEncoder
from models.generation.small import generator as small_generator
from models.generation.small.info import SmallVideoInfo
from models.generation.small.loading import SmallVideoModel as Model
from tests.bench.bench_generation import REACH, random_engines
from tests.media.pipeline.scripted import scripted_services
from tests.paths import SPEECH
from web.config import Settings
from web.loading.engines import stored_engines
from web.loading.models import load_models

PROMPTS = ("a duck on grass", "a car on gravel", "a football on stars")
WORDS = tuple(dict.fromkeys(" ".join(PROMPTS).split()))
TICK = 1 / 30  # seconds between two moves of the thing


@dataclass
class SessionMeasures:
    """What came out of a session: when pictures did, and the delays of controls."""

    counters: Counters = field(default_factory=Counters)
    times: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    last: GenerationStatus | None = None

    def note(self, output: Output, now: float) -> None:
        if isinstance(output, GenerationStatus):
            self.last = output
        if isinstance(output, VideoFrame) and self.counters.drawn:
            self.times.append(now)
            delay = self.counters.draw_delay
            if delay is not None and (not self.delays or delay != self.delays[-1]):
                self.delays.append(delay)


def random_model(size: int, load_engine: EngineLoader) -> small_generator.SmallVideoGenerator:
    """Return a small generator of the shipped sizes with random weights."""
    codec, engines = random_engines(load_engine, size)
    words = PromptEncoder(WORDS, DitConfig().text).eval()
    shows = SmallVideoInfo(size, ("duck", "car", "football"), ("grass", "gravel", "stars"), REACH)
    return small_generator.SmallVideoGenerator(Model(codec, engines, words, shows))


async def events(sampler: Sampler, seconds: float, *, service: bool) -> AsyncIterator[Input]:
    """Yield what comes in, at its times."""
    clock = LiveClock()
    sound = np.concatenate(list(decode_audio(next(SPEECH.glob("*.flac")), max_duration=60)))
    rng = np.random.default_rng(0)
    photo = rng.integers(0, 255, (36, 64, 3), np.uint8).repeat(10, 0).repeat(10, 1)
    yield PromptChange(((PROMPTS[0], 1.0),), 0.0)
    yield GenerationConfig(time=0.0, enabled=True, sampler=sampler)
    heard = 0
    for number in range(round(seconds / TICK)):
        now = number * TICK
        await clock.sleep_until(now)
        turn = 2 * np.pi * now / 4
        yield TrackPoints(0, ((0.5 + 0.3 * np.cos(turn), 0.5 + 0.3 * np.sin(turn)),), None, now)
        if number % 60 == 59:
            yield PromptChange(((PROMPTS[number // 60 % len(PROMPTS)], 1.0),), now)
        if not service:
            continue
        if number % 2 == 0:
            yield VideoFrame(np.roll(photo, number * 5, 1), round(now * VIDEO_CLOCK_HZ))
        until = round((now + TICK) * SAMPLE_RATE)
        yield AudioChunk(np.take(sound, range(heard, until), mode="wrap"), heard, SAMPLE_RATE)
        heard = until
        if number % 300 == 150:
            yield Question(f"q{number}", "What do you see?", now)


async def run(
    services: Services, sampler: Sampler, seconds: float, *, service: bool
) -> SessionMeasures:
    clock, seen = LiveClock(), SessionMeasures()

    async def send(output: Output) -> None:
        seen.note(output, clock.now())

    await run_session(
        events(sampler, seconds, service=service),
        send,
        services=services,
        clock=clock,
        limits=Limits(),
        counters=seen.counters,
        return_video=True,
    )
    return seen


async def run_all(
    services: Services, sampler: Sampler, options: argparse.Namespace
) -> list[SessionMeasures]:
    """Run as many sessions as draw at once; the first has what else the service does."""
    async with asyncio.TaskGroup() as tasks:
        each = [
            tasks.create_task(
                run(services, sampler, options.seconds, service=options.service and not number)
            )
            for number in range(options.sessions)
        ]
    return [task.result() for task in each]


@contextmanager
def models(service: bool, generator: VideoGenerator, sessions: int) -> Iterator[Services]:
    """Yield the models of the service, or scripted ones that take no time, and what draws."""
    if not service:
        with scripted_services(generator=generator, drawings=sessions) as services:
            yield services
        return
    from dataclasses import replace

    with load_models(Settings(drawing_model="none")) as models:
        queue = JobQueue(models.services.recognizer.queue.device, "generation")
        server = GenerationServer(generator, queue, GenerationSlots(sessions))
        yield replace(models.services, generation=server)


def measure(services: Services, sampler: Sampler, options: argparse.Namespace) -> str:
    """Return a row of the table."""
    process = psutil.Process()
    used, started = process.cpu_times(), time.perf_counter()
    sessions = asyncio.run(run_all(services, sampler, options))
    after, wall = process.cpu_times(), time.perf_counter() - started
    share = (after.user + after.system - used.user - used.system) / wall
    gaps = [b - a for seen in sessions for a, b in pairwise(seen.times)]
    rate = min((len(s.times) - 1) / (s.times[-1] - s.times[0]) for s in sessions)
    delays = sorted(delay for seen in sessions for delay in seen.delays)
    last = [seen.last for seen in sessions if seen.last is not None]
    cells = [
        sampler,
        f"{max(seen.times[0] for seen in sessions):.2f}",
        f"{rate:.1f}",
        f"{max(gaps):.2f}",
        f"{statistics.median(delays) * 1000:.0f} / {delays[int(len(delays) * 0.95)] * 1000:.0f}",
        f"{share:.2f}",
        f"{process.memory_info().rss / 1e6:.0f}",
        f"{min(each.steps for each in last)} at {min(each.rate for each in last):.1f}",
    ]
    return f"| {' | '.join(cells)} |"


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--random", type=int, metavar="PIXELS")
    parser.add_argument("--model", type=Path, help="a folder, as `ship --to` writes it")
    parser.add_argument("--no-enlarger", dest="enlarged", action="store_false")
    parser.add_argument("--service", action="store_true")
    parser.add_argument("--sessions", type=int, default=1, help="that draw at once")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--samplers", nargs="+", choices=SAMPLERS, default=SAMPLERS)
    options = parser.parse_args(argv)
    torch.set_num_threads(options.threads)
    settings = Settings()
    with stored_engines(settings) as load_engine:
        made = (
            random_model(options.random, load_engine)
            if options.random
            else small_generator.load(options.model, load_engine, enlarged=options.enlarged)
        )
    print("| sampler | first, s | frames/s | gap, s | delay, ms | cores | MB | steps |")
    print("|---|---|---|---|---|---|---|---|")
    with models(options.service, made, options.sessions) as services:
        torch.set_num_threads(options.threads)
        for sampler in options.samplers:
            print(measure(services, sampler, options), flush=True)


if __name__ == "__main__":
    main()
