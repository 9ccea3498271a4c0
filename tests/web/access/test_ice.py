"""ICE servers: credentials as coturn computes them, and none where none is set."""

import base64
import hashlib
import hmac
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from web.access.ice import ice_servers, mint
from web.config import Settings

NOW = 1_700_000_000


def settings(*, stun: tuple[str, ...] = (), turn: tuple[str, ...] = (), ttl: int = 600) -> Settings:
    return Settings(
        stun_urls=stun,
        turn_urls=turn,
        turn_secret=SecretStr("north") if turn else None,
        api_key=SecretStr("sesame") if turn else None,
        turn_ttl=ttl,
    )


def test_a_credential_is_the_one_that_openssl_computes() -> None:
    username, credential = mint("north", session="abc", expires=1_700_000_600)
    assert username == "1700000600:abc"
    result = subprocess.run(
        ["openssl", "dgst", "-sha1", "-hmac", "north", "-binary"],
        input=username.encode(),
        capture_output=True,
        check=True,
    )
    assert base64.b64decode(credential) == result.stdout


def test_a_credential_is_the_known_one() -> None:
    # printf %s 1433065916:ninefingers | openssl dgst -sha1 -hmac north -binary | base64
    assert mint("north", session="ninefingers", expires=1_433_065_916) == (
        "1433065916:ninefingers",
        "SDuA3OErhfGFaxmFHH7fTICexdg=",
    )


@given(secret=st.text(min_size=1), session=st.text(min_size=1).filter(lambda s: ":" not in s))
def test_a_credential_verifies_with_the_secret_and_no_other(secret: str, session: str) -> None:
    username, credential = mint(secret, session=session, expires=1)
    expected = hmac.digest(secret.encode(), username.encode(), hashlib.sha1)
    assert hmac.compare_digest(base64.b64decode(credential), expected)
    assert mint(secret + "x", session=session, expires=1)[1] != credential


def test_a_session_name_with_a_colon_is_refused_because_it_would_change_the_expiry() -> None:
    with pytest.raises(ValueError, match="without a colon"):
        mint("north", session="9:abc", expires=1)


def test_servers_are_offered_in_the_shape_of_a_browsers_configuration() -> None:
    found = ice_servers(
        settings(stun=("stun:here:3478",), turn=("turn:here:3478?transport=udp", "turns:here:443")),
        session="s1",
        expires=NOW + 600,
    )
    stun, turn = (server.as_json() for server in found)
    assert stun == {"urls": ["stun:here:3478"]}
    assert turn["urls"] == ["turn:here:3478?transport=udp", "turns:here:443"]
    assert turn["username"] == "1700000600:s1"
    assert turn["credential"] == mint("north", session="s1", expires=1_700_000_600)[1]


def test_two_sessions_get_two_credentials() -> None:
    ours = settings(turn=("turn:here:3478",))
    first, second = (ice_servers(ours, session=name, expires=NOW + 600)[0] for name in ("a", "b"))
    assert (first.username, first.credential) != (second.username, second.credential)


def test_without_settings_no_server_is_offered() -> None:
    assert ice_servers(settings(), session="s1", expires=NOW + 600) == []
