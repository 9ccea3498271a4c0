"""Exports and compiles networks in a process of its own, which a crash or a kill ends alone."""

import contextlib
import json
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import torch

from models.errors import EngineError
from trt_engines.store.jobs import EngineJob, Progress

START = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from trt_engines.store.maker_process import main; main()"
)
TAIL = 2000  # characters of what the process printed, in an error


class Maker:
    """Starts the process with the first job, and ends it with the `with` block."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._printed: IO[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._end()

    def make(self, job: EngineJob, progress: Progress) -> None:
        """Do a job; the folder of its file needs room for it twice.

        Raises:
            EngineError: it failed, or the process ended.
        """
        pickled = job.file.with_suffix(".job")
        try:
            torch.save(job, pickled)
        except (OSError, RuntimeError) as error:
            raise EngineError(f"{pickled}: cannot be written ({error})") from error
        except (AttributeError, TypeError, pickle.PicklingError) as error:  # as of a lambda
            raise EngineError(f"{job.name} cannot be pickled: {error}") from error
        self._ask(pickled)
        self._listen(progress)

    def _ask(self, pickled: Path) -> None:
        process = self._started()
        assert process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended: `_listen` says so
            process.stdin.write(json.dumps(str(pickled)) + "\n")
            process.stdin.flush()

    def _listen(self, progress: Progress) -> None:
        """Pass progress on until the job is done.

        Raises:
            EngineError: it failed.
        """
        process = self._started()
        assert process.stdout is not None
        for line in process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if "error" in answer:
                raise EngineError(answer["error"])
            if "phase" not in answer:
                return
            progress(answer["phase"], answer["done"], answer["total"])
        raise EngineError(self._end_of(process))

    def _started(self) -> subprocess.Popen[str]:
        if self._process is None:
            self._printed = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
            self._process = subprocess.Popen(
                [sys.executable, "-c", START],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                text=True,
            )
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(sys.path) + "\n")
        return self._process

    def _end_of(self, process: subprocess.Popen[str]) -> str:
        """Return how the process ended, with the end of what it printed."""
        status = process.wait()
        assert self._printed is not None
        self._printed.seek(0)
        printed = self._printed.read().decode(errors="replace").strip()[-TAIL:]
        how = f"by signal {-status}" if status < 0 else f"with status {status}"
        self._end()
        return f"the process that makes engines was ended {how}" + (f": {printed}" * bool(printed))

    def _end(self) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            assert self._process.stdout is not None
            self._process.kill()
            self._process.wait()
            self._process.stdin.close()
            self._process.stdout.close()
            self._process = None
        if self._printed is not None:
            self._printed.close()
            self._printed = None
