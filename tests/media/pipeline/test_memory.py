"""A session with a real memory on disk, where the disk fails it: nothing remembered is lost."""

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from pathlib import Path

import numpy as np

from media.clock import ReplayClock
from media.events.answers import Answer, Evidence, Question
from media.events.session import Input, Output
from media.events.vision import Degraded, Remembered
from media.frames import VideoFrame
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from models.assistant.small_assistant import SmallAssistant
from models.memory.kv_store.tiers import StoreBudget
from tests.full_disk import files_of_at_most
from tests.media.pipeline.scripted import replayed, scripted_services
from tests.models.assistant.test_small_model import BALL, CUP, DOG, model, picture

RAM = 20_000  # bytes: some blocks are on disk soon
NAMES = {CUP: "cup", DOG: "dog", BALL: "ball"}


def frame(name: int, second: int) -> VideoFrame:
    return VideoFrame(np.tile(picture(name), (8, 8, 1)), second * 90_000)


def shown(count: int, *, start: int = 0) -> list[Input]:
    """Return a picture each 20 s, of another thing than the one before."""
    things = (CUP, DOG, BALL)
    return [frame(things[n % 3], 20 * n) for n in range(start, start + count)]


async def seen(
    source: AsyncIterable[Input], folder: Path, answered: asyncio.Condition | None = None
) -> list[Output]:
    """Run one session that remembers in `folder`; each answer wakes who waits for `answered`."""
    out: list[Output] = []

    async def send(output: Output) -> None:
        out.append(output)
        if answered is not None and isinstance(output, Answer) and output.status == "completed":
            async with answered:
                answered.notify_all()

    assistant = SmallAssistant(model(), StoreBudget(ram=RAM))
    with scripted_services(assistant=assistant) as services:
        await run_session(
            source,
            send,
            services=services,
            clock=ReplayClock(),
            limits=Limits.replay(),
            memory=folder,
        )
    return out


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.blocks"))


def cut(folder: Path) -> None:
    """Leave half of the blocks' file."""
    (segment,) = folder.rglob("*.blocks")
    data = segment.read_bytes()
    segment.write_bytes(data[: len(data) // 2])


def answer(out: list[Output], id: str) -> str:
    return "".join(o.text for o in out if isinstance(o, Answer) and o.id == id)


def times(out: list[Output], id: str) -> list[float]:
    return [m.time for o in out if isinstance(o, Evidence) and o.id == id for m in o.moments]


async def test_a_full_disk_is_reported_once_and_the_session_lives_on(tmp_path: Path) -> None:
    answered = asyncio.Condition()

    async def source() -> AsyncIterator[Input]:
        for item in shown(12):
            yield item
        async with answered:  # all of it is in memory before the disk is full
            yield Question("before", "What did you see?", 230.0)
            await answered.wait()
        with files_of_at_most(size_of(tmp_path) + 100):
            for item in shown(12, start=12):
                yield item
            async with answered:
                yield Question("full", "What did you see?", 470.0)
                await answered.wait()
        for item in shown(6, start=24):
            yield item
        yield Question("after", "What did you see?", 590.0)

    out = await seen(source(), tmp_path, answered)
    messages = [o.message for o in out if isinstance(o, Degraded)]
    assert len(messages) == 1
    assert "free space there" in messages[0]
    for id in ("before", "full", "after"):
        assert answer(out, id)
    assert times(out, "before")
    kept = {o.moment.time for o in out if isinstance(o, Remembered)}
    assert kept >= {20.0 * n for n in range(12)}
    assert any(time >= 480 for time in kept), "with room again it remembers again"
    again = await seen(
        replayed([Question("q", "When did you first see the cup?", 900.0)]), tmp_path
    )
    assert set(times(again, "q")) <= kept
    assert times(again, "q")[0] == 0.0


async def test_a_store_cut_short_keeps_what_is_before_the_cut(tmp_path: Path) -> None:
    before = await seen(replayed(shown(20)), tmp_path)
    assert len([o for o in before if isinstance(o, Remembered)]) >= 20
    cut(tmp_path)
    out = await seen(
        replayed([Question("q", "When did you first see the cup?", 390.0), *shown(3, start=21)]),
        tmp_path,
    )
    assert answer(out, "q")
    assert times(out, "q")[0] == 0.0
    assert max(times(out, "q")) < 300
    assert not [o for o in out if isinstance(o, Degraded)]
    fresh = [o.moment.time for o in out if isinstance(o, Remembered)]
    assert fresh == [420.0, 440.0, 460.0]
