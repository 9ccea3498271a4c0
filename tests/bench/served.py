"""A server process for benchmarks, and what it costs."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Served:
    """A running `eyeline demo`: `url` is its address."""

    url: str
    process: psutil.Process

    @property
    def memory(self) -> int:
        """Return the bytes that the process keeps to itself or shares only with its children."""
        return int(self.process.memory_full_info().uss)

    @property
    def cpu(self) -> float:
        """Return the CPU seconds used so far."""
        times = self.process.cpu_times()
        return float(times.user + times.system)


@contextmanager
def served(*options: str) -> Iterator[Served]:
    """Run the service on a free port until the block ends."""
    command = [sys.executable, "-m", "web.main", "demo", "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                if match := re.search(r"http://localhost:\d+", line):
                    yield Served(match[0], psutil.Process(child.pid))
                    break
            else:
                raise RuntimeError("the service ended before it listened")
        finally:
            child.terminate()
