"""Client secrets that edges create and learn of each other, through the registry."""

from collections import OrderedDict
from collections.abc import Awaitable

from media.clock import Clock
from web.access.auth import ClientSecret, Keys
from web.access.keys.key_file import key_digest
from web.access.keys.scopes import KeyScope
from web.cluster.directory import SharedSecret
from web.cluster.membership import Membership
from web.problems import ProblemError

MAX_UNKNOWN = 10_000  # secrets that the registry did not know
UNKNOWN_FOR = 10.0  # seconds for which it is not asked for one of them again


class SecretExchange:
    """The client secrets of `keys` that other edges know, and theirs.

    The registry is asked for at most `per_second` secrets a second that nobody here knows.
    """

    def __init__(
        self, membership: Membership, keys: Keys, clock: Clock, *, per_second: int
    ) -> None:
        self._membership = membership
        self._keys = keys
        self._clock = clock
        self._per_second = per_second
        self._second, self._asked = 0, 0
        self._unknown: OrderedDict[bytes, float] = OrderedDict()  # by digest: until when

    async def share(self, secret: ClientSecret) -> None:
        """Let every edge accept `secret`."""
        lifetime = secret.expires - self._clock.now()
        shared = SharedSecret(
            secret.value,
            secret.owner,
            secret.configuration,
            lifetime,
            key=None if secret.key is None else secret.key.digest,
            scopes=tuple(secret.scopes),
            watches=secret.watches,
        )
        await self._membership.share_secret(shared, lifetime)

    async def share_all(self) -> None:
        """Tell a registry that has started anew of the secrets of this edge."""
        for secret in self._keys.unexpired(self._clock.now()):
            await self.share(secret)

    async def learn(self, value: str) -> None:
        """Learn a client secret that another edge has created, if `value` is one.

        Raises:
            ProblemError: too many that are unknown came within a second.
        """
        if self._keys.knows(value):
            return
        now, digest = self._clock.now(), key_digest(value)
        if self._unknown.get(digest, now) > now:
            return
        self._count(now)
        if not await self._learn(self._membership.secret(value)) and self._membership.reachable:
            self._unknown[digest] = now + UNKNOWN_FOR
            self._unknown.move_to_end(digest)
            if len(self._unknown) > MAX_UNKNOWN:
                self._unknown.popitem(last=False)

    async def learn_of(self, owner: str) -> None:
        """Learn the client secret of `owner`, if another edge has created one."""
        await self._learn(self._membership.secret_of(owner))

    async def _learn(self, asking: Awaitable[tuple[SharedSecret, float] | None]) -> bool:
        found = await asking
        if found is None:
            return False
        shared, lifetime = found
        now = self._clock.now()
        secret = ClientSecret(
            shared.value,
            shared.owner,
            now + lifetime,
            shared.configuration,
            scopes=frozenset(KeyScope(each) for each in shared.scopes),
            watches=shared.watches,
        )
        self._keys.add(secret, shared.key, now=now)
        return True

    def _count(self, now: float) -> None:
        if int(now) != self._second:
            self._second, self._asked = int(now), 0
        if self._asked >= self._per_second:
            raise ProblemError(
                503,
                "too many client secrets that this machine does not know came within a second: "
                "try again in 1 s",
                code="too_many_secrets",
                headers={"Retry-After": "1"},
            )
        self._asked += 1
