from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from web.access.keys.key_edit import add_key, revoke_key
from web.access.keys.key_file import KeyFileError, key_digest, read_keys, valid_keys
from web.access.keys.scopes import KeyScope

ANNA = f'hash = "sha256:{key_digest("anna").hex()}"'
BOB = f'hash = "sha256:{key_digest("bob").hex()}"'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.toml"


def test_a_key_is_added_with_its_fields_and_stored_nowhere(path: Path) -> None:
    key = add_key(
        path,
        "anna",
        {"scopes": [KeyScope.FILES, KeyScope.CHAT], "minutes": 1.5, "expires": date(2030, 1, 2)},
    )
    [found] = read_keys(path)
    assert found.key.digest == key_digest(key)
    assert found.key.scopes == {KeyScope.FILES, KeyScope.CHAT}
    assert found.key.limits.minutes == 1.5
    assert found.key.expires is not None
    assert key not in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_what_an_operator_wrote_stays(path: Path) -> None:
    path.write_text(f"# ours\n\n[anna]   # laptop\n{ANNA}\n# the end", encoding="utf-8")
    path.chmod(0o640)
    before = path.read_text()
    add_key(path, "bob", {})
    assert path.read_text().startswith(before)
    revoke_key(path, "anna")
    assert path.read_text().startswith(f"# ours\n\n[anna]   # laptop\nrevoked = true\n{ANNA}\n#")
    assert [each.name for each in valid_keys(read_keys(path))] == ["bob"]
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    "text",
    [
        f"[anna]\n{ANNA}\n[bob]\n{BOB}\n",
        f"[bob]\n{BOB}\n\n  [ 'anna' ]  # of hers\n{ANNA}",
        f'["anna"]\n{ANNA}\nrevoked = false\n[bob]\nrevoked = false\n{BOB}\n',
        f"[bob]\n{BOB}\nrevoked = true\n[anna]\n{ANNA}\n",
        f"[anna]\n{ANNA}\r\n[bob]\r\n{BOB}\r\n",
    ],
)
def test_one_key_is_revoked_and_no_other_however_the_file_is_written(path: Path, text: str) -> None:
    path.write_bytes(text.encode())
    before = {each.key.name: each for each in read_keys(path)}
    revoke_key(path, "anna")
    after = {each.key.name: each for each in read_keys(path)}
    assert after["anna"].revoked
    assert after["bob"] == before["bob"]
    with pytest.raises(KeyFileError, match="revoked already"):
        revoke_key(path, "anna")


def test_a_table_that_cannot_be_edited_is_left_to_the_operator(path: Path) -> None:
    text = f"anna = {{{ANNA}}}\n"
    path.write_text(text)
    with pytest.raises(KeyFileError, match="write `revoked = true` into its table"):
        revoke_key(path, "anna")
    assert path.read_text() == text


def test_names_that_are_taken_unknown_or_malformed_change_nothing(path: Path) -> None:
    path.write_text(f"[anna]\n{ANNA}\n")
    for name in ("a b", "x]\n[y", ""):
        with pytest.raises(KeyFileError, match="expected a name"):
            add_key(path, name, {})
    for change in (
        lambda: add_key(path, "anna", {}),
        lambda: add_key(path, "bob", {"sessions": -1}),
        lambda: revoke_key(path, "bob"),
    ):
        with pytest.raises(KeyFileError, match=str(path)):
            change()
    assert path.read_text() == f"[anna]\n{ANNA}\n"


def test_a_broken_file_is_not_touched(path: Path) -> None:
    path.write_text("[anna")
    for change in (lambda: add_key(path, "bob", {}), lambda: revoke_key(path, "anna")):
        with pytest.raises(KeyFileError, match="not TOML"):
            change()
    assert path.read_text() == "[anna"
    with pytest.raises(KeyFileError, match="no such folder"):
        add_key(path.parent / "none" / "keys.toml", "anna", {})


def test_an_edit_that_fails_leaves_the_file_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_key(path, "anna", {})
    before = path.read_text()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        add_key(path, "bob", {})
    assert path.read_text() == before
    assert {each.name for each in path.parent.iterdir()} == {"keys.toml", ".keys.toml.lock"}


def test_a_link_stays_a_link(path: Path) -> None:
    target = path.with_name("target.toml")
    target.write_text(f"[anna]\n{ANNA}\n")
    path.symlink_to(target)
    revoke_key(path, "anna")
    assert path.is_symlink()
    assert read_keys(target)[0].revoked


@given(names=st.lists(st.from_regex(r"[a-z0-9_-]{1,5}", fullmatch=True), unique=True, min_size=1))
def test_keys_that_were_added_are_valid_until_they_are_revoked(
    tmp_path_factory: pytest.TempPathFactory, names: list[str]
) -> None:
    path = tmp_path_factory.mktemp("keys") / "keys.toml"
    digests = {name: key_digest(add_key(path, name, {})) for name in names}
    for name in names:
        assert {each.name: each.digest for each in valid_keys(read_keys(path))} == digests
        revoke_key(path, name)
        del digests[name]
    assert valid_keys(read_keys(path)) == ()
