from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.access.keys.key_file import (
    KeyFileError,
    key_digest,
    new_key,
    parse_keys,
    read_keys,
    valid_keys,
)
from web.access.keys.scopes import USUAL_SCOPES, KeyScope

HASH = f"sha256:{key_digest('x').hex()}"
LINE = f'hash = "{HASH}"\n'


def test_a_table_is_a_key() -> None:
    [found] = parse_keys(
        f"# of Anna's laptop\n[anna]\n{LINE}scopes = ['sessions', 'watch']\nsessions = 2\n"
        "minutes = 90.5\nrequests = 60\nfile_minutes = 0\nexpires = 2030-02-28\n"
    )
    key = found.key
    assert (key.name, key.digest, found.revoked) == ("anna", key_digest("x"), False)
    assert key.scopes == {KeyScope.SESSIONS, KeyScope.WATCH}
    limits = key.limits
    assert (limits.sessions, limits.minutes, limits.file_minutes, limits.requests) == (
        *(2, 90.5),
        *(0, 60),
    )
    assert key.expires == datetime(2030, 2, 28, 23, 59, 59, 999999, tzinfo=UTC)


def test_a_key_without_scopes_has_the_usual_ones_and_one_with_none_has_none() -> None:
    other = LINE.replace("sha256:", "sha256:")[:-3] + '0"\n'
    usual, none = parse_keys(f"[a]\n{LINE}[b]\n{other}scopes = []\n")
    assert usual.key.scopes == USUAL_SCOPES
    assert none.key.scopes == set()


def test_a_revoked_key_is_listed_and_not_valid() -> None:
    listed = parse_keys(f"[a]\n{LINE}revoked = true\n")
    assert [each.key.name for each in listed] == ["a"]
    assert valid_keys(listed) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[anna", "not TOML"),
        ("[anna]\n[anna]\n", "not TOML"),
        ("anna = 1", "expected a table"),
        ("[[anna]]\n", "expected a table"),
        ('["a b"]\n', "expected a name"),
        (f"[EYELINE_API_KEY]\n{LINE}", "expected a name"),
        (f"[anybody]\n{LINE}", "expected a name"),
        (f'[""]\n{LINE}', "expected a name"),
        ("[anna]\n", "hash: Field required"),
        ('[anna]\nhash = "eyl_abc"\n', "expected sha256: and 64"),
        (f"[anna]\n{LINE.upper()}", "hash: Field required"),
        (f"[anna]\n{LINE}scopes = ['session']", "expected scopes of sessions, watch"),
        (f"[anna]\n{LINE}scopes = 'sessions'", "scopes: "),
        (f"[anna]\n{LINE}session = 1", "session is not known: expected hash, scopes"),
        (f"[anna]\n{LINE}sessions = -1", "sessions: "),
        (f"[anna]\n{LINE}sessions = '1'", "sessions: "),
        (f"[anna]\n{LINE}sessions = true", "sessions: "),
        (f"[anna]\n{LINE}minutes = nan", "minutes: "),
        (f"[anna]\n{LINE}minutes = inf", "minutes: Input should be a finite number"),
        (f"[anna]\n{LINE}file_minutes = 1e999", "file_minutes: Input should be a finite number"),
        (f"[anna]\n{LINE}requests = 0", "requests: "),
        (f"[anna]\n{LINE}expires = 'tomorrow'", "expires: "),
        (f"[anna]\n{LINE}revoked = 'no'", "revoked: "),
        (f"[anna]\n{LINE}[bob]\n{LINE}", "[bob] has the hash of [anna]"),
        ("[keys.anna]\n" + LINE, "[keys] hash: Field required"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, expected: str) -> None:
    with pytest.raises(KeyFileError) as error:
        parse_keys(text)
    assert expected in str(error.value)
    assert "eyl_abc" not in str(error.value)


@given(text=st.text(max_size=60))
def test_any_text_is_keys_or_an_error(text: str) -> None:
    try:
        parse_keys(text)
    except KeyFileError:
        return
    assert not text.strip() or text.strip().startswith(("#", "["))


@pytest.mark.parametrize("content", [b"\xff", b"[a", None, b"#" * (4 * 1024 * 1024 + 1)], ids=str)
def test_an_error_names_the_file(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "keys.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(KeyFileError, match=str(path)):
        read_keys(path)


def test_new_keys_differ_and_fit_a_header_a_subprotocol_and_a_shell() -> None:
    made = {new_key() for _ in range(100)}
    assert len(made) == 100
    assert all(key.replace("-", "").replace("_", "").isalnum() and len(key) > 40 for key in made)
