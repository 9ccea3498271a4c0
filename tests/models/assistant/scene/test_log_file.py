"""The scene log in a folder, when the process or the disk gives out."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.scene.log_file import LOG_FILE, NEWEST_FILE, SceneLogFile
from models.assistant.scene.scene_log import LoggedEntry, to_line
from models.errors import StoreError
from tests.full_disk import files_of_at_most
from tests.models.assistant.scene.test_scene_log import entries

ENTRIES = entries([("cup", 0), ("dog", 1), ("ball", 0), ("clock", 2)])
CONTENT = "".join(f"{to_line(entry)}\n" for entry in ENTRIES[:3]).encode()


def reopened(folder: Path) -> tuple[list[str], LoggedEntry | None]:
    file = SceneLogFile(folder, durable=True)
    log, newest = file.read()
    file.close()
    return [to_line(entry) for entry in log.entries], newest


@given(st.integers(0, len(CONTENT)))
def test_a_log_cut_at_any_byte_loses_one_line_and_continues(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    folder = tmp_path_factory.mktemp("log")
    (folder / LOG_FILE).write_bytes(CONTENT[:cut])
    file = SceneLogFile(folder, durable=True)
    log, _ = file.read()
    assert len(log.entries) == CONTENT[:cut].count(b"\n")
    file.write(ENTRIES[3:], None)
    file.close()
    lines, _ = reopened(folder)
    assert lines == [*(to_line(entry) for entry in log.entries), to_line(ENTRIES[3])]


def test_entries_that_a_full_disk_refuses_are_written_later(tmp_path: Path) -> None:
    file = SceneLogFile(tmp_path, durable=True)
    file.write(ENTRIES[:1], ENTRIES[0])
    with files_of_at_most((tmp_path / LOG_FILE).stat().st_size + 10):
        file.write(ENTRIES[1:2], ENTRIES[1])
        assert "cannot be written" in file.error
        file.write(ENTRIES[2:3], ENTRIES[2])
        lines, newest = reopened(tmp_path)
        assert (len(lines), newest) == (1, None)
    file.write((), ENTRIES[3])
    assert not file.error
    file.close()
    lines, newest = reopened(tmp_path)
    assert len(lines) == 3
    assert newest is not None
    assert to_line(newest) == to_line(ENTRIES[3])


def test_the_newest_observation_is_kept_of_a_durable_log_alone(tmp_path: Path) -> None:
    file = SceneLogFile(tmp_path, durable=False)
    file.write(ENTRIES[:1], ENTRIES[1])
    file.close()
    assert not (tmp_path / NEWEST_FILE).exists()


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="cannot keep a memory there"):
        SceneLogFile(tmp_path / "missing", durable=True)
