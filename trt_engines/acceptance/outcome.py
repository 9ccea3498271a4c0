"""The result of one check, as a line and as JSON."""

from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["PASS", "FAIL", "SKIP"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Whether `check` holds for `network`; `found` is a clause, `figures` its numbers.

    SKIP says that the check cannot be made here, and `found` why.
    """

    network: str
    check: str
    verdict: Verdict
    found: str
    figures: dict[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.verdict}  {self.network:<24} {self.check:<16} {self.found}"
