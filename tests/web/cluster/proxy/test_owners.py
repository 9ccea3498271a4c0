"""Which edge is known to have a session."""

import pytest

from web.cluster.proxy import owners
from web.cluster.proxy.owners import Owners

EDGES = {"http://a", "http://b"}


def test_an_owner_is_known_until_it_is_gone_or_says_that_it_is_not() -> None:
    known = Owners()
    assert known.find("s", EDGES) is None
    known.note("s", "http://a")
    assert known.find("s", EDGES) == "http://a"
    assert known.find("s", {"http://b"}) is None
    assert known.find("s", EDGES) is None, "it was forgotten with its edge"
    known.note("s", "http://b")
    known.forget("s")
    assert known.find("s", EDGES) is None


def test_of_too_many_the_longest_unused_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owners, "MAX_OWNERS", 2)
    known = Owners()
    for session in ("s", "t"):
        known.note(session, "http://a")
    known.find("s", EDGES)
    known.note("u", "http://a")
    assert [known.find(each, EDGES) is None for each in ("s", "t", "u")] == [False, True, False]
