"""The live and recent sessions, and the limit of their number.

Only this module admits sessions: it checks the limit before anything of a session is created.
"""

import secrets

from media.clock import Clock
from web.access.admission import Load, SessionsFullError, SessionTotals, Shares
from web.access.audit import AuditLog
from web.access.auth import Caller
from web.access.keys.fair_share import fair_share
from web.problems import ProblemError
from web.sessions.record import SessionKind, SessionRecord

MAX_ENDED = 1_000  # ended sessions that are kept


class Sessions:
    """All sessions by id; ended ones are kept for `retention` seconds, for their captions.

    A caller may have its share of live sessions. A session whose client is away for less than
    `patience` seconds is live.
    """

    def __init__(
        self,
        capacity: int,
        clock: Clock,
        *,
        retention: float,
        patience: float = 0.0,
        load: Load | None = None,
        shares: Shares | None = None,
        audit: AuditLog | None = None,
    ) -> None:
        self.capacity = capacity
        self._load = load or Load()
        self._shares = shares or Shares()
        self._audit = audit or AuditLog()
        self._patience = patience
        self._clock = clock
        self._retention = retention
        self._sessions: dict[str, SessionRecord] = {}
        self._in_use = 0
        self.closed = False
        self.totals = SessionTotals()

    @property
    def free(self) -> int:
        """How many more sessions can start."""
        return self.capacity - self._in_use

    def start(self, kind: SessionKind, caller: Caller) -> SessionRecord:
        """Return a new session of `caller`; it counts until it ends.

        Raises:
            SessionsFullError: the limit is reached, or the service is too busy, or about to end.
            RateLimitedError: the key of `caller` has no minutes left.
        """
        try:
            self._admit(caller)
        except ProblemError as error:
            self.totals.refused[error.code or "refused"] += 1
            raise
        self.totals.started[kind] += 1
        self._in_use += 1
        self._expire()
        record = SessionRecord(
            f"sess_{secrets.token_hex(8)}",
            kind,
            self._clock.now(),
            caller,
            patience=self._patience,
        )
        self._sessions[record.id] = record
        self._audit.session(caller, f"start {kind}", "started", session=record.id)
        return record

    def adopt(self, record: SessionRecord) -> None:
        """Take a session that another process has had, however many there are."""
        self._in_use += 1
        record.patience = self._patience
        self._sessions[record.id] = record
        self._audit.session(
            record.opener, f"go on with {record.kind}", "started", session=record.id
        )

    async def end(self, record: SessionRecord) -> None:
        """End a session; its captions are kept for a while."""
        if record.ended is None:
            self._in_use -= 1
            self.totals.counters.add(record.counters)
            seconds = self._clock.now() - record.started
            outcome = f"after {seconds:.1f} s"
            self._audit.session(record.opener, "end", outcome, session=record.id)
        await record.end(self._clock.now())

    def forget(self, record: SessionRecord) -> None:
        """Forget a session that goes on in another process; here it counts until it ends."""
        self._sessions.pop(record.id, None)

    def get(self, id: str, caller: Caller) -> SessionRecord:
        """Return session `id`.

        Raises:
            ProblemError: there is none that `caller` may reach, or it ended too long ago.
        """
        record = self.find(id, caller)
        if record is None:
            raise ProblemError(
                404, f"no session {id[:80]!r}: it never existed or ended too long ago"
            )
        return record

    def find(self, id: str, caller: Caller) -> SessionRecord | None:
        """Return session `id`, or None where `get` raises."""
        self._expire()
        record = self._sessions.get(id)
        if record is not None and (caller.reaches(record.owner) or caller.watches(id)):
            return record
        return None

    def all(self, caller: Caller) -> list[SessionRecord]:
        """Return the sessions that `caller` may reach, oldest first."""
        self._expire()
        known = list(self._sessions.values())
        return [each for each in known if caller.reaches(each.owner) or caller.watches(each.id)]

    def live(self) -> list[SessionRecord]:
        """Return the sessions that run, oldest first."""
        return [each for each in self._sessions.values() if each.ended is None]

    def close(self) -> None:
        """Let no session start any more."""
        self.closed = True

    def end_all(self) -> None:
        for record in self._sessions.values():
            record.request_end("the service ends")

    @property
    def admitting(self) -> bool:
        """Whether a session may start now."""
        try:
            self._check_room()
            self._load.check()
        except SessionsFullError:
            return False
        return True

    def _check_room(self) -> None:
        if self.closed:
            raise SessionsFullError("this service is about to end", code="service_draining")
        if self._in_use >= self.capacity:
            raise SessionsFullError(f"all {self.capacity} sessions are in use")

    def _admit(self, caller: Caller) -> None:
        self._check_room()
        self._shares.check(caller, [each.opener for each in self.live()])
        self._load.check()

    def _expire(self) -> None:
        """Delete sessions that ended too long ago, and if there are too many, of who has most."""
        oldest = self._clock.now() - self._retention
        ended = {id: each for id, each in self._sessions.items() if each.ended is not None}
        recent = [each for each in ended.values() if (each.ended or 0.0) >= oldest]
        kept = {each.id for each in fair_share(recent, MAX_ENDED, lambda each: each.opener)}
        for id in ended.keys() - kept:
            del self._sessions[id]
