"""The loop of a training process: one process for a folder, regular saves, a clean end."""

import argparse
import fcntl
import json
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO

import torch

SAVE_INTERVAL = 180.0  # seconds of work between two saves

Clock = Callable[[], float]


def training_steps(
    has_more: Callable[[], bool],
    save: Callable[[], object],
    *,
    minutes: float = math.inf,
    clock: Clock = time.monotonic,
    work: Clock = time.process_time,
    interval: float = SAVE_INTERVAL,
) -> Iterator[None]:
    """Yield once per training step while `has_more()`, for at most `minutes`.

    SIGTERM ends it after the current step. `save` is called after every `interval` seconds of work,
    and at the end.
    """
    ending: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: ending.append(number))
    try:
        end, saved = clock() + 60 * minutes, work()
        while has_more() and clock() < end and not ending:
            yield
            if work() - saved > interval:
                save()
                saved = work()
        save()
    finally:
        signal.signal(signal.SIGTERM, before)


def lock_folder(folder: Path, parser: argparse.ArgumentParser) -> IO[str]:
    """Create the folder of a run and return a file that locks it until it is closed.

    Two processes would overwrite each other's checkpoints. If another one trains there, `parser`
    ends the program with an error.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        parser.error(f"{folder} is in use by another training process: stop that one first")
    return lock


def save_state(file: Path, state: Mapping[str, object]) -> None:
    """Replace `file` with `state`; a stop at any moment leaves the old or the new one."""
    new = file.with_name(f"{file.name}.new")
    torch.save(state, new)
    new.replace(file)


def append_line(file: Path, line: Mapping[str, object]) -> None:
    with file.open("a") as out:
        out.write(json.dumps(line) + "\n")
