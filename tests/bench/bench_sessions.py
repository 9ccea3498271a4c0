"""How many people at once: caption lag, memory and CPU of N WebSocket sessions that speak.

    python -m tests.bench.bench_sessions --sessions 1 2 4 --seconds 40 [--show]

Each session plays the speech of tests/data/speech in a loop with pauses, in real time. The lag
of a word is the wall time from its end in the sound to the caption that first holds it; the lag
of a final word, to the caption that first holds it as stable. With `--show` each also shows video
(the page's sample clip) and asks a question every 20 s: the time to the first token, and looks a
second of each. `refused` are sessions that the service was too busy for, and `shed` looks and
interim captions that it left out.
"""

import argparse
import asyncio
import base64
import json
import statistics
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.request import urlopen

import numpy as np
import psutil
from numpy.typing import NDArray
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError

from media.files.decoding import decode_audio
from media.files.sampling import sample_frames
from media.frames import SAMPLE_RATE
from media.images.encoding import encode_jpeg
from tests.paths import SAMPLE, SPEECH
from tests.service import service

WIRE_RATE = 24_000
PIECE = 0.1  # seconds of sound in each message
FRAMES = 2  # pictures a second
QUESTION_INTERVAL = 20.0  # seconds between two questions of a session
ASKED = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": "What did you see?"}],
}
QUIET = {  # captions alone are made of speech, and answers are written
    "type": "realtime",
    "output_modalities": ["text"],
    "audio": {
        "input": {
            "transcription": {"model": "tiny.en"},
            "turn_detection": {"type": "server_vad", "create_response": False},
        }
    },
}


@dataclass
class Lags:
    """Seconds behind, of words when first shown and when first stable."""

    shown: list[float] = field(default_factory=list)
    stable: list[float] = field(default_factory=list)
    first: list[float] = field(default_factory=list)  # tokens of answers, from their questions
    refused: bool = False
    id: str = ""
    asked: float = 0.0


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


def pictures() -> list[str]:
    """Return frames of the sample clip as data URLs, `FRAMES` for each second."""
    frames = sample_frames(SAMPLE, max_duration=600, interval=1 / FRAMES)
    files = (base64.b64encode(encode_jpeg(frame.pixels)).decode() for frame in frames)
    return [f"data:image/jpeg;base64,{file}" for file in files]


async def session(
    url: str, samples: NDArray[np.float32], lags: Lags, *, number: int, shows: list[str]
) -> None:
    """Send `samples` in real time and record the lag of the captions."""
    query = "eyeline=1" if shows else "intent=transcription&eyeline=1"
    uri = f"{url.replace('http', 'ws')}/v1/realtime?{query}"
    try:
        async with connect(uri, max_size=None) as socket, asyncio.TaskGroup() as group:
            created = json.loads(await anext(aiter(socket)))
            lags.id = created["session"]["id"]
            if shows:
                await socket.send(json.dumps({"type": "session.update", "session": QUIET}))
            origin = time.monotonic()
            listener = group.create_task(listen(socket, origin, lags))
            await send(socket, on_the_wire(samples), origin, lags, number=number, shows=shows)
            await asyncio.sleep(4)
            listener.cancel()
    except* ConnectionClosedError as closed:
        if lags.id:
            raise
        lags.refused = bool(closed)
    except* StopAsyncIteration:
        lags.refused = True


async def send(
    socket: ClientConnection,
    wire: bytes,
    origin: float,
    lags: Lags,
    *,
    number: int,
    shows: list[str],
) -> None:
    """Send sound, and if the session `shows` something pictures and questions, in real time."""
    size = round(PIECE * WIRE_RATE) * 2
    every = round(QUESTION_INTERVAL / PIECE)
    for n, start in enumerate(range(0, len(wire), size)):
        await asyncio.sleep(max(0.0, origin + (n + 1) * PIECE - time.monotonic()))
        audio = base64.b64encode(wire[start : start + size]).decode()
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
        if shows and n % round(1 / PIECE / FRAMES) == 0:
            image = shows[(n * FRAMES // 10 + number * 7) % len(shows)]
            await socket.send(json.dumps({"type": "eyeline.video.append", "image": image}))
        if shows and n % every == (every // 2 + number * 23) % every:
            lags.asked = time.monotonic()
            await socket.send(json.dumps({"type": "conversation.item.create", "item": ASKED}))
            await socket.send(json.dumps({"type": "response.create"}))


async def listen(socket: ClientConnection, origin: float, lags: Lags) -> None:
    """Record the lag of each word when it is first shown, and first stable."""
    seen: dict[int, tuple[int, int]] = {}
    async for message in socket:
        event: dict[str, Any] = json.loads(message)
        if event["type"] == "response.output_text.delta" and lags.asked:
            lags.first.append(time.monotonic() - lags.asked)
            lags.asked = 0.0
        if event["type"] != "eyeline.caption":
            continue
        now = time.monotonic() - origin
        shown, stable = seen.get(event["turn"], (0, 0))
        words = event["words"]
        lags.shown += [now - word["end"] for word in words[shown:]]
        lags.stable += [now - word["end"] for word in words[stable : event["stable"]]]
        seen[event["turn"]] = (max(shown, len(words)), max(stable, event["stable"]))


async def measure(
    url: str, server: psutil.Process, count: int, seconds: float, shows: list[str]
) -> str:
    """Run `count` sessions at once and return a row of the table."""
    lags = [Lags() for _ in range(count)]
    before, cpu, began = memory(server), cpu_used(server), time.monotonic()
    async with asyncio.TaskGroup() as group:
        for n in range(count):
            group.create_task(session(url, spoken(seconds, n), lags[n], number=n, shows=shows))
        await asyncio.sleep(seconds * 0.9)
        held = memory(server)
    shown = sorted(lag for each in lags for lag in each.shown)
    stable = sorted(lag for each in lags for lag in each.stable)
    first = sorted(each for lag in lags for each in lag.first)
    refused = sum(lag.refused for lag in lags)
    counts = [each for each in summaries(url) if each["id"] in {lag.id for lag in lags}]
    looks = sum(each["looks"] for each in counts) / seconds / max(1, len(counts))
    shed = [sum(each[f"skipped_{name}"] for each in counts) for name in ("looks", "captions")]
    load = (cpu_used(server) - cpu) / (time.monotonic() - began)
    grown = (held - before) / count / 2**20
    return (
        f"{count:8} {quantiles(shown):>16} {quantiles(stable):>16} {load:9.2f} {grown:12.1f}"
        f" {len(stable):7} {quantiles(first):>14} {looks:7.2f} {shed[0]:5} / {shed[1]:3}"
        f" {refused:7}"
    )


def summaries(url: str) -> list[dict[str, Any]]:
    """Return the sessions, also those that have ended."""
    with urlopen(f"{url}/sessions") as response:
        found: list[dict[str, Any]] = json.load(response)["sessions"]
    return found


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
    parser.add_argument("--show", action="store_true", help="show video and ask, too")
    options = parser.parse_args()
    shows = pictures() if options.show else []
    with service("--model", options.model) as running:
        server = psutil.Process(running.pid)
        print(f"idle: {memory(server) / 2**20:.0f} MiB, model {options.model}")
        print(
            "sessions   shown p50/p95   stable p50/p95  CPU load  MiB/session   words"
            "    first p50/p95 looks/s  shed L / C refused"
        )
        for count in options.sessions:
            print(
                asyncio.run(measure(running.url, server, count, options.seconds, shows)), flush=True
            )


if __name__ == "__main__":
    main()
