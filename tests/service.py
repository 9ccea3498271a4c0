"""The whole service in its own process, as a user starts it."""

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from tests.paths import ROOT

GRACE = 10  # seconds in which the service must end after SIGTERM


@dataclass(frozen=True)
class Service:
    """A running `eyeline demo` at the address `url`."""

    url: str
    pid: int


@contextmanager
def service(*arguments: str, **settings: str) -> Iterator[Service]:
    """Run `eyeline demo` on a free port until the block ends, with more `settings`, as busy="0".

    If it does not start, the error contains its log.
    """
    command = [sys.executable, "-m", "web.cli.main", "demo", "--port", "0", *arguments]
    given = {f"EYELINE_{name.upper()}": value for name, value in settings.items()}
    environment = {**os.environ, **given}  # noqa: TID251 - of a process of its own
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
        assert process.stdout is not None
        try:
            yield Service(_address(process.stdout, log), process.pid)
        finally:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                raise
            finally:
                process.stdout.close()


def _address(output: IO[str], log: IO[str]) -> str:
    """Return the URL in the banner; the output ends early if the service did not start."""
    for line in output:
        if found := re.search(r"http://\S+", line):
            return found[0]
    log.seek(0)
    raise RuntimeError(f"the service did not start: {log.read()[-2000:]}")
