"""Which sessions are refused, and when their client may try again."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from media.counters import Counters
from web.access.auth import Caller
from web.access.rates import ClientRates
from web.problems import ProblemError

RETRY_AFTER = 5  # seconds, for the header Retry-After


class SessionsFullError(ProblemError):
    """The limit of live sessions, of all clients or of one key or client secret, is reached."""

    def __init__(
        self,
        detail: str,
        *,
        status: int = 503,
        code: str = "sessions_full",
        retry_after: int = RETRY_AFTER,
    ) -> None:
        super().__init__(
            status,
            f"{detail}: try again in {retry_after} s",
            code=code,
            headers={"Retry-After": str(retry_after)},
        )


@dataclass(frozen=True, slots=True, eq=False)
class SessionTotals:
    """Since the start: sessions `started` by kind, and `refused` by error code.

    `counters` are the sums of those that ended.
    """

    started: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    counters: Counters = field(default_factory=Counters)


@dataclass(frozen=True, slots=True)
class Load:
    """How long speech waits for the processor, and from how many seconds on no session starts.

    `speech_wait` returns the mean of the last `window` seconds; with a `limit` of 0 all start.
    """

    speech_wait: Callable[[float], float] = lambda window: 0.0
    limit: float = 0.0
    window: int = 10

    def check(self) -> None:
        """Raise if the service cannot carry one more session.

        Raises:
            SessionsFullError: speech waits too long already.
        """
        wait = self.speech_wait(self.window)
        if 0 < self.limit <= wait:
            detail = f"the service is busy: speech waits {wait:.1f} s for the processor"
            raise SessionsFullError(detail, code="service_busy", retry_after=self.window)


@dataclass(frozen=True, slots=True)
class Shares:
    """How many sessions one caller may have: `per_secret` is for each client secret."""

    per_secret: int = 1
    rates: ClientRates = field(default_factory=ClientRates)

    def check(self, caller: Caller, openers: Sequence[Caller]) -> None:
        """Raise if `caller` may not open a session beside the live ones of `openers`.

        Raises:
            SessionsFullError: it has as many as it may.
            RateLimitedError: the minutes of its key are used up.
        """
        owned = sum(each.owner == caller.owner for each in openers)
        if caller.secret is not None and owned >= self.per_secret:
            detail = f"this client secret has {self.per_secret} sessions, as many as it may"
            raise SessionsFullError(detail, status=429)
        limit = None if caller.key is None else caller.key.limits.sessions
        if limit is not None and limit <= sum(each.key_name == caller.key_name for each in openers):
            raise SessionsFullError(f"this key may have {limit} sessions at once", status=429)
        self.rates.check_minutes(caller, "minutes")
