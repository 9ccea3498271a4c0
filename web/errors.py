"""Errors of the web layer, and their messages for users and clients.

WebError
    SettingsError       a setting is unknown, malformed or contradicts another
    UsageError          the command line asks for something impossible
    UndrawableError     the model cannot draw what a prompt asks for
    OutputError         the output of a command cannot be written
    PageError           the page cannot be rendered
"""

import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from media.errors import HungError, MediaError
from models.errors import ModelError

logger = logging.getLogger(__name__)

INTERRUPTED = 130  # exit status of a command ended by Ctrl-C: 128 + SIGINT
UNDRAWABLE = 3  # exit status of a command whose prompt cannot be drawn
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGHUP)  # of kill, and of a terminal that closes


class WebError(Exception):
    """Base of the errors that the web layer raises on purpose."""


class SettingsError(WebError):
    """A setting is invalid; the message names it and says what is expected."""


class UsageError(WebError):
    """A command cannot do what it was asked to; the message says what to do instead."""


class UndrawableError(WebError):
    """The model knows nothing of what a prompt asks for; the message has the nearest that it does.

    A command ends with `UNDRAWABLE`, so that scripts can ask for something else.
    """


class OutputError(WebError):
    """The output of a command cannot be written; the message names it and the reason."""


class PageError(WebError):
    """Gradio cannot render the page; the message has the end of what it printed."""


def run_command(command: Callable[[], int], *, debug: bool) -> int:
    """Return the exit status of `command`; an error is one line on standard error.

    Status 2 means wrong input, 3 a prompt that cannot be drawn, 1 an internal error; `debug` adds
    the traceback.
    """
    received: list[int] = []
    try:
        with _ended_like_ctrl_c(received):
            return command()
    except KeyboardInterrupt:
        return 128 + received[0] if received else INTERRUPTED
    except BrokenPipeError:
        # The reader closed the pipe; without this, Python reports an error when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if debug:
            logger.exception("command failed")
        message, status = _message_and_status(error)
        sys.stderr.write(f"eyeline: {message}\n")
        return status


@contextmanager
def _ended_like_ctrl_c(received: list[int]) -> Iterator[None]:
    """End at SIGTERM and SIGHUP as at Ctrl-C: what was made is kept, temporary files are deleted.

    The number of the signal is added to `received`.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return

    def end(number: int, _frame: object) -> None:
        received.append(number)
        if signal.getsignal(signal.SIGINT) in (signal.SIG_IGN, signal.SIG_DFL):
            # Shells start background commands with SIGINT ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.raise_signal(signal.SIGINT)

    signals = [each for each in ENDING_SIGNALS if signal.getsignal(each) == signal.SIG_DFL]
    for each in signals:  # others are ignored on purpose, as under nohup, or a test's
        signal.signal(each, end)
    try:
        yield
    finally:
        for each in signals:
            signal.signal(each, signal.SIG_DFL)


async def failure_message(work: Awaitable[None], what: str) -> str | None:
    """Await `work`; return None, or the message for its client if it failed."""
    try:
        await work
    except Exception as error:
        logger.exception("%s failed", what)
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        reason = str(error) if isinstance(error, HungError) else type(error).__name__
        return f"the session failed inside the service: {reason}"
    return None


def _message_and_status(error: Exception) -> tuple[str, int]:
    """Return the line that reports `error`, and the exit status."""
    if isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        return _message_and_status(error.exceptions[0])
    if isinstance(error, UndrawableError):
        return " ".join(str(error).split()), UNDRAWABLE
    if isinstance(error, OSError | WebError | MediaError | ModelError):
        return " ".join(str(error).split()), 2
    message = " ".join(f"{type(error).__name__}: {error}".split())
    return f"internal error: {message} (--debug shows the traceback)", 1
