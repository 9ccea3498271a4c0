"""What stays in memory of sessions that have ended, and of one that goes on.

    python -m tests.bench.bench_leaks visits --rounds 400

`visits`, `drawings` and `calls` are sessions one after another, over WebSockets, with generated
video, and over WebRTC; `turns` are turns of one session, with a picture and an answer each. Their
models are scripted, so the rest of the service is measured. `speech` is a session that is spoken
to, a minute a round, and `video` one that is shown half a minute a round and then asked, both with
the packaged models and 16 MiB of memory in RAM. A row is printed ten times: MiB that malloc has
given out, those of the process after free ones are returned, blocks of Python, objects that its
garbage collector knows, descriptors and threads. Ended sessions are forgotten at once.
"""

import argparse
import asyncio
import ctypes
import gc
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import httpx
import psutil
import websockets

from tests.bench.bench_sessions import (
    ASKED,
    FRAMES,
    WIRE_RATE,
    on_the_wire,
    pictures,
    spoken,
)
from tests.chaos.conversation import answered, send_audio, until
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.patience import PATIENCE
from tests.web.cluster.test_moving import picture
from tests.web.served import Served, scripted_models, served
from tests.web.signaling.calling import Picture, Sound, calling
from web.config import Settings
from web.loading.models import load_models

ROWS = 10
SCRIPTED = ("visits", "drawings", "calls", "turns")
PACKAGED = ("speech", "video")
MINUTE = 60.0  # seconds
SECOND = 2 * WIRE_RATE  # bytes
LAST_TURN = 12.0  # seconds at the end of a minute that may not be recognized before the next
Round = Callable[[int], Awaitable[object]]


_FIELDS = [
    *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
    *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
]


class _MallocState(ctypes.Structure):
    """`struct mallinfo2` of glibc, all arenas together."""

    _fields_ = tuple((name, ctypes.c_size_t) for name in _FIELDS)


def row(number: int) -> str:
    """Return the state of this process after `number` rounds."""
    for _ in range(2):
        gc.collect()
    libc = ctypes.CDLL("libc.so.6")
    libc.mallinfo2.restype = _MallocState
    state = libc.mallinfo2()
    libc.malloc_trim(0)
    process = psutil.Process()
    return (
        f"{number:7} {(state.uordblks + state.hblkhd) / 2**20:7.1f}"
        f" {process.memory_info().rss / 2**20:8.1f} {sys.getallocatedblocks():9}"
        f" {len(gc.get_objects()):8} {process.num_fds():4} {process.num_threads():8}"
    )


def connect(service: Served, query: str = "") -> websockets.connect:
    url = f"{service.ws}/v1/realtime?eyeline=1{query}"
    return websockets.connect(url, max_size=None, ping_interval=None, open_timeout=PATIENCE)


async def visit(service: Served, _: int) -> None:
    async with connect(service) as client:
        await show_and_ask(client, 5)


async def show_and_ask(client: websockets.ClientConnection, number: int) -> None:
    event = {"type": "eyeline.video.append", "image": picture(20 * (number % 12))}
    await client.send(json.dumps({**event, "time": 3.0 * number}))
    await answered(client)


async def draw(service: Served, _: int) -> None:
    async with connect(service) as client:
        await client.send(json.dumps({"type": "eyeline.prompt.set", "text": "a duck"}))
        update = {"type": "eyeline.generation.update", "enabled": True, "pictures": True}
        await client.send(json.dumps(update))
        await until(client, "eyeline.video.delta")


async def call(service: Served, _: int) -> None:
    async with calling(service, Sound(0.4), Picture()) as caller:
        await caller.until("response.created")


@asynccontextmanager
async def turns(service: Served) -> AsyncIterator[Round]:
    async with connect(service) as client:

        async def turn(number: int) -> None:
            await show_and_ask(client, number)

        yield turn


@asynccontextmanager
async def speech(service: Served) -> AsyncIterator[Round]:
    """Speak faster than in real time; a round ends when most of it was recognized."""
    wire = on_the_wire(spoken(MINUTE, 0))
    async with connect(service, "&intent=transcription") as client:

        async def minute(number: int) -> None:
            for start in range(0, len(wire), SECOND):
                await send_audio(client, wire[start : start + SECOND])
            heard = 0.0
            while heard < MINUTE * (number + 1) - LAST_TURN:
                words = (await until(client, "eyeline.caption"))["words"]
                heard = max(heard, *(word["end"] for word in words), 0.0)

        yield minute


@asynccontextmanager
async def video(service: Served) -> AsyncIterator[Round]:
    shows = pictures()
    count = round(MINUTE / 2 * FRAMES)
    async with connect(service) as client:

        async def show(number: int) -> None:
            for place in range(count * number, count * (number + 1)):
                event = {"type": "eyeline.video.append", "image": shows[place % len(shows)]}
                await client.send(json.dumps({**event, "time": place / FRAMES}))
            await client.send(json.dumps({"type": "conversation.item.create", "item": ASKED}))
            response = {"output_modalities": ["text"]}
            await client.send(json.dumps({"type": "response.create", "response": response}))
            await until(client, "response.done")

        yield show


async def ended(service: Served) -> None:
    """Wait until no session is live, and have ended ones forgotten."""
    async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
        while (await web.get("/health")).json()["sessions"]["live"]:
            pass
        await web.get("/sessions")


async def run(service: Served, what: str, rounds: int) -> None:
    print(" rounds  malloc  process    blocks  objects  fds  threads")
    kinds = {"visits": visit, "drawings": draw, "calls": call}

    async def one(number: int) -> None:
        await kinds[what](service, number)
        await ended(service)

    lasting = {"turns": turns, "speech": speech, "video": video}
    context: AbstractAsyncContextManager[Round] = (
        lasting[what](service) if what in lasting else nullcontext(one)
    )
    async with context as once:
        for number in range(rounds):
            await once(number)
            if (number + 1) % max(1, rounds // ROWS) == 0:
                print(row(number + 1), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=(*SCRIPTED, *PACKAGED))
    parser.add_argument("--rounds", type=int, default=400)
    options = parser.parse_args()
    settings = Settings(captions_kept=0, resume_timeout=0, memory_ram=16)
    packaged = options.what in PACKAGED
    loading = load_models(settings) if packaged else scripted_models(generator=ScriptedGenerator())
    with loading as models, served(settings, models) as service:
        asyncio.run(run(service, options.what, options.rounds))


if __name__ == "__main__":
    main()
