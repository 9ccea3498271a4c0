"""What a check of `eyeline doctor` says."""

from dataclasses import dataclass
from typing import Literal

Status = Literal["ok", "warn", "fail"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found; `advice` says what to do, and is empty where all is well."""

    name: str
    status: Status
    found: str
    advice: str = ""


def is_loopback(host: str) -> bool:
    """Tell whether `host` is reached from this machine alone."""
    return host in ("localhost", "::1") or host.startswith("127.")
