"""What the service knows about those who use it: keys, what they used, and the audit log."""

from dataclasses import dataclass

from web.access.audit import AuditLog
from web.access.auth import Caller, Keys
from web.access.keys.usage_file import SUFFIX, UsageFile
from web.access.keys.watched_file import WatchedKeyFile
from web.access.rates import ClientRates
from web.config import Settings
from web.problems import ProblemError


@dataclass(frozen=True, slots=True)
class Doorkeeper:
    """`key_file` is where the keys come from that are not in the settings, if there is one.

    `usage_file` keeps what they have used.
    """

    keys: Keys
    key_file: WatchedKeyFile | None
    rates: ClientRates
    audit: AuditLog
    usage_file: UsageFile | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Doorkeeper":
        """Return the doorkeeper of a service with these `settings`.

        Raises:
            KeyFileError: the file of keys cannot be used.
        """
        key_file = None if settings.keys is None else WatchedKeyFile(settings.keys)
        rates = ClientRates(settings.requests, settings.wrong_keys)
        return cls(
            keys=Keys(
                None if settings.api_key is None else settings.api_key.get_secret_value(),
                None if key_file is None else key_file.load(),
            ),
            key_file=key_file,
            rates=rates,
            audit=AuditLog(settings.audit),
            usage_file=_usage_file(settings, rates),
        )

    def count_request(self, caller: Caller) -> None:
        """Count a request of `caller`, or another thing that costs as much.

        Raises:
            RateLimitedError: it has made too many.
        """
        self.rates.count_request(self.keys.current(caller))

    def authenticate(self, given: str | None, *, now: float, address: str) -> Caller:
        """Return who sends the key or client secret `given` from `address`.

        Raises:
            ProblemError: a key is needed and missing or wrong, or too many from there were wrong.
        """
        if given is None or not self.keys.needed:
            return self.keys.authenticate(given, now=now, address=address)
        self.rates.check_guesses(address)
        try:
            return self.keys.authenticate(given, now=now, address=address)
        except ProblemError:
            self.rates.count_guess(address)
            raise


def _usage_file(settings: Settings, rates: ClientRates) -> UsageFile | None:
    """Return what keeps used minutes; the machines of a cluster tell each other."""
    path = settings.usage
    if path is None and settings.keys is not None:
        path = settings.keys.with_name(settings.keys.name + SUFFIX)
    if path is None or settings.cluster is not None:
        return None
    file = UsageFile(path, rates.used)
    file.load()
    return file
