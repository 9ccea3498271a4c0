"""The service with scripted models in a process of its own, with settings from the environment.

With the argument `hang`, its recognizer hangs for ever at its first sound, and prints `hangs`. Run
by tests of this folder: `python -m tests.chaos.scripted_service`.
"""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from tests.chaos.failing import Failing
from tests.paths import ROOT
from tests.web.served import CountingRecognizer, scripted_models
from web.cli.main import _configure_logging
from web.config import read_settings
from web.serve import serve


@dataclass(frozen=True)
class Running:
    """A service that runs; `log` is the file of its log lines."""

    process: "subprocess.Popen[str]"
    address: str  # host:port
    log: Path

    @property
    def http(self) -> str:
        return f"http://{self.address}"

    @property
    def ws(self) -> str:
        return f"ws://{self.address}/v1/realtime"


@contextmanager
def running(folder: Path, *arguments: str, **settings: object) -> Iterator[Running]:
    """Run the service until the block ends, which kills it; its log and memories go to `folder`."""
    given = {"memory_folder": folder / "memories", "port": 0, **settings}
    variables = {f"EYELINE_{name.upper()}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", "tests.chaos.scripted_service", *arguments]
    environment = {**os.environ, **variables}  # noqa: TID251 - of a process of its own
    log = folder / "service.log"
    with (
        log.open("a") as lines,
        subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=lines, text=True
        ) as process,
    ):
        assert process.stdout is not None
        try:
            found = re.search(r"http://(\S+)", process.stdout.readline())
            assert found is not None, log.read_text()
            yield Running(process, found[1], log)
        finally:
            process.kill()


def _hang() -> None:
    sys.stdout.write("hangs\n")
    sys.stdout.flush()
    threading.Event().wait()


def _main(arguments: list[str]) -> int:
    recognizer = CountingRecognizer()
    if "hang" in arguments:
        recognizer = Failing(recognizer, "step", _hang)  # type: ignore[assignment]
    settings = read_settings(warm_up=False)
    _configure_logging("info", "text")
    with (
        patch("web.serve.load_models", lambda _: scripted_models(recognizer)),
        patch("web.serve.rendering", lambda: nullcontext(lambda: None)),
    ):
        return serve(settings, banner="{url}\n")


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
