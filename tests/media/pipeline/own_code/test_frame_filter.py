"""Return video passes through a function of the user's; what is analyzed does not."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import numpy as np
import pytest

from media.clock import ReplayClock
from media.counters import Counters
from media.errors import FrameFilterError
from media.events.session import Input, Output
from media.events.vision import Degraded
from media.frames import VIDEO_CLOCK_HZ, VideoFrame
from media.pipeline.limits import Limits
from media.pipeline.own_code.frame_filter import UserFrameFilter, checked
from media.pipeline.own_code.handler import HandlerLoop
from media.pipeline.own_code.user_function import UserFunction
from media.pipeline.session import run_session
from media.worker import Worker
from tests.media.pipeline.own_code.test_handler import Home, home
from tests.media.pipeline.scripted import picture, replayed, scripted_services
from tests.media.pipeline.scripted_assistant import ScriptedAssistant

__all__ = ["home"]  # a fixture
BRIGHTER = "def answer(picture, time):\n    picture += 20\n    return picture\n"


@pytest.fixture
def loop() -> Iterator[HandlerLoop]:
    loop = HandlerLoop()
    yield loop
    loop.close()


def filtering(home: Home, loop: HandlerLoop, *, max_wait: float = 5.0) -> UserFrameFilter:
    return UserFrameFilter(UserFunction(home.name), loop, max_wait=max_wait)


async def shown(
    frame_filter: UserFrameFilter, frames: int = 3, *, counters: Counters | None = None
) -> list[Output]:
    out: list[Output] = []

    async def keep(output: Output) -> None:
        if isinstance(output, VideoFrame | Degraded):
            out.append(output)

    pictures: list[Input] = [picture(n * VIDEO_CLOCK_HZ) for n in range(frames)]
    with scripted_services(frame_filter=frame_filter) as services:
        await run_session(
            replayed(pictures),
            keep,
            services=services,
            clock=ReplayClock(),
            limits=Limits.replay(),
            counters=counters,
            return_video=True,
        )
    return out


def brightness(out: list[Output]) -> list[int]:
    return [int(each.pixels.max()) for each in out if isinstance(each, VideoFrame)]


@pytest.mark.parametrize("asynchronous", [False, True])
async def test_a_frame_comes_back_as_the_function_makes_it(
    asynchronous: bool, home: Home, loop: HandlerLoop
) -> None:
    home.write(f"async {BRIGHTER}" if asynchronous else BRIGHTER)
    out = await shown(filtering(home, loop))
    assert brightness(out) == [60, 60, 60]
    assert [each.time for each in out if isinstance(each, VideoFrame)] == [0, 1, 2]


async def test_what_is_analyzed_is_the_picture_as_it_came(home: Home, loop: HandlerLoop) -> None:
    home.write(BRIGHTER)
    frame = picture(0)
    filtered = await filtering(home, loop).apply(frame)
    assert (frame.pixels.max(), filtered.pixels.max()) == (40, 60)


async def test_the_function_is_given_the_time(home: Home, loop: HandlerLoop) -> None:
    home.write("def answer(picture, time):\n    picture[:] = int(time)\n    return picture\n")
    assert brightness(await shown(filtering(home, loop))) == [0, 1, 2]


FAULTS = {
    "no such function": ("x = 1", "AttributeError"),
    "syntax": ("def answer(:", "SyntaxError"),
    "wrong arguments": ("def answer(picture):\n    return picture", "TypeError"),
    "raises": ("def answer(picture, time):\n    1 / 0", "line 2"),
    "nothing": ("def answer(picture, time):\n    pass", "got NoneType"),
    "another size": ("def answer(picture, time):\n    return picture[:9]", "of shape (9, 160, 3)"),
    "leaves": ("import sys\ndef answer(picture, time):\n    sys.exit('bye')", "SystemExit: bye"),
    "is cancelled": (
        "import asyncio\ndef answer(picture, time):\n    raise asyncio.CancelledError",
        "CancelledError",
    ),
    "another type": ("def answer(picture, time):\n    return picture / 2", "got float64"),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_frame_whose_filter_fails_is_not_shown_and_the_user_is_told_once(
    fault: str, home: Home, loop: HandlerLoop, caplog: pytest.LogCaptureFixture
) -> None:
    code, reason = FAULTS[fault]
    home.write(code)
    counters = Counters()
    (told,) = await shown(filtering(home, loop), counters=counters)
    assert isinstance(told, Degraded)
    assert reason in told.message
    assert reason in caplog.text
    assert counters.filter_failures == 3


async def test_a_module_that_is_missing_is_told(loop: HandlerLoop) -> None:
    frame_filter = UserFrameFilter(UserFunction("no_such_module:f"), loop)
    with pytest.raises(FrameFilterError, match="ModuleNotFoundError"):
        await frame_filter.apply(picture(0))


async def test_frames_are_shown_again_once_the_file_is_mended(
    home: Home, loop: HandlerLoop
) -> None:
    home.write("def answer(picture, time):\n    1 / 0")
    frame_filter = filtering(home, loop)
    with pytest.raises(FrameFilterError, match="ZeroDivisionError"):
        await frame_filter.apply(picture(0))
    home.write(BRIGHTER)
    assert (await frame_filter.apply(picture(0))).pixels.max() == 60


async def test_a_function_that_never_returns_is_given_up(home: Home, loop: HandlerLoop) -> None:
    home.write("import asyncio\nasync def answer(picture, time):\n    await asyncio.Event().wait()")
    with pytest.raises(FrameFilterError, match=r"no picture within 0.01 s"):
        await filtering(home, loop, max_wait=0.01).apply(picture(0))


async def test_frames_that_wait_for_a_slow_function_are_dropped(
    home: Home, loop: HandlerLoop
) -> None:
    home.write(
        "import threading\nentered, gate = threading.Event(), threading.Event()\n"
        "def answer(picture, time):\n    entered.set()\n    gate.wait()\n    return picture\n"
    )
    frame_filter = filtering(home, loop)
    module = UserFunction(home.name).load().__globals__
    out: list[VideoFrame] = []
    waiting = Worker("waiting")

    async def keep(output: Output) -> None:
        if isinstance(output, VideoFrame):
            out.append(output)

    async def source() -> AsyncIterator[Input]:
        yield picture(0)
        await waiting.run(module["entered"].wait)
        for number in range(1, 50):
            yield picture(number * VIDEO_CLOCK_HZ)
            await asyncio.sleep(0)
        module["gate"].set()

    with scripted_services(frame_filter=frame_filter, assistant=ScriptedAssistant()) as services:
        await run_session(source(), keep, services=services, clock=ReplayClock(), return_video=True)
    waiting.close()
    times = [frame.time for frame in out]
    assert times[0] == 0
    assert times[-1] == 49  # the newest is kept
    assert len(times) < 10


def test_a_returned_picture_is_the_services_own() -> None:
    theirs = np.zeros((2, 2, 3), np.uint8)
    ours = checked(theirs, (2, 2, 3))
    theirs[:] = 9
    assert ours.max() == 0
