"""What the registry of a cluster knows."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.cluster.directory import Directory, EdgeReport, Location, SharedSecret

A = EdgeReport("a", "http://a", "node-a", live=0, capacity=10)
B = EdgeReport("b", "http://b", "node-b", live=0, capacity=10)
C = EdgeReport("c", "http://c", "node-c", live=0, capacity=10)


@pytest.fixture
def directory() -> Directory:
    """Three edges reported at 0."""
    directory = Directory(timeout=1.5, patience=60.0)
    for edge in (A, B, C):
        directory.report(edge, {}, 0.0)
    return directory


def test_a_new_session_goes_to_the_edge_with_the_largest_free_part(directory: Directory) -> None:
    directory.report(replace(A, live=5), {}, 0.1)
    directory.report(replace(B, live=12, capacity=100), {}, 0.1)
    directory.report(replace(C, live=0, admitting=False), {}, 0.1)
    assert directory.place("a", 0.2) == replace(B, live=12, capacity=100)


def test_sessions_placed_between_two_reports_count(directory: Directory) -> None:
    placed = [directory.place("b", 0.1) for _ in range(6)]
    names = [each.id for each in placed if each is not None]
    assert names[0] == "b", "of equals the one where it arrived"
    assert sorted(names) == ["a", "a", "b", "b", "c", "c"]


def test_a_session_counts_from_its_placement_on_whatever_is_reported_meanwhile(
    directory: Directory,
) -> None:
    assert directory.place("a", 0.1) == A
    directory.report(A, None, 0.2)  # it is not there yet
    assert directory.place("a", 0.3) != A
    directory.add("s", "a")
    directory.report(replace(A, live=1), None, 0.4)
    assert sorted(each.id for _ in range(4) if (each := directory.place("a", 0.5))) == [
        *("a", "b", "c", "c")
    ], "of one of B and C a session is on its way"
    for edge in (A, B, C):
        directory.report(edge, None, 2.0)
    assert directory.place("a", 2.1) == A, "those that did not arrive count no more"


def test_nothing_is_placed_when_all_are_full(directory: Directory) -> None:
    for edge in (A, B, C):
        directory.report(replace(edge, live=10), {}, 0.1)
    assert directory.place("a", 0.2) is None


def test_the_session_of_an_edge_that_is_gone_goes_to_the_first_that_claims_it(
    directory: Directory,
) -> None:
    directory.add("s", "a")
    assert directory.choose_keeper("s", "a", frozenset()) == "node-b"
    for edge in (B, C):
        directory.report(edge, {}, 1.0)
    assert directory.claim("s", "b", 1.4) == Location("http://a", "node-b"), "it is still there"
    assert directory.claim("s", "b", 1.6) == Location(None, "node-b")
    assert directory.claim("s", "c", 1.6) == Location("http://b", "node-b")
    assert directory.report(A, {"s": "node-b"}, 1.7).moved == ("s",), "it was cut off meanwhile"


def test_an_edge_that_was_cut_off_keeps_what_nobody_took(directory: Directory) -> None:
    directory.add("s", "a")
    directory.report(B, {}, 3.0)
    assert directory.locate("s", 3.0) == Location(None, None)
    assert directory.report(A, {"s": None}, 3.1).moved == ()
    assert directory.locate("s", 3.2) == Location("http://a", None)


def test_a_session_that_nobody_takes_is_forgotten(directory: Directory) -> None:
    directory.add("s", "a")
    directory.report(B, {}, 59.0)
    assert directory.locate("s", 59.5) is not None
    assert directory.locate("s", 60.5) is None


def test_a_released_session_waits_for_another_edge(directory: Directory) -> None:
    directory.add("s", "a")
    directory.choose_keeper("s", "a", frozenset())
    directory.release("s", "a", 0.5)
    directory.leave("a")
    assert directory.claim("s", "c", 0.6) == Location(None, "node-b")
    directory.remove("s", "a")  # late news of the edge that had it
    assert directory.locate("s", 0.7) == Location("http://c", "node-b")


def test_checkpoints_are_kept_on_another_node_the_least_used(directory: Directory) -> None:
    for number in range(4):
        directory.add(f"s{number}", "a")
    kept = [directory.choose_keeper(f"s{n}", "a", frozenset()) for n in range(4)]
    assert sorted(kept, key=str) == ["node-b", "node-b", "node-c", "node-c"]
    directory.add("t", "a")
    assert directory.choose_keeper("t", "a", frozenset({"node-b"})) == "node-c"
    assert directory.choose_keeper("t", "a", frozenset({"node-b", "node-c"})) == "node-a"
    assert directory.choose_keeper("t", "b", frozenset()) is None, "only its edge asks"


def test_a_directory_that_starts_anew_learns_all_from_the_reports() -> None:
    directory = Directory(timeout=1.5, patience=60.0)
    assert not directory.report(A, None, 0.0).known
    directory.report(A, {"s": "node-b"}, 0.0)
    assert directory.report(A, None, 0.1).known
    assert directory.locate("s", 0.1) == Location("http://a", "node-b")


def test_a_secret_is_known_until_it_expires(directory: Directory) -> None:
    secret = SharedSecret("ek_1", "owner", "{}", expires=10.0)
    directory.share_secret(secret, 0.0)
    assert directory.secret("ek_1", 9.9) == secret
    assert directory.secret("ek_1", 10.0) is None
    assert directory.secret("ek_2", 0.0) is None


class Accounts:
    """Who has the session by its own account; the edges do what the registry tells them."""

    def __init__(self) -> None:
        self.directory = Directory(timeout=1.5, patience=60.0)
        self.holders = {"a"}
        self.directory.report(A, {}, 0.0)
        self.directory.add("s", "a")

    def report(self, edge: EdgeReport, now: float) -> None:
        mine: dict[str, str | None] = {"s": None} if edge.id in self.holders else {}
        if self.directory.report(edge, mine, now).moved:
            self.holders.discard(edge.id)

    def claim(self, edge: EdgeReport, now: float) -> None:
        there = edge in self.directory.edges(now)
        found = self.directory.claim("s", edge.id, now)
        if there and found is not None and found.url is None:
            self.holders.add(edge.id)

    def release(self, edge: EdgeReport, now: float) -> None:
        self.directory.release("s", edge.id, now)
        self.holders.discard(edge.id)

    def leave(self, edge: EdgeReport, now: float) -> None:
        del now
        self.directory.leave(edge.id)
        self.holders.discard(edge.id)


STEPS = st.tuples(
    st.sampled_from([Accounts.report, Accounts.claim, Accounts.release, Accounts.leave]),
    st.sampled_from([A, B, C]),
    st.sampled_from([0.1, 2.0]),
)


@given(st.lists(STEPS, max_size=30))
def test_an_edge_that_the_directory_names_has_the_session(steps: list[Any]) -> None:
    accounts, now = Accounts(), 0.0
    for step, edge, seconds in steps:
        now += seconds
        step(accounts, edge, now)
        located = accounts.directory.locate("s", now)
        if located is not None and located.url is not None:
            assert located.url.removeprefix("http://") in accounts.holders
