import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.pipeline.models.answerer import PackagedAnswerer
from media.pipeline.models.services import OutsideModel
from media.pipeline.outside.endpoint import EvidenceLimits
from media.pipeline.outside.evidence import EvidenceCollector
from media.pipeline.own_code.handler import HandlerAnswerer, HandlerLoop
from media.pipeline.own_code.user_function import UserCodeError, UserFunction
from media.worker import Worker
from tests.media.pipeline.outside.test_answerer import QUESTION, last, notices, run, text
from tests.media.pipeline.scripted_assistant import MARK

ECHO = """
async def answer(request):
    yield f"You asked {request.question.text!r}."
    for moment in request.evidence.moments:
        yield f" {moment.time:.0f} s: {moment.text}."
"""


class Home:
    """A folder with a module of the user's; each version is newer than the last."""

    def __init__(self, folder: Path, name: str) -> None:
        self.file = folder / f"{name}.py"
        self.name = f"{name}:answer"
        self._time = 1_000_000_000

    def write(self, code: str) -> None:
        self._time += 10
        self.file.write_text(code)
        os.utime(self.file, (self._time, self._time))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Home:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr("sys.dont_write_bytecode", True)
    return Home(tmp_path, f"own_{abs(hash(request.node.name))}")


@pytest.fixture
def loop() -> Iterator[HandlerLoop]:
    loop = HandlerLoop()
    yield loop
    loop.close()


def handler(
    home: Home, loop: HandlerLoop, *, fallback: bool = True, max_text: int = 100
) -> OutsideModel:
    function = UserFunction(home.name)

    def make(packaged: PackagedAnswerer, worker: Worker) -> HandlerAnswerer:
        collector = EvidenceCollector(EvidenceLimits(), packaged.images, worker)
        return HandlerAnswerer(
            function,
            collector,
            loop,
            packaged if fallback else None,
            max_wait=0.5,
            max_text=max_text,
        )

    return OutsideModel(make=make)


async def test_the_handler_answers_from_the_question_and_what_was_seen(
    home: Home, loop: HandlerLoop
) -> None:
    home.write(ECHO)
    out = await run(handler(home, loop))
    assert text(out) == (
        "You asked 'what have you seen?'. "
        "0 s: brightness 0. 1 s: brightness 20. 2 s: brightness 40."
    )
    assert last(out).status == "completed"


BEGIN = "async def answer(request):\n"
FAULTS = {
    "no such module": (None, "ModuleNotFoundError"),
    "no such function": ("x = 1", "AttributeError"),
    "syntax": ("async def answer(:", "SyntaxError"),
    "not a generator": (
        f"{BEGIN}    return 'x'",
        "expected an async generator",
    ),
    "wrong arguments": ("async def answer():\n    yield 'x'", "TypeError"),
    "raises": (f"{BEGIN}    1 / 0\n    yield", "ZeroDivisionError"),
    "no text": (f"{BEGIN}    yield 3", "must yield text, not 3"),
    "nothing as text": (f"{BEGIN}    yield None", "must yield text, not None"),
    "leaves": (f"import sys\n{BEGIN}    sys.exit('bye')\n    yield", "SystemExit: bye"),
    "leaves when imported": ("import sys\nsys.exit('bye')", "SystemExit: bye"),
    "is cancelled": (
        f"import asyncio\n{BEGIN}    raise asyncio.CancelledError\n    yield",
        "Cancel",
    ),
    "stops the iteration": (f"{BEGIN}    raise StopAsyncIteration\n    yield", "RuntimeError"),
    "slow": (
        f"import asyncio\n{BEGIN}    await asyncio.Event().wait()\n    yield ''",
        "yielded nothing for",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_user_is_told_of_an_error_of_the_handler_and_the_packaged_model_answers(
    fault: str, home: Home, loop: HandlerLoop
) -> None:
    code, reason = FAULTS[fault]
    if code is not None:
        home.write(code)
    out = await run(handler(home, loop))
    (notice,) = notices(out)
    assert reason in notice
    assert text(out).startswith(MARK)
    if fault == "raises":
        assert f"({home.file.name}, line 2)" in notice


async def test_without_fallback_the_answer_fails_with_the_reason(
    home: Home, loop: HandlerLoop
) -> None:
    home.write("async def answer(request):\n    yield 'One'\n    raise KeyError('two')")
    out = await run(handler(home, loop, fallback=False))
    assert (text(out), last(out).status) == ("One", "failed")
    assert "KeyError: 'two'" in last(out).reason


async def test_a_task_of_the_handler_that_leaves_does_not_end_the_other_answers(
    home: Home, loop: HandlerLoop
) -> None:
    home.write(
        "import asyncio, sys\nasync def leave():\n    sys.exit()\n"
        "async def answer(request):\n    asyncio.create_task(leave())\n"
        "    await asyncio.sleep(0)\n    yield 'Here.'"
    )
    out = await run(handler(home, loop), QUESTION, replace(QUESTION, id="r"))
    assert [text(out), text(out, "r"), notices(out)] == ["Here.", "Here.", []]


@pytest.mark.parametrize("piece", ["more ", ""])
async def test_a_handler_that_does_not_stop_is_cut_off(
    piece: str, home: Home, loop: HandlerLoop
) -> None:
    home.write(f"async def answer(request):\n    while True:\n        yield {piece!r}")
    out = await run(handler(home, loop, max_text=12))
    assert (text(out), last(out).status) == (f"{3 * piece}"[:12], "completed")
    (notice,) = notices(out)
    assert "EYELINE_ANSWERS_LENGTH" in notice


async def test_half_of_a_character_is_a_question_mark(home: Home, loop: HandlerLoop) -> None:
    home.write("async def answer(request):\n    yield 'a\\ud800'")
    assert text(await run(handler(home, loop))) == "a?"


def test_a_change_within_a_second_that_keeps_the_size_is_seen(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.dont_write_bytecode", False)
    home.write("answer = 1")
    function = UserFunction(home.name)
    versions: list[Any] = [function.load()]
    second = home.file.stat().st_mtime_ns
    home.write("answer = 2")
    os.utime(home.file, ns=(second + 9, second + 9))
    assert [*versions, function.load()] == [1, 2]


def test_a_function_is_loaded_again_when_its_file_changes(home: Home) -> None:
    home.write("answer = 1")
    function = UserFunction(home.name)
    versions: list[Any] = [function.load(), function.load()]
    home.write("answer = 2")
    versions.append(function.load())
    home.write("answer = ")
    with pytest.raises(UserCodeError, match="SyntaxError"):
        function.load()
    home.write("answer = 3")
    versions.append(function.load())
    assert versions == [1, 1, 2, 3]
