"""The process that exports and compiles networks: it needs memory and libraries for that alone.

It reads jobs from its input, one JSON object a line, and answers on its output with lines of
progress and then of the result. It ends with its input.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import torch

from models.errors import EngineError
from trt_engines.export import export


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is no answer
    for line in sys.stdin:
        try:
            made = run(json.loads(line), answers)
        except (EngineError, OSError) as error:
            made = {"error": str(error)}
        _answer(answers, made)


def run(job: dict[str, Any], answers: TextIO) -> dict[str, Any]:
    """Do one job, and return its result.

    Raises:
        EngineError, OSError: it failed.
    """
    network = torch.load(job["network"], weights_only=False)  # written by this user's own process
    Path(job["network"]).unlink()
    _answer(answers, {"phase": "exporting", "step": 0, "steps": 0})
    export(network, Path(job["onnx"]))
    return {"done": True}


def _answer(answers: TextIO, content: dict[str, Any]) -> None:
    answers.write(json.dumps(content) + "\n")
