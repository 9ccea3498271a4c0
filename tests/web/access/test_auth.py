import pytest

from web.access.auth import Caller, Keys, bearer_token, subprotocol_key
from web.problems import ProblemError


def test_without_a_key_anybody_comes_in() -> None:
    assert Keys(None).authenticate(None, now=0) == Caller()
    assert Keys(None).authenticate("any", now=0) == Caller()


@pytest.mark.parametrize("given", [None, "", "sesame ", "SESAME", "ek_made_up", "sésame"])
def test_with_a_key_nothing_else_opens(given: str | None) -> None:
    with pytest.raises(ProblemError) as refused:
        Keys("sesame").authenticate(given, now=0)
    assert refused.value.status == 401
    assert Keys("sesame").authenticate("sesame", now=0) == Caller()


def test_a_secret_opens_for_its_lifetime_and_brings_its_session() -> None:
    keys = Keys("sesame")
    secret = keys.mint({"instructions": "Be brief."}, now=10, lifetime=60)
    caller = keys.authenticate(secret.value, now=69)
    assert caller.session == {"instructions": "Be brief."}
    with pytest.raises(ProblemError):
        keys.authenticate(secret.value, now=70)


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", None)],
)
def test_the_key_is_read_from_the_authorization_header(header: str, key: str | None) -> None:
    assert bearer_token({"authorization": header}) == key
    assert bearer_token({}) is None


def test_the_key_is_read_from_a_browser_s_subprotocols() -> None:
    assert subprotocol_key(["realtime", "openai-insecure-api-key.abc"]) == "abc"
    assert subprotocol_key(["realtime"]) is None


def test_a_secret_reaches_what_it_opened_and_the_key_reaches_all() -> None:
    keys = Keys("sesame")
    one, other = (Caller(keys.mint({}, now=0, lifetime=60)) for _ in range(2))
    assert one.reaches(one.owner)
    assert not one.reaches(other.owner)
    assert not one.reaches(None)
    for owner in (one.owner, other.owner, None):
        assert Caller().reaches(owner)


def test_the_name_of_an_owner_does_not_give_its_secret_away() -> None:
    secret = Keys(None).mint({}, now=0, lifetime=60)
    assert secret.value[3:] not in secret.owner
    assert secret.owner[7:] not in secret.value
