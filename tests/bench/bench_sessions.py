"""How many people at once: caption lag, memory and CPU of N WebSocket sessions that speak.

    python -m tests.bench.bench_sessions --sessions 1 2 4 --seconds 40

Each session plays the speech of tests/data/speech in a loop with pauses, in real time. The lag
of a word is the wall time from its end in the sound to the caption that first holds it; the lag
of a final word, to the caption that first holds it as stable.
"""

import argparse
import asyncio
import base64
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect

from media.files.decoding import decode_audio
from media.frames import SAMPLE_RATE
from tests.paths import SPEECH
from tests.service import service

WIRE_RATE = 24_000
PIECE = 0.1  # seconds of sound in each message


@dataclass
class Lags:
    """Seconds behind, of words when first shown and when first stable."""

    shown: list[float] = field(default_factory=list)
    stable: list[float] = field(default_factory=list)


def spoken(seconds: float, offset: int) -> NDArray[np.float32]:
    """Return speech at 16 kHz, clips one after the other with a second of silence between."""
    clips = sorted(SPEECH.glob("*.flac"))
    parts: list[NDArray[np.float32]] = []
    while sum(len(part) for part in parts) < seconds * SAMPLE_RATE:
        clip = clips[(offset + len(parts) // 2) % len(clips)]
        parts += [
            np.concatenate(list(decode_audio(clip, max_duration=600))),
            np.zeros(SAMPLE_RATE, np.float32),
        ]
    return np.concatenate(parts)[: round(seconds * SAMPLE_RATE)]


def on_the_wire(samples: NDArray[np.float32]) -> bytes:
    """Return `samples` as PCM16 at 24 kHz."""
    places = np.arange(len(samples) * 3 // 2) / 1.5
    resampled = np.interp(places, np.arange(len(samples)), samples)
    return np.clip(np.rint(resampled * 32767), -32768, 32767).astype("<i2").tobytes()


async def session(url: str, samples: NDArray[np.float32], lags: Lags) -> None:
    """Send `samples` in real time and record the lag of the captions."""
    wire = on_the_wire(samples)
    uri = url.replace("http", "ws") + "/v1/realtime?intent=transcription&eyeline=1"
    async with connect(uri, max_size=None) as socket, asyncio.TaskGroup() as group:
        await anext(aiter(socket))
        origin = time.monotonic()
        listener = group.create_task(listen(socket, origin, lags))
        size = round(PIECE * WIRE_RATE) * 2
        for n, start in enumerate(range(0, len(wire), size)):
            await asyncio.sleep(max(0.0, origin + (n + 1) * PIECE - time.monotonic()))
            audio = base64.b64encode(wire[start : start + size]).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        await asyncio.sleep(4)
        listener.cancel()


async def listen(socket: ClientConnection, origin: float, lags: Lags) -> None:
    """Record the lag of each word when it is first shown, and first stable."""
    seen: dict[int, tuple[int, int]] = {}
    async for message in socket:
        event: dict[str, Any] = json.loads(message)
        if event["type"] != "eyeline.caption":
            continue
        now = time.monotonic() - origin
        shown, stable = seen.get(event["turn"], (0, 0))
        words = event["words"]
        lags.shown += [now - word["end"] for word in words[shown:]]
        lags.stable += [now - word["end"] for word in words[stable : event["stable"]]]
        seen[event["turn"]] = (max(shown, len(words)), max(stable, event["stable"]))


async def measure(url: str, server: psutil.Process, count: int, seconds: float) -> str:
    """Run `count` sessions at once and return a row of the table."""
    lags = [Lags() for _ in range(count)]
    before, cpu, began = memory(server), cpu_used(server), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for n in range(count):
            group.create_task(session(url, spoken(seconds, n), lags[n]))
        await asyncio.sleep(seconds * 0.9)
        held = memory(server)
    shown = sorted(lag for each in lags for lag in each.shown)
    stable = sorted(lag for each in lags for lag in each.stable)
    load = (cpu_used(server) - cpu) / (time.monotonic() - began)
    grown = (held - before) / count / 2**20
    return (
        f"{count:8} {quantiles(shown):>16} {quantiles(stable):>16} {load:9.2f} {grown:12.1f}"
        f" {len(stable):7}"
    )


def memory(server: psutil.Process) -> int:
    """Return the bytes that the process shares with no other."""
    return int(server.memory_full_info().uss)


def cpu_used(server: psutil.Process) -> float:
    """Return the CPU seconds that the process used so far."""
    times = server.cpu_times()
    return float(times.user + times.system)


def quantiles(values: list[float]) -> str:
    """Return the median and the 95th percentile of sorted `values`."""
    if len(values) < 2:
        return "-"
    return f"{statistics.median(values):.2f} / {values[int(0.95 * (len(values) - 1))]:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sessions", type=int, nargs="+", default=[1, 2, 3, 4])
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--model", default="tiny.en")
    options = parser.parse_args()
    with service("--model", options.model) as running:
        server = psutil.Process(running.pid)
        print(f"idle: {memory(server) / 2**20:.0f} MiB, model {options.model}")
        print("sessions   shown p50/p95   stable p50/p95  CPU load  MiB/session   words")
        for count in options.sessions:
            print(asyncio.run(measure(running.url, server, count, options.seconds)), flush=True)


if __name__ == "__main__":
    main()
