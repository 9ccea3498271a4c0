"""The whole service as a process of its own, as a person starts it."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

CHECKOUT = Path(__file__).parents[2]
GRACE = 10  # seconds for the service to end after it was told to


@contextmanager
def service(log: Path, *arguments: str) -> Iterator[str]:
    """Run `eyeline demo` on a free port, yield its address, and end it with the block.

    `log` gets what the service says; it is read into the error where the service does not start.
    """
    command = [sys.executable, "-m", "web.main", "demo", "--port", "0", *arguments]
    with (
        log.open("w") as errors,
        subprocess.Popen(
            command, cwd=CHECKOUT, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as process,
    ):
        try:
            assert process.stdout is not None
            yield _address(process.stdout, log)
        finally:
            process.terminate()
            try:
                process.wait(GRACE)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _address(output: IO[str], log: Path) -> str:
    """Return the address in the banner; the output ends where the service could not start."""
    for line in output:
        if found := re.search(r"http://\S+", line):
            return found[0]
    raise RuntimeError(f"the service did not start: {log.read_text()[-2000:]}")
