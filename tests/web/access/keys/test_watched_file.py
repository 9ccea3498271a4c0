import errno
import os
from pathlib import Path

import pytest

from web.access.keys.key_edit import add_key, revoke_key
from web.access.keys.key_file import KeyFileError
from web.access.keys.watched_file import WatchedKeyFile


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "keys.toml"
    add_key(path, "anna", {})
    return path


def polled(file: WatchedKeyFile) -> list[str] | None:
    """Return the names of two polls, which see a change for the first and the second time."""
    assert file.poll() is None
    keys = file.poll()
    assert file.poll() is None, "said once"
    return None if keys is None else [each.name for each in keys]


def test_a_change_is_told_once_it_has_lasted(path: Path) -> None:
    file = WatchedKeyFile(path)
    assert [each.name for each in file.load()] == ["anna"]
    assert polled(file) is None
    add_key(path, "bob", {})
    assert polled(file) == ["anna", "bob"]
    revoke_key(path, "anna")
    assert polled(file) == ["bob"]


def test_a_file_that_is_being_written_is_not_read(path: Path) -> None:
    file = WatchedKeyFile(path)
    file.load()
    text = path.read_text()
    path.write_text("")
    assert file.poll() is None
    path.write_text(text + "# changed\n")
    assert file.poll() is None
    assert file.poll() is not None


@pytest.mark.parametrize("change", ["broken", "empty", "deleted"])
def test_a_file_that_cannot_be_used_is_said_once_a_change(path: Path, change: str) -> None:
    file = WatchedKeyFile(path)
    file.load()
    text = path.read_text()
    if change == "deleted":
        path.unlink()
    else:
        path.write_text("[anna" if change == "broken" else "# nothing\n")
    assert file.poll() is None
    with pytest.raises(KeyFileError, match=str(path)):
        file.poll()
    assert file.poll() is None
    path.write_text(text)
    assert polled(file) == ["anna"]


def test_a_file_that_cannot_be_opened_now_is_read_once_it_can(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A key that was revoked while the process had no descriptors must not stay valid."""

    def exhausted(path: Path, *_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files", str(path))

    add_key(path, "bob", {})
    file = WatchedKeyFile(path)
    file.load()
    revoke_key(path, "anna")
    assert file.poll() is None
    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", exhausted)
        for _ in range(2):
            with pytest.raises(KeyFileError, match="Too many open files"):
                file.poll()
    keys = file.poll()
    assert keys is not None
    assert [each.name for each in keys] == ["bob"]
    assert file.poll() is None


def test_the_same_size_and_time_of_another_file_is_a_change(path: Path) -> None:
    file = WatchedKeyFile(path)
    file.load()
    before = path.stat()
    other = path.with_name("other.toml")
    other.write_text(path.read_text().replace("anna", "anne"))
    os.utime(other, ns=(before.st_atime_ns, before.st_mtime_ns))
    other.replace(path)
    assert polled(file) == ["anne"]
