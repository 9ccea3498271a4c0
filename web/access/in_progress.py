"""How many requests of one client secret are in progress, WebSockets and streams included.

Whatever a request holds while it is answered, such as a place in a line, a connection, or a file on
the disk, a secret that was given to one browser holds only so often.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from web.access.auth import Caller
from web.problems import ProblemError

RETRY_AFTER = 5  # seconds, for the header Retry-After


@dataclass(frozen=True, slots=True)
class RequestsInProgress:
    """The requests of client secrets that are being answered, at most `limit` of each."""

    limit: int
    _counts: Counter[str] = field(default_factory=Counter)

    @contextmanager
    def place(self, caller: Caller | None) -> Iterator[None]:
        """Count a request of `caller` until the block ends; only those of secrets are counted.

        Raises:
            ProblemError: as many are in progress as may be.
        """
        if caller is None or caller.secret is None:
            yield
            return
        owner = caller.secret.owner
        if self._counts[owner] >= self.limit:
            raise ProblemError(
                429,
                f"{self.limit} requests of this client secret are in progress, as many as may be: "
                f"try again in {RETRY_AFTER} s",
                code="too_many_requests",
                headers={"Retry-After": str(RETRY_AFTER)},
            )
        self._counts[owner] += 1
        try:
            yield
        finally:
            self._counts[owner] -= 1
            if not self._counts[owner]:
                del self._counts[owner]
