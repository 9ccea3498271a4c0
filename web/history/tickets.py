"""Addresses of files for a browser's `<video>`, which cannot send a key: each is a secret."""

import secrets
from dataclasses import dataclass
from pathlib import Path

MAX_TICKETS = 1_000


@dataclass(frozen=True, slots=True)
class Ticket:
    """`file` may be read by whoever knows `value`, until `expires` on the service's clock."""

    value: str
    file: Path
    expires: float


class Tickets:
    """The tickets that have not expired, at most `MAX_TICKETS`; the oldest are dropped."""

    def __init__(self) -> None:
        self._tickets: dict[str, Ticket] = {}

    def issue(self, file: Path, *, now: float, lifetime: float) -> Ticket:
        """Return a new ticket for `file` that is good for `lifetime` seconds."""
        alive = [each for each in self._tickets.values() if each.expires > now]
        ticket = Ticket(secrets.token_urlsafe(24), file, now + lifetime)
        self._tickets = {each.value: each for each in [*alive[-(MAX_TICKETS - 1) :], ticket]}
        return ticket

    def file(self, value: str, *, now: float) -> Path | None:
        """Return the file of a ticket, None if there is no such ticket or it has expired."""
        ticket = self._tickets.get(value)
        return ticket.file if ticket is not None and ticket.expires > now else None
