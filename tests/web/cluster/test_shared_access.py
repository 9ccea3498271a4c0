"""Keys in a cluster: what one edge counts or revokes, and what it learns of another."""

from typing import Any

import pytest

from tests.web.cluster.models.still_clock import StillClock
from web.access.auth import Caller, Keys
from web.access.keys.key_file import key_digest
from web.access.keys.scopes import ApiKey
from web.cluster.directory import SharedSecret
from web.cluster.errors import ClusterError
from web.cluster.membership import Membership
from web.cluster.proxy.secret_exchange import SecretExchange
from web.cluster.registry import Registry
from web.cluster.shared_access import SharedAccess
from web.problems import ProblemError
from web.sessions.registry import Sessions


class HereRegistry:
    """Calls a registry in this process, which can be replaced, or be away."""

    about = "the registry"

    def __init__(self) -> None:
        self.registry: Registry | None = Registry(1.5, 60.0)
        self.calls: list[str] = []

    async def call(self, method: str, *arguments: object, within: float = 2.0) -> Any:
        del within
        self.calls.append(method)
        if self.registry is None:
            raise ClusterError("the registry is not there")
        return getattr(self.registry, method)(*arguments)


class HereEdge:
    def __init__(self, registry: HereRegistry, name: str, clock: StillClock) -> None:
        self.keys = Keys("sesame", [ApiKey("anna", key_digest("anna's"))])
        sessions = Sessions(4, clock, retention=60.0)
        self.membership = Membership(
            f"http://{name}",
            name,
            sessions,
            registry,  # type: ignore[arg-type]  # in this process
            clock,
            0.3,
            access=SharedAccess(revoked=self.keys.revoked),
        )
        self.exchange = SecretExchange(self.membership, self.keys, clock, per_second=2)

    @property
    def used(self) -> int:
        return self.membership.access.used.counts("a").now


@pytest.fixture
def registry() -> HereRegistry:
    return HereRegistry()


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
async def edges(registry: HereRegistry, clock: StillClock) -> list[HereEdge]:
    edges = [HereEdge(registry, name, clock) for name in "xyz"]
    for edge in edges:
        await edge.membership.report()
    return edges


async def test_each_edge_knows_what_all_have_used_even_of_one_that_is_gone(
    edges: list[HereEdge], registry: HereRegistry
) -> None:
    for seconds, edge in zip((5, 7), edges, strict=False):
        edge.membership.access.used.add("a", seconds)
    for _ in range(2):
        for edge in edges:
            await edge.membership.report()
    assert [edge.used for edge in edges] == [12, 12, 12]
    registry.registry = Registry(1.5, 60.0)  # it starts anew, and the first edge has ended
    late = HereEdge(registry, "late", StillClock())
    for _ in range(3):
        for edge in (*edges[1:], late):
            await edge.membership.report()
    assert late.used == 12


async def test_a_secret_that_is_revoked_anywhere_is_valid_nowhere(
    edges: list[HereEdge], registry: HereRegistry, clock: StillClock
) -> None:
    first, second, third = edges
    anna = first.keys.authenticate("anna's", now=0.0)
    secret = first.keys.mint({}, now=100.0, lifetime=60.0, caller=anna)
    await first.exchange.share(secret)
    await second.exchange.learn(secret.value)
    assert second.keys.authenticate(secret.value, now=100.0).key_name == "anna"
    await third.exchange.learn_of(secret.owner)
    assert third.keys.revoke(secret.owner, Caller(anna.key))
    for edge in (third, first, second):
        await edge.membership.report()
    for edge in edges:
        await edge.exchange.learn(secret.value)
        with pytest.raises(ProblemError):
            edge.keys.authenticate(secret.value, now=100.0)
    late = HereEdge(registry, "late", clock)
    await late.exchange.learn(secret.value)
    assert not late.keys.knows(secret.value)


async def test_a_registry_that_starts_anew_is_told_of_secrets_and_revoked_ones(
    edges: list[HereEdge], registry: HereRegistry
) -> None:
    first, second, _ = edges
    kept = first.keys.mint({}, now=100.0, lifetime=60.0)
    ended = first.keys.mint({}, now=100.0, lifetime=60.0)
    first.keys.revoke(ended.owner, Caller())
    told: list[str] = []
    first.membership.on_new_registry = lambda: told.append("anew")
    registry.registry = Registry(1.5, 60.0)
    for _ in range(2):
        await first.membership.report()
    assert told == ["anew"]
    await first.exchange.share_all()
    await second.membership.report()
    await second.exchange.learn(kept.value)
    assert second.keys.knows(kept.value)
    assert ended.owner in second.keys.revoked


async def test_the_registry_is_asked_once_for_a_made_up_secret_and_so_often_a_second(
    edges: list[HereEdge], registry: HereRegistry, clock: StillClock
) -> None:
    exchange = edges[0].exchange
    registry.calls.clear()
    for _ in range(9):
        await exchange.learn("ek_made_up")
    assert registry.calls == ["secret"]
    await exchange.learn("ek_2")
    with pytest.raises(ProblemError) as refused:
        await exchange.learn("ek_3")
    assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
    clock.time += 1
    await exchange.learn("ek_3")
    clock.time += 10
    await exchange.learn("ek_made_up")
    assert registry.calls == ["secret"] * 4, "it is asked again later"


async def test_what_a_registry_that_is_away_does_not_know_is_asked_again(
    edges: list[HereEdge], registry: HereRegistry
) -> None:
    there, registry.registry = registry.registry, None
    await edges[0].exchange.learn("ek_shared")
    registry.registry = there
    assert there is not None
    there.share_secret(SharedSecret("ek_shared", "secret_1", "{}", 0.0), 60.0)
    await edges[0].exchange.learn("ek_shared")
    assert edges[0].keys.knows("ek_shared")
