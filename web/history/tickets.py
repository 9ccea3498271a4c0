"""Addresses of files for a browser's `<video>`, which cannot send a key: each is a secret."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from web.access.auth import Caller
from web.access.keys.fair_share import fair_share

MAX_TICKETS = 1_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """`file` may be read by whoever knows `value`, until `expires` on the service's clock.

    `caller` asked for it.
    """

    value: str
    caller: Caller
    file: Path
    expires: float


class Tickets:
    """Tickets that have not expired, at most `MAX_TICKETS`: who asks for many costs others none."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def issue(self, file: Path, caller: Caller, *, now: float, lifetime: float) -> Ticket:
        """Return a new ticket for `file` that is good for `lifetime` seconds."""
        alive = [each for each in self._tickets.values() if each.expires > now]
        kept = fair_share(alive, MAX_TICKETS - 1, lambda each: each.caller)
        ticket = Ticket(secrets.token_urlsafe(24), caller, file, now + lifetime)
        self._tickets = {each.value: each for each in [*kept, ticket]}
        return ticket

    def find(self, value: str, *, now: float) -> Ticket | None:
        """Return a ticket, None if there is no such ticket or it has expired."""
        ticket = self._tickets.get(value)
        return ticket if ticket is not None and ticket.expires > now else None
