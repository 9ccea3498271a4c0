import pytest

from web.auth import Keys, bearer, from_subprotocols
from web.problems import ProblemError


def test_without_a_key_anybody_comes_in() -> None:
    assert Keys(None).admit(None, now=0) == {}
    assert Keys(None).admit("any", now=0) == {}


@pytest.mark.parametrize("given", [None, "", "sesame ", "SESAME", "ek_made_up"])
def test_with_a_key_nothing_else_opens(given: str | None) -> None:
    with pytest.raises(ProblemError) as refused:
        Keys("sesame").admit(given, now=0)
    assert refused.value.status == 401
    assert Keys("sesame").admit("sesame", now=0) == {}


def test_a_secret_opens_for_its_lifetime_and_brings_its_session() -> None:
    keys = Keys("sesame")
    secret = keys.mint({"instructions": "Be brief."}, now=10, lifetime=60)
    assert keys.admit(secret.value, now=69) == {"instructions": "Be brief."}
    with pytest.raises(ProblemError):
        keys.admit(secret.value, now=70)


@pytest.mark.parametrize(
    ("header", "key"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None), ("Bearer", None)],
)
def test_the_key_is_read_from_the_authorization_header(header: str, key: str | None) -> None:
    assert bearer({"authorization": header}) == key
    assert bearer({}) is None


def test_the_key_is_read_from_a_browser_s_subprotocols() -> None:
    assert from_subprotocols(["realtime", "openai-insecure-api-key.abc"]) == "abc"
    assert from_subprotocols(["realtime"]) is None
