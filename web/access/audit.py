"""Audit lines: who did what, from where, and how it ended; never a key, nor what was said or seen.

Lines about refusals may be left out if there are many; those about what was done never are.
"""

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass

from web.access.auth import Caller
from web.log_lines import AuditLevel

READING = ("GET", "HEAD", "OPTIONS")
SESSION = re.compile(r"sess_[0-9a-f]{16}(?:\.[1-9][0-9]{0,3})?")  # or of its recording

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AuditLog:
    """Writes the lines of a `level`: all, or those about changes and refusals.

    Every value in them comes from a closed set or is checked: what a client sends may be a key.
    """

    level: AuditLevel = "off"

    def request(
        self,
        who: str,
        address: str,
        method: str,
        path: str,
        outcome: int,
        *,
        code: str | None = None,
        session: str | None = None,
    ) -> None:
        """Note a request of `method` for the template `path`; `code` says why it was refused."""
        refused = outcome >= 400
        if self.level == "off" or (self.level == "changes" and method in READING and not refused):
            return
        known = session if session is not None and SESSION.fullmatch(session) else None
        self._write(
            {
                "who": who,
                "address": address,
                "action": f"{method} {path}",
                "outcome": outcome,
                **({"code": code} if code else {}),
                **({"session": known} if known else {}),
            },
            done=not refused,
        )

    def session(
        self, opener: Caller, action: str, outcome: str, *, session: str | None = None
    ) -> None:
        """Note that a session of `opener` started, was refused or ended."""
        if self.level != "off":
            named = {} if session is None else {"session": session}
            who = {"who": opener.name, "address": opener.address}
            fields = {**who, "action": action, "outcome": outcome}
            self._write({**fields, **named}, done=session is not None)

    def _write(self, fields: Mapping[str, object], *, done: bool) -> None:
        about = ", ".join(
            f"{name} {fields[name]}" for name in ("code", "session") if name in fields
        )
        logger.info(
            "%s from %s: %s: %s%s",
            fields["who"],
            fields["address"] or "an unknown address",
            fields["action"],
            fields["outcome"],
            f" ({about})" if about else "",
            extra={"audit": fields, "unlimited": done},
        )
