"""An hour of use: do memory, descriptors, threads and the lag of captions stay flat?

    nice python -m tests.bench.bench_soak --minutes 60

Four WebSocket sessions speak without end, one call sends video and sound and asks a question every
30 s, and as often a visitor opens a session, says something, hears the answer and leaves. Each
minute prints the service's memory, descriptors and threads, the lag of words when first shown and
when first stable, the number of answers and the longest wait for one, visits, and what was lost.

At the end, the last third of the minutes is compared with the second, by `soak_verdict`; the first
warms up, and fills what a session may keep in RAM, which is set to the least.
"""

import argparse
import asyncio
import base64
import itertools
import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import aioice.ice
import httpx
import numpy as np
import psutil
from aiortc import RTCSessionDescription
from aiortc.contrib.media import MediaBlackhole
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from media.frames import SAMPLE_RATE
from tests.bench.bench_sessions import PIECE, WIRE_RATE, Lags, listen, on_the_wire, spoken
from tests.bench.soak_verdict import verdict
from tests.rtc.client import Camera, Client, Microphone, create_client, create_offer
from tests.service import service

SPEAKERS = 4
SPEECH = 180.0  # seconds of speech that a speaker repeats
QUESTION_EVERY = 30.0  # seconds
VISIT_EVERY = 30.0  # seconds from the start of a short session to that of the next one
QUESTIONS = ("What do you see?", "Is anyone there?", "What did you see first?")
SESSION = {  # what is spoken in the call is captioned and not answered: the questions are
    "type": "realtime",
    "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
}
LEFT = "the client left, code 1000"  # as visitors do
ANSWER_WAIT = 60.0  # seconds after which an answer counts as missing


@dataclass
class Minute:
    """What was measured since the last minute began; lags and answer times in seconds."""

    lags: Lags = field(default_factory=Lags)
    answers: list[float] = field(default_factory=list)
    missing: int = 0
    visits: int = 0
    lost: list[str] = field(default_factory=list)


@dataclass
class Soak:
    """The state that the clients share; `minute` is replaced every minute."""

    url: str
    end: float
    minute: Minute = field(default_factory=Minute)

    @property
    def running(self) -> bool:
        return time.monotonic() < self.end


def pieces(offset: int) -> Iterator[str]:
    """Yield messages of PIECE seconds of speech, without end."""
    wire = on_the_wire(spoken(SPEECH, offset))
    size = round(PIECE * WIRE_RATE) * 2
    for start in itertools.cycle(range(0, len(wire), size)):
        audio = base64.b64encode(wire[start : start + size]).decode()
        yield json.dumps({"type": "input_audio_buffer.append", "audio": audio})


async def keep_speaking(soak: Soak, number: int) -> None:
    """Speak in sessions, one after another if they are lost."""
    while soak.running:
        try:
            await speak(soak, number)
        except* (ConnectionClosed, OSError) as errors:
            soak.minute.lost.append(f"speaker {number}: {errors.exceptions[0]}")


async def speak(soak: Soak, number: int) -> None:
    uri = soak.url.replace("http", "ws") + "/v1/realtime?intent=transcription&eyeline=1"
    async with connect(uri, max_size=None) as socket, asyncio.TaskGroup() as group:
        await anext(aiter(socket))
        origin = time.monotonic()
        group.create_task(listen(socket, origin, soak.minute.lags))
        for count, message in enumerate(pieces(number)):
            await asyncio.sleep(max(0.0, origin + (count + 1) * PIECE - time.monotonic()))
            await socket.send(message)
            if not soak.running:
                await socket.close()
                return


async def keep_visiting(soak: Soak) -> None:
    """Hold short sessions, one after another."""
    for number in itertools.count():
        begun = time.monotonic()
        if not soak.running:
            return
        try:
            async with asyncio.timeout(ANSWER_WAIT):
                await visit(soak, number)
            soak.minute.visits += 1
        except (ConnectionClosed, OSError, TimeoutError) as error:
            soak.minute.lost.append(f"visitor: {error!r}")
        await asyncio.sleep(max(0.0, begun + VISIT_EVERY - time.monotonic()))


async def visit(soak: Soak, number: int) -> None:
    """Ask aloud in a session of its own, and leave when the answer is over."""
    question = spoken(3.0, number)
    wire = on_the_wire(np.concatenate([question, np.zeros(SAMPLE_RATE, np.float32)]))
    async with connect(soak.url.replace("http", "ws") + "/v1/realtime", max_size=None) as socket:
        size = round(PIECE * WIRE_RATE) * 2
        for start in range(0, len(wire), size):
            audio = base64.b64encode(wire[start : start + size]).decode()
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))
            await asyncio.sleep(PIECE)
        async for message in socket:
            if json.loads(message)["type"] == "response.done":
                return


async def keep_calling(soak: Soak) -> None:
    """Hold calls, one after another if they are lost."""
    while soak.running:
        try:
            await call(soak)
        except (httpx.HTTPError, ConnectionError, TimeoutError) as error:
            soak.minute.lost.append(f"call: {error!r}")
            await asyncio.sleep(1)


async def ended(soak: Soak, known: set[str]) -> list[str]:
    """Return why sessions ended that are not `known` to have ended, and add them."""
    async with httpx.AsyncClient(timeout=60) as http:
        sessions = (await http.get(f"{soak.url}/sessions")).json()["sessions"]
    gone = [each for each in sessions if each["state"] == "ended" and each["id"] not in known]
    known.update(each["id"] for each in gone)
    return [f"{each['kind']}: {each['end_reason']}" for each in gone if each["end_reason"] != LEFT]


