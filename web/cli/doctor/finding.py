"""The result of a check of `eyeline doctor`."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check; `advice` says what to do, and is empty if nothing needs doing."""

    name: str
    status: Status
    found: str
    advice: str = ""
