"""What a training process owes others: one at a time in a folder, and an orderly end."""

import argparse
import fcntl
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO


@dataclass(slots=True)
class Ending:
    """Whether the process was asked to end."""

    asked: bool = False


@contextmanager
def orderly() -> Iterator[Ending]:
    """Take note of a signal to end, SIGTERM, in place of dying of it, until the block is over."""
    ending = Ending()

    def ask(*_: object) -> None:
        ending.asked = True

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield ending
    finally:
        signal.signal(signal.SIGTERM, before)


def cpu() -> float:
    """Return the CPU seconds that this process has used."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def hold(folder: Path, parser: argparse.ArgumentParser) -> IO[str]:
    """Make the folder of a run and return a file that holds it until it is closed.

    Two processes would overwrite each other's checkpoints: where another trains there already,
    `parser` ends the program and says so.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        parser.error(f"{folder} is being trained by another process: stop that one first")
    return lock
