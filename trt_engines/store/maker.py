"""Exports networks in a process of its own, which a crash or a kill ends alone."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import torch

from models.engine import ExportableNetwork
from models.errors import EngineError

Progress = Callable[[str, int, int], None]  # phase, steps done, steps in all or 0 if unknown

START = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
    "from trt_engines.store.maker_process import main; main()"
)
TAIL = 2000  # characters of what the process printed, in an error


class Maker:
    """Starts the process with the first job, and ends it with `close`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._printed: IO[bytes] | None = None

    def export(self, network: ExportableNetwork, file: Path, progress: Progress) -> None:
        """Write `network` to the ONNX file `file`; its folder needs room for it twice.

        Raises:
            EngineError: it cannot be exported, or the process ended.
        """
        pickled = file.with_suffix(".network")
        try:
            torch.save(network, pickled)
        except (OSError, RuntimeError) as error:
            raise EngineError(f"{pickled}: cannot be written ({error})") from error
        except (AttributeError, TypeError) as error:  # pickle's, for example of a lambda
            raise EngineError(f"{network.spec.name} cannot be pickled: {error}") from error
        self._run({"network": str(pickled), "onnx": str(file)}, progress)

    def _run(self, job: dict[str, Any], progress: Progress) -> dict[str, Any]:
        """Return the result of a job.

        Raises:
            EngineError: it failed.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        except BrokenPipeError:
            pass  # it ended: nothing is read below
        for line in process.stdout:
            answer: dict[str, Any] = json.loads(line)
            if "phase" not in answer:
                if "error" in answer:
                    raise EngineError(answer["error"])
                return answer
            progress(answer["phase"], answer["step"], answer["steps"])
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
        self.close()
        return f"the process that makes engines was ended {how}" + (f": {printed}" * bool(printed))

    def close(self) -> None:
        """End the process."""
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
