"""Who makes very many things costs others none."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from web.access.auth import Caller, ClientSecret
from web.access.keys.fair_share import fair_share
from web.access.keys.scopes import ApiKey

Thing = tuple[int, str, str]  # number in order of age, key, client secret


def whose(thing: Thing) -> Caller:
    _, key, secret = thing
    made = ApiKey(key, b"")
    return Caller(made, ClientSecret("", secret, 0.0, "{}", made) if secret else None)


def things(owners: list[tuple[str, str]]) -> list[Thing]:
    return [(number, *owner) for number, owner in enumerate(owners)]


def test_who_makes_very_many_costs_others_none() -> None:
    quiet, loud = ("anna", ""), ("bob", "secret_1")
    kept = fair_share(things([quiet, ("bob", "secret_2"), *[loud] * 20]), 5, whose)
    assert [each[0] for each in kept] == [0, 1, 19, 20, 21]


def test_a_key_with_many_client_secrets_has_no_more_than_another() -> None:
    many = [("bob", f"secret_{number}") for number in range(20)]
    kept = fair_share(things([("anna", ""), ("anna", ""), *many]), 4, whose)
    assert Counter(each[1] for each in kept) == {"anna": 2, "bob": 2}


OWNERS = st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x", "y"])), max_size=30)


@given(owners=OWNERS, limit=st.integers(0, 12))
def test_as_many_as_may_be_are_kept_in_order_and_of_each_the_newest(
    owners: list[tuple[str, str]], limit: int
) -> None:
    all_of_them = things(owners)
    kept = fair_share(all_of_them, limit, whose)
    assert len(kept) == min(limit, len(all_of_them))
    assert kept == sorted(kept)
    for owner in set(owners):
        mine = [each for each in all_of_them if each[1:] == owner]
        left = [each for each in kept if each[1:] == owner]
        assert left == mine[len(mine) - len(left) :]
