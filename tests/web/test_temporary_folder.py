import errno
import fcntl
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from models.errors import StoreError
from web.temporary_folder import (
    LOCK,
    PREFIX,
    default_parent,
    delete_abandoned,
    temporary_folder,
)


def test_a_temporary_folder_is_deleted_whatever_ends_its_block(tmp_path: Path) -> None:
    def use(error: BaseException) -> None:
        with temporary_folder(tmp_path / "new") as folder:
            (folder / "blocks").mkdir()
            (folder / "blocks" / "a").write_text("x")
            raise error

    for error in (ZeroDivisionError(), KeyboardInterrupt(), SystemExit()):
        with pytest.raises(type(error)):
            use(error)
    assert not list((tmp_path / "new").iterdir())


def test_what_a_killed_process_left_is_deleted_and_what_is_in_use_is_not(tmp_path: Path) -> None:
    left = tmp_path / f"{PREFIX}left"
    (left / "blocks").mkdir(parents=True)
    (left / LOCK).touch()
    (tmp_path / f"{PREFIX}not-locked-yet").mkdir()
    (tmp_path / f"{PREFIX}not-ours").mkdir()
    (tmp_path / f"{PREFIX}not-ours" / "file").touch()
    (tmp_path / f"{PREFIX}link").symlink_to(left)
    (tmp_path / "other").mkdir()
    with temporary_folder(tmp_path) as used:
        gone = [left, tmp_path / f"{PREFIX}not-locked-yet"]
        assert sorted(delete_abandoned(tmp_path)) == gone
        assert used.is_dir()
        with (used / LOCK).open() as lock, pytest.raises(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [f"{PREFIX}link", f"{PREFIX}not-ours", "other"]


def test_a_deletion_that_was_killed_is_ended_by_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def kill(*_: object, **__: object) -> None:
        raise Killed

    for step in ("shutil.rmtree", "pathlib.Path.unlink", "pathlib.Path.rmdir"):
        with monkeypatch.context() as patched, suppress(Killed), temporary_folder(tmp_path) as used:
            (used / "blocks").mkdir()
            (used / "blocks" / "a").write_text("x")
            (used / "index").touch()
            patched.setattr(step, kill)
        assert delete_abandoned(tmp_path) == [used]
        assert not list(tmp_path.iterdir())


def test_a_folder_without_room_for_its_lock_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(StoreError, match="No space left"), temporary_folder(tmp_path):
        pass
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_made_is_an_error_that_says_what_to_set(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(StoreError, match="EYELINE_MEMORY_FOLDER"),
        temporary_folder(tmp_path / "file" / "inside"),
    ):
        pass


def test_large_files_go_to_a_disk_unless_the_system_names_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("web.temporary_folder.LARGE", tmp_path / "large")
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    assert default_parent() == Path("/tmp")
    (tmp_path / "large").mkdir()
    assert default_parent() == tmp_path / "large"
    with temporary_folder() as folder:
        assert folder.parent == tmp_path / "large"
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # as TMPDIR does
    assert default_parent() == tmp_path
