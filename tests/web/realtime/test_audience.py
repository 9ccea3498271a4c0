"""Who finds a seat among the viewers of a session."""

from types import SimpleNamespace
from typing import Any

import pytest

from web.access.auth import Caller, ClientSecret
from web.access.keys.scopes import ApiKey
from web.problems import ProblemError
from web.realtime.audience import Audience, Viewer

KEY = ApiKey("anna", b"")
OWN = Caller(KEY)
PEER: Any = SimpleNamespace()  # nothing is sent to it here


def guest(name: str) -> Caller:
    return Caller(KEY, ClientSecret("", name, 0.0, "{}", KEY, watches="sess_0"))


def seated(audience: Audience, caller: Caller) -> Viewer | None:
    return audience.add(Viewer(PEER, caller))


def refused(audience: Audience, caller: Caller) -> int:
    with pytest.raises(ProblemError) as problem:
        audience.check(caller)
    with pytest.raises(ProblemError):
        seated(audience, caller)
    return problem.value.status


def test_one_link_has_a_few_seats_and_other_links_theirs() -> None:
    audience = Audience(capacity=5, per_guest=2)
    for _ in range(2):
        assert seated(audience, guest("one")) is None
    assert refused(audience, guest("one")) == 429
    for name in ("two", "two", "three"):
        assert seated(audience, guest(name)) is None
    assert refused(audience, guest("four")) == 503, "a guest makes no room for another"
    assert len(audience) == 5


def test_guests_make_room_for_those_who_reach_the_session() -> None:
    audience = Audience(capacity=3, per_guest=2)
    viewers = [Viewer(PEER, guest(name)) for name in ("one", "two", "two")]
    for viewer in viewers:
        assert audience.add(viewer) is None
    assert seated(audience, OWN) is viewers[2], "the newest of who has most"
    assert {seated(audience, OWN), seated(audience, OWN)} == set(viewers[:2])
    assert audience.find(viewers[0].id) is None
    assert refused(audience, OWN) == 503
    assert len(audience) == 3
