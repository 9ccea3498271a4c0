"""Reading of the small model's safetensors files; sizes are in their metadata as JSON."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from safetensors import SafetensorError, safe_open
from torch import Tensor

from models.errors import WeightsError

LOAD_ERRORS = (KeyError, TypeError, ValueError, RuntimeError, AssertionError, ArithmeticError)
MAX_REASON = 200  # characters of torch's message, which lists every tensor


def read_config(file: Path) -> dict[str, Any]:
    """Return the config in the metadata of `file`.

    Raises:
        WeightsError: the file is missing or damaged, or has none.
    """
    with _opened(file) as opened:
        return cast("dict[str, Any]", json.loads((opened.metadata() or {})["config"]))


def read_tensors(file: Path, prefix: str = "") -> dict[str, Tensor]:
    """Return the tensors of `file` whose names start with `prefix`, without it.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    with _opened(file) as opened:
        names = [name for name in opened.keys() if name.startswith(prefix)]  # noqa: SIM118
        return {name.removeprefix(prefix): opened.get_tensor(name) for name in names}


@contextmanager
def _opened(file: Path) -> Iterator[Any]:  # safetensors has no annotations
    try:
        with safe_open(file, framework="pt") as opened:
            yield opened
    except (OSError, SafetensorError, KeyError, ValueError) as error:
        raise WeightsError(
            f"{file}: missing, damaged, or not written by eyeline's training ({error})"
        ) from error


def digest(file: Path) -> str:
    """Return the SHA-256 of `file`."""
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def reason(error: Exception) -> str:
    """Return the message of `error` in one short line."""
    text = " ".join(str(error).split())
    return text if len(text) <= MAX_REASON else text[: MAX_REASON - 1] + "…"
