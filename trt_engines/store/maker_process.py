"""The process that exports and compiles networks: it needs memory and libraries for that alone.

It reads the paths of pickled jobs from its input, one a line, and answers on its output with lines
of progress and then of the result. It ends with its input.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import torch

from models.errors import EngineError
from trt_engines.store.jobs import EngineJob


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        try:
            _run(Path(json.loads(line)), answers)
        except (EngineError, OSError) as error:
            _answer(answers, {"error": str(error)})
        else:
            _answer(answers, {"done": True})


def _run(pickled: Path, answers: TextIO) -> None:
    job: EngineJob = torch.load(
        pickled, weights_only=False
    )  # written by the process that reads this one
    pickled.unlink()

    def progress(phase: str, done: int, total: int) -> None:
        _answer(answers, {"phase": phase, "done": done, "total": total})

    job.run(progress)


def _answer(answers: TextIO, content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
