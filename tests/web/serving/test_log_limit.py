import logging

import pytest

from web.serving.log_limit import BURST, MAX_KINDS, PERIOD, RepeatLimit


class Lines(logging.Handler):
    """Keeps what is logged, with times of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.lines: list[str] = []
        self.addFilter(RepeatLimit(lambda: self.now))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


@pytest.fixture
def log() -> tuple[logging.Logger, Lines]:
    logger, handler = logging.Logger("tried"), Lines()  # noqa: LOG001 - of this test alone
    logger.addHandler(handler)
    return logger, handler


def test_a_line_that_repeats_is_logged_some_times_in_each_period(
    log: tuple[logging.Logger, Lines],
) -> None:
    logger, handler = log
    for _ in range(450):
        logger.error("no descriptors: <socket fd=%d at 0x7f>", 3)
    assert len(handler.lines) == BURST
    assert "not logged" in handler.lines[-1]
    handler.now = PERIOD + 1
    logger.error("no descriptors: <socket fd=%d at 0x7f>", 3)
    assert len(handler.lines) == BURST + 1
    assert f"{450 - BURST} more lines" in handler.lines[-1]


def test_lines_that_differ_in_their_numbers_and_arguments_are_of_one_kind(
    log: tuple[logging.Logger, Lines],
) -> None:
    logger, handler = log
    for number in range(100):
        logger.warning(f"task at {number:#x} failed")  # noqa: G004 - as asyncio does
        logger.warning("%s is missing", "a" * number)
    assert len(handler.lines) == 2 * BURST


def test_other_lines_are_not_held_back(log: tuple[logging.Logger, Lines]) -> None:
    logger, handler = log
    for _ in range(100):
        logger.warning("this repeats")
    logger.warning("another %s", "line")
    assert handler.lines[-1] == "another line"


def test_debugging_shows_every_line(log: tuple[logging.Logger, Lines]) -> None:
    logger, handler = log
    for _ in range(100):
        logger.debug("this repeats")
    assert len(handler.lines) == 100


def test_a_flood_of_kinds_takes_bounded_memory(log: tuple[logging.Logger, Lines]) -> None:
    logger, handler = log
    for number in range(3 * MAX_KINDS):
        kind = "a" * (number % 150) + "b" * (number // 150)
        logger.info(kind)
    (limit,) = handler.filters
    assert isinstance(limit, RepeatLimit)
    assert len(limit._kinds) <= MAX_KINDS