async def call(soak: Soak) -> None:
    """Hold a call and ask a question every QUESTION_EVERY seconds."""
    client = create_client(Camera(), Microphone(), label="oai-events")
    sink = MediaBlackhole()  # what nobody reads, aiortc keeps: 0.2 GiB a minute
    try:
        async with httpx.AsyncClient(timeout=60) as http:
            answer = await http.post(
                f"{soak.url}/v1/realtime/calls",
                content=await create_offer(client),
                headers={"Content-Type": "application/sdp"},
            )
        answer.raise_for_status()
        await client.connection.setRemoteDescription(RTCSessionDescription(answer.text, "answer"))
        for transceiver in client.connection.getTransceivers():
            sink.addTrack(transceiver.receiver.track)
        await sink.start()
        async with asyncio.timeout(60):
            await client.opened.wait()
        assert client.channel is not None
        client.channel.send(json.dumps({"type": "session.update", "session": SESSION}))
        for question in itertools.cycle(QUESTIONS):
            begun = time.monotonic()
            if not soak.running:
                return
            await ask(client, question, soak)
            await asyncio.sleep(max(0.0, begun + QUESTION_EVERY - time.monotonic()))
    finally:
        await sink.stop()
        await client.connection.close()


async def ask(client: Client, question: str, soak: Soak) -> None:
    """Ask and wait for the end of the answer.

    Raises:
        ConnectionError: the call is over.
    """
    assert client.channel is not None
    if client.connection.connectionState != "connected" or client.channel.readyState != "open":
        raise ConnectionError(f"the call is {client.connection.connectionState}")
    begun = time.monotonic()
    item = {
        "type": "message",
        "role": "user",
        "content": [{"type": "input_text", "text": question}],
    }
    client.channel.send(json.dumps({"type": "conversation.item.create", "item": item}))
    metadata = {"asked": f"{begun:.3f}"}
    response = {"output_modalities": ["text"], "metadata": metadata}
    client.channel.send(json.dumps({"type": "response.create", "response": response}))
    try:
        async with asyncio.timeout(ANSWER_WAIT):
            while True:
                event: dict[str, Any] = json.loads(await client.messages.get())
                if event["type"] == "response.done" and event["response"]["metadata"] == metadata:
                    soak.minute.answers.append(time.monotonic() - begun)
                    return
    except TimeoutError:
        soak.minute.missing += 1


async def report(soak: Soak, server: psutil.Process, rows: list[dict[str, float]]) -> None:
    """Print a row each minute, and keep it."""
    print(
        "minute  MiB  fds  threads  load    shown p50/p95   stable p50/p95   answers  missing"
        " visits  lost"
    )
    known: set[str] = set()
    for number in itertools.count(1):
        cpu = sum(server.cpu_times()[:2])
        await asyncio.sleep(min(60.0, max(1.0, soak.end - time.monotonic())))
        past, soak.minute = soak.minute, Minute(lags=soak.minute.lags)
        shown, stable = sorted(past.lags.shown), sorted(past.lags.stable)
        past.lags.shown.clear()
        past.lags.stable.clear()
        with suppress(httpx.HTTPError):
            past.lost += await ended(soak, known)
        row = {
            "memory": server.memory_full_info().uss / 2**20,
            "descriptors": float(server.num_fds()),
            "threads": float(server.num_threads()),
            "shown": quantile(shown, 0.95),
            "stable": quantile(stable, 0.95),
        }
        rows.append(row)
        print(
            f"{number:6} {row['memory']:4.0f} {row['descriptors']:4.0f} {row['threads']:8.0f}"
            f" {(sum(server.cpu_times()[:2]) - cpu) / 60:5.2f}"
            f" {quantile(shown, 0.5):8.2f} / {row['shown']:5.2f}"
            f" {quantile(stable, 0.5):8.2f} / {row['stable']:5.2f}"
            f" {len(past.answers):4} {max(past.answers, default=0.0):4.1f}"
            f" {past.missing:8} {past.visits:6} {'; '.join(past.lost) or '-'}",
            flush=True,
        )
        if not soak.running:
            return


def quantile(values: Sequence[float], share: float) -> float:
    return values[int(share * (len(values) - 1))] if values else float("nan")


async def run(
    url: str, server: psutil.Process, minutes: float, speakers: int
) -> list[dict[str, float]]:
    """Run all clients for `minutes`; return the rows."""
    soak = Soak(url, time.monotonic() + 60 * minutes)
    rows: list[dict[str, float]] = []
    async with asyncio.TaskGroup() as group:
        for number in range(speakers):
            group.create_task(keep_speaking(soak, number))
        group.create_task(keep_calling(soak))
        group.create_task(keep_visiting(soak))
        group.create_task(report(soak, server, rows))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--speakers", type=int, default=SPEAKERS)
    options = parser.parse_args()
    aioice.ice.CONSENT_FAILURES = 1_000_000  # else the client gives up when answers take 0.5 s
    os.environ["EYELINE_MEMORY_RAM"] = "16"
    with service() as running:
        rows = asyncio.run(
            run(running.url, psutil.Process(running.pid), options.minutes, options.speakers)
        )
        print(*verdict(rows), sep="\n", flush=True)


if __name__ == "__main__":
    main()
