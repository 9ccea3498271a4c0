"""Log lines that name the session in which they were logged, in its tasks and threads too."""

import asyncio
import io
import json
import logging
from collections.abc import Iterator

import pytest

from media.worker import Worker
from web.log_lines import LogFormat, current_session, log_handler

logger = logging.getLogger("tests.log_lines")


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    format: LogFormat = request.param
    handler = log_handler(format)
    assert isinstance(handler, logging.StreamHandler)
    handler.stream = io.StringIO()
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield handler.stream
    finally:
        logger.removeHandler(handler)
        logger.propagate = True


async def log_in_a_session(id: str) -> None:
    current_session.set(id)
    worker = Worker("test")
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(worker.run(logger.warning, "slow %s", "disk"))
    finally:
        worker.close()
    logger.warning("session %s ended", id)


@pytest.mark.parametrize("lines", ["text"], indirect=True)
async def test_a_line_of_text_names_its_session_once(lines: io.StringIO) -> None:
    logger.warning("outside")
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(log_in_a_session("sess_1"))
    outside, inside, ended = lines.getvalue().splitlines()
    assert outside.endswith("WARNING tests.log_lines: outside")
    assert inside.endswith(": session sess_1: slow disk")
    assert ended.endswith(": session sess_1 ended")


@pytest.mark.parametrize("lines", ["json"], indirect=True)
async def test_a_line_of_json_has_session_and_error(lines: io.StringIO) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(log_in_a_session("sess_2"))
    try:
        raise ZeroDivisionError("scripted")
    except ZeroDivisionError:
        logger.exception("it failed:\n%s", "in two lines")
    first, _, last = map(json.loads, lines.getvalue().splitlines())
    assert first["session"] == "sess_2"
    assert (first["level"], first["message"]) == ("warning", "slow disk")
    assert "session" not in last
    assert last["message"] == "it failed:\nin two lines"
    assert "ZeroDivisionError: scripted" in last["error"]
    assert last["time"].endswith("+00:00")
