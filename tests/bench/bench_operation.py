"""What watching and guarding a service costs: its gate, metrics and traces, in CPU time.

    python -m tests.bench.bench_operation

Gate: requests to an application of one route, with the gate before it and without (the baseline).
Metrics: `GET /metrics` with sessions that run, each 15 s. Traces: the events of a call with a
question every ten seconds, with `TurnTraces.following` and without (the baseline); spans are
exported to memory. All of one core, in this process.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from pydantic import SecretStr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from media.clock import LiveClock
from media.counters import Counters
from media.events.answers import Answer, Evidence, Question, Speech
from media.events.hearing import Caption, CaptionWord, TurnEnded
from media.events.session import Input, Output
from media.frames import SAMPLE_RATE, AudioChunk
from web.access.doorkeeper import Doorkeeper
from web.access.gate import Gate
from web.access.keys.key_edit import add_key
from web.config import Settings
from web.operation.metrics import counter_metrics, delay_metric
from web.operation.traces import TurnTraces, provider_with

SCRAPE = 15.0  # seconds between two scrapes, Prometheus's default is 60
TURN = 10.0  # seconds from a question to the next
CHUNKS = 50  # of sound in a second
Work = Callable[[int], Awaitable[None]]


async def seconds_of(work: Work, count: int) -> float:
    """Return the CPU seconds of one of `count`: the least of five runs."""
    await work(count // 10 + 1)  # warm
    found = []
    for _ in range(5):
        began = time.process_time()
        await work(count)
        found.append((time.process_time() - began) / count)
    return min(found)


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer a request as the smallest application does."""
    await receive()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


def requests(app: ASGIApp, key: str) -> Work:
    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(_: Message) -> None:
        pass

    async def work(count: int) -> None:
        for _ in range(count):
            headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {key}".encode())]
            scope = {
                "type": "http",
                "method": "GET",
                "path": "/sessions/sess_0123456789abcdef/moments",
                "headers": headers,
                "client": ("127.0.0.1", 4711),
                "server": ("127.0.0.1", 7860),
            }
            await app(scope, receive, send)

    return work


async def measure_gate(count: int) -> None:
    bare = await seconds_of(requests(hello, ""), count)
    say(f"an application of one route, without a gate: {bare * 1e6:.1f} us a request (baseline)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "keys.toml"
        limited = add_key(path, "limited", {"requests": 1_000_000_000})
        for name, key, settings in (
            ("no key needed", "", Settings(audit="off")),
            ("the key of the settings", "sesame", Settings(api_key=SecretStr("sesame"))),
            ("a key with a limit of requests", limited, Settings(keys=path)),
            ("the same, with an audit line each", limited, Settings(keys=path, audit="all")),
        ):
            gate = Gate(hello, settings, Doorkeeper.of(settings), time.monotonic)
            cost = await seconds_of(requests(gate, key), count) - bare
            say(f"gate, {name}: {cost * 1e6:.1f} us more")


def measure_metrics(sessions: int) -> None:
    """Print what a scrape costs: sums over the sessions, and their text."""
    live = [Counters() for _ in range(sessions)]

    def scrape() -> None:
        total = Counters()
        for each in live:
            total.add(each)
        for metric in (*counter_metrics(total), delay_metric(total)):
            str([f"{s.name}{s.labels} {s.value}" for s in metric.samples])

    began = time.process_time()
    for _ in range(20):
        scrape()
    cost = (time.process_time() - began) / 20
    say(
        f"metrics, {sessions} sessions: {cost * 1e3:.2f} ms a scrape, {cost / SCRAPE:.4%} of a core"
    )
    histogram, count = live[0].delays.first_text, 100_000
    began = time.process_time()
    for _ in range(count):
        histogram.observe(0.3)
    say(f"one observation: {(time.process_time() - began) / count * 1e9:.0f} ns")


def call(seconds: int) -> list[Input | Output]:
    """Return the inputs and outputs of a call: sound, captions, and a question each `TURN`."""
    found: list[Input | Output] = []
    silence = np.zeros(SAMPLE_RATE // CHUNKS, np.float32)
    for second in range(seconds):
        for n in range(CHUNKS):
            start = second * SAMPLE_RATE + n * len(silence)
            found.append(AudioChunk(silence, start, SAMPLE_RATE))
        turn = second // round(TURN)
        text = Caption(turn, (), 0, float(second), second + 1.0, second + 1.0, final=False)
        found += [text] * 3
        if second % TURN == 0:
            id = f"ask_{turn}"
            found += [
                TurnEnded(turn, float(second), second + 0.5, detected=True),
                replace(text, words=(CaptionWord("what is this", 0.0, 1.0),), final=True),
                Question(id, "what is this", float(second), spoken=True),
                Evidence(id, ()),
                Answer(id, "a cup", float(second)),
                Answer(id, "", float(second), "completed"),
                Speech(id, AudioChunk(silence, 0, SAMPLE_RATE)),
                Speech(id, None, "completed"),
            ]
    return found


async def feed(events: list[Input | Output]) -> AsyncIterator[Any]:
    for event in events:
        yield event


async def pass_on(items: AsyncIterable[Any], out: Callable[[Any], Awaitable[None]]) -> None:
    """Send what is an output."""
    async for item in items:
        if not isinstance(item, AudioChunk | Question):
            await out(item)


async def drop(_: Output) -> None:
    """Send nowhere."""


async def measure_traces(seconds: int) -> None:
    """Print what following the events of a call costs."""
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    events, kept = call(seconds), InMemorySpanExporter()
    traces = TurnTraces(provider_with(SimpleSpanProcessor(kept)))

    async def plain(count: int) -> None:
        for _ in range(count):
            await pass_on(feed(events), drop)

    async def traced(count: int) -> None:
        for _ in range(count):
            with traces.following("sess_0", LiveClock(), feed(events), drop) as (items, noting):
                await pass_on(items, noting)

    bare, cost = await seconds_of(plain, 3), await seconds_of(traced, 3)
    assert kept.get_finished_spans()
    say(
        f"traces of a call: {(cost - bare) / seconds * 1e6:.0f} us a second of it, "
        f"{(cost - bare) / seconds:.3%} of a core; passing its events on, without: "
        f"{bare / seconds * 1e6:.0f} us (baseline)"
    )


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description="the cost of gate, metrics and traces")
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--seconds", type=int, default=60, help="of a call that is traced")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, stream=SimpleNamespace(write=len, flush=int))
    asyncio.run(measure_gate(arguments.requests))
    measure_metrics(arguments.sessions)
    asyncio.run(measure_traces(arguments.seconds))


if __name__ == "__main__":
    main()
