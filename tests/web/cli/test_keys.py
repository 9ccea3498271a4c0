from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from web.access.keys.key_file import key_digest, parse_keys, read_keys, valid_keys
from web.access.keys.scopes import USUAL_SCOPES, KeyScope
from web.cli.keys import table
from web.cli.main import main


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "keys.toml"
    monkeypatch.setenv("EYELINE_KEYS", str(path))
    return path


def test_a_key_is_added_printed_once_and_revoked(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = ("--sessions", "2", "--minutes", "90", "--requests", "60", "--file-minutes", "5")
    given = ("--scopes", "watch, files", *limits, "--expires", "2999-12-31")
    assert main(["keys", "add", "anna", *given]) == 0
    key = capsys.readouterr().out.strip()
    [found] = valid_keys(read_keys(path))
    assert found.digest == key_digest(key)
    assert found.scopes == {KeyScope.WATCH, KeyScope.FILES}
    assert main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert "anna  until 2999-12-31" in listed
    assert "watch,files  sessions=2,minutes=90,file_minutes=5,requests=60" in listed
    assert key not in listed
    assert main(["keys", "revoke", "anna"]) == 0
    assert valid_keys(read_keys(path)) == ()


def test_a_file_may_be_named_instead_and_the_service_need_not_have_one(
    path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = path.with_name("other.toml")
    assert main(["keys", "--file", str(other), "add", "bob"]) == 0
    assert main(["keys", "add", "carl", "--file", str(other), "--file-minutes", "5"]) == 0
    assert main(["keys", "revoke", "carl", "--file", str(other)]) == 0
    with pytest.raises(SystemExit):  # an option that is cut short may be another
        main(["keys", "add", "dora", "--file-min", "5"])
    assert [each.scopes for each in valid_keys(read_keys(other))] == [USUAL_SCOPES]
    assert not path.exists()
    assert main(["keys", "list"]) == 2
    assert f"{path}: No such file or directory: make it with" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["add", "a b"], "expected a name"),
        (["add", "anna", "--sessions", "-1"], "not changed: [anna] sessions: "),
        (["add", "anna", "--minutes", "nan"], "not changed: [anna] minutes: "),
        (["revoke", "nobody"], "no key is named 'nobody': expected one of bob"),
    ],
)
def test_what_is_wrong_is_one_line(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: str
) -> None:
    main(["keys", "add", "bob"])
    before = path.read_text()
    capsys.readouterr()
    assert main(["keys", *arguments]) == 2
    printed = capsys.readouterr()
    assert expected in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""
    assert path.read_text() == before


@pytest.mark.parametrize("arguments", [["--scopes", "nothing"], ["--expires", "soon"]])
def test_arguments_are_checked(
    path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["keys", "add", "anna", *arguments])
    assert f"expected {'scopes of' if 'scopes' in arguments[0] else 'a day'}" in (
        capsys.readouterr().err
    )
    assert not path.exists()


def test_without_a_file_the_command_says_how_to_name_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("EYELINE_KEYS", raising=False)
    assert main(["keys", "list"]) == 2
    assert "EYELINE_KEYS" in capsys.readouterr().err


def test_the_table_tells_states_apart() -> None:
    now = datetime(2030, 5, 1, tzinfo=UTC)
    text = ""
    for name, field in (
        ("a", ""),
        ("b", "revoked = true"),
        ("c", f"expires = {(now - timedelta(days=1)).date()}"),
        ("d", f"expires = {now.date()}\nscopes = []"),
    ):
        text += f'[{name}]\nhash = "sha256:{key_digest(name).hex()}"\n{field}\n'
    lines = table(parse_keys(text), now).splitlines()
    assert [line.split()[1] for line in lines] == ["STATE", "valid", "revoked", "expired", "until"]
    assert lines[4].split()[-2:] == ["-", "-"]
