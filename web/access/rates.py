"""How much a client may use in a time: requests, guesses at keys, minutes of sessions and files.

The windows slide: at any time, the last minute or day counts. Requests and guesses are counted in
memory; what is used of minutes may be known to other processes, too (`UsedAmounts`).
"""

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Literal

from web.access.auth import Caller
from web.access.client_address import on_this_machine, subscriber
from web.access.keys.used_amounts import UsedAmounts
from web.problems import ProblemError

if TYPE_CHECKING:  # a service that only its own machine uses counts nothing
    from web.access.sliding_windows import SlidingWindows

Used = Literal["minutes", "file_minutes"]

RATE_LIMITED = "rate_limit_exceeded"  # error code, as of OpenAI
MINUTE = 60  # seconds
USED_FOR: dict[Used, str] = {"minutes": "of sessions", "file_minutes": "of transcribed sound"}


class RateLimitedError(ProblemError):
    """A client has used up what it may in a time."""

    def __init__(self, detail: str, retry_after: float) -> None:
        self.retry_after = math.floor(retry_after) + 1
        super().__init__(
            429,
            f"{detail}: try again in {self.retry_after} s",
            code=RATE_LIMITED,
            headers={"Retry-After": str(self.retry_after)},
        )


@dataclass(frozen=True)
class ClientRates:
    """Limits of a minute for an address without a key: its `requests`, and `guesses` at keys.

    0 is no limit, and requests of this machine itself have none. A key has its own limits, together
    with its client secrets; if it has none, each of these has that of an address. `used` has the
    seconds that keys have used.
    """

    requests: int = 0
    guesses: int = 0
    used: UsedAmounts = field(default_factory=UsedAmounts)

    @cached_property
    def _windows(self) -> "SlidingWindows":
        from web.access.sliding_windows import SlidingWindows

        return SlidingWindows()

    def count_request(self, caller: Caller) -> None:
        """Count a request of `caller`, or another thing that costs as much.

        Raises:
            RateLimitedError: it has made too many.
        """
        limit = None if caller.key is None else caller.key.limits.requests
        if caller.key is not None and (limit is not None or caller.secret is None):
            name = f"requests of key {caller.key.name}"
        elif self.requests and not on_this_machine(caller.address):
            who = subscriber(caller.address) if caller.key is None else caller.owner
            limit, name = self.requests, f"requests of {who}"
        else:
            return
        if limit is not None and not self._windows.take(name, MINUTE, limit):
            wait = self._windows.wait(name, MINUTE, limit)
            raise RateLimitedError(f"this client may make {limit} requests a minute", wait)

    def check_guesses(self, address: str) -> None:
        """Check that a key from `address` is tried at all.

        Raises:
            RateLimitedError: too many of them were wrong.
        """
        if not self.guesses or on_this_machine(address):
            return
        name = f"guesses of {subscriber(address)}"
        wait = self._windows.wait(name, MINUTE, self.guesses)
        if wait > 0:
            detail = f"{self.guesses} wrong keys came from this address in a minute"
            raise RateLimitedError(detail, wait)

    def count_guess(self, address: str) -> None:
        """Count a wrong key from `address`."""
        if self.guesses and not on_this_machine(address):
            self._windows.take(f"guesses of {subscriber(address)}", MINUTE, self.guesses)

    def check_minutes(self, caller: Caller, what: Used) -> None:
        """Check that the key of `caller` has some of `what` left.

        Raises:
            RateLimitedError: all are used.
        """
        limit = _seconds(caller, what)
        if limit is None:
            return
        wait = self.used.counts(_name(caller, what)).wait(limit)
        if wait > 0:
            minutes = f"{limit / 60:g} minutes {USED_FOR[what]}"
            raise RateLimitedError(f"this key has {minutes} in 24 hours, and used them", wait)

    def spend(self, caller: Caller, what: Used, seconds: int) -> bool:
        """Take `seconds` of `what`, or all that are left; return whether some are left then."""
        limit = _seconds(caller, what)
        if limit is None:
            return True
        left = limit - self.seconds_used(caller, what)
        if seconds > 0 and left > 0:
            self.used.add(_name(caller, what), min(seconds, left))
        return seconds < left

    def seconds_used(self, caller: Caller, what: Used) -> int:
        """Return how many seconds of `what` the key of `caller` has used."""
        return math.floor(self.used.counts(_name(caller, what)).used())


def _seconds(caller: Caller, what: Used) -> int | None:
    """Return the limit of `what` in seconds, None if there is none."""
    minutes = None if caller.key is None else getattr(caller.key.limits, what)
    return None if minutes is None else math.floor(minutes * 60)


def _name(caller: Caller, what: Used) -> str:
    return f"{what} of key {caller.key_name}"
