"""Engines in a folder: damaged, half written, made twice at once, on a full disk."""

import json
import multiprocessing
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.errors import EngineError
from tests.full_disk import files_of_at_most
from trt_engines.store.folder import SCRATCH, EngineFolder

KEY = "0" * 64
CONTENT = bytes(range(256)) * 40


def add(store: EngineFolder, content: bytes = CONTENT, *, data: bytes | None = None) -> Path:
    with store.lock("tiny", KEY, pytest.fail), store.scratch("tiny", KEY) as scratch:
        (scratch / f"{KEY}.onnx").write_bytes(content)
        if data is not None:
            (scratch / f"{KEY}.onnx.data").write_bytes(data)
        return store.add("tiny", KEY, scratch, {"made_from": {}}).file


@pytest.fixture
def store(tmp_path: Path) -> EngineFolder:
    return EngineFolder(tmp_path / "engines")


def test_what_was_added_is_found(store: EngineFolder) -> None:
    assert store.find("tiny", KEY) is None
    file = add(store, data=b"weights")
    found = store.find("tiny", KEY)
    assert found is not None
    assert found.file == file
    assert file.read_bytes() == CONTENT
    assert found.size == len(CONTENT) + len(b"weights")
    assert [each.key for each in store.engines()] == [KEY]
    assert not [each for each in file.parent.iterdir() if each.name.startswith(".")]


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


@pytest.mark.parametrize("suffix", ["onnx", "onnx.data", "json"])
@pytest.mark.parametrize("damage", [flip, cut, Path.unlink])
def test_a_damaged_engine_is_set_aside(
    store: EngineFolder, suffix: str, damage: Callable[[Path], Any]
) -> None:
    folder = add(store, data=b"weights").parent
    damage(folder / f"{KEY}.{suffix}")
    assert store.find("tiny", KEY) is None
    if (suffix, damage) != ("json", Path.unlink):
        assert not list(folder.glob(f"{KEY}.onnx*[!d]"))
        assert (folder / f"{KEY}.json.bad").exists() or suffix == "json"
    add(store, data=b"weights")
    assert store.find("tiny", KEY) is not None


def test_without_its_json_file_an_engine_is_not_complete(store: EngineFolder) -> None:
    """So it is after a loss of power between the two."""
    folder = add(store).parent
    (folder / f"{KEY}.json").unlink()
    assert store.find("tiny", KEY) is None
    assert list(store.engines()) == []


def test_what_a_killed_process_left_of_an_engine_is_deleted_when_it_is_made(
    store: EngineFolder,
) -> None:
    left = store.home / "tiny" / f"{SCRATCH}{KEY}-x"
    of_another = store.home / "tiny" / f"{SCRATCH}{'e' * 64}-x"
    for folder in (left, of_another):
        folder.mkdir(parents=True)
        (folder / "half.onnx").touch()
    add(store)
    assert not left.exists()
    assert of_another.exists()  # another process may make it now


def test_a_full_disk_leaves_nothing_that_looks_complete(store: EngineFolder) -> None:
    with store.lock("tiny", KEY, pytest.fail), store.scratch("tiny", KEY) as scratch:
        (scratch / f"{KEY}.onnx").write_bytes(CONTENT)
        with files_of_at_most(100), pytest.raises(EngineError, match="cannot be written"):
            store.add("tiny", KEY, scratch, {"made_from": "x" * 200})
    assert store.find("tiny", KEY) is None
    left = [each.suffix for each in (store.home / "tiny").iterdir()]
    assert set(left) <= {".lock"}
    add(store)


def test_a_folder_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(EngineError, match="cannot be written"):
        add(EngineFolder(tmp_path / "file"))


def test_a_name_stays_in_the_folder(store: EngineFolder) -> None:
    with pytest.raises(EngineError, match="cannot be named"):
        store.find("../elsewhere", KEY)


def make(home: Path, made: "multiprocessing.Queue[str]") -> None:
    store = EngineFolder(home)
    with store.lock("tiny", KEY, lambda: made.put("waited")):
        if store.find("tiny", KEY) is None:
            with store.scratch("tiny", KEY) as scratch:
                (scratch / f"{KEY}.onnx").write_bytes(CONTENT)
                store.add("tiny", KEY, scratch, {})
            made.put("made")
        else:
            made.put("found")


@pytest.mark.slow
def test_an_engine_is_made_once_by_two_processes(store: EngineFolder) -> None:
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.Queue[str] = context.Queue()
    with store.lock("tiny", KEY, pytest.fail):
        both = [context.Process(target=make, args=(store.home, told)) for _ in range(2)]
        for process in both:
            process.start()
        assert [told.get(), told.get()] == ["waited", "waited"]
    assert sorted([told.get(), told.get()]) == ["found", "made"]
    for process in both:
        process.join()


def test_the_json_file_has_size_and_checksum(store: EngineFolder) -> None:
    details = json.loads(add(store).with_suffix(".json").read_text())
    assert details["files"][f"{KEY}.onnx"]["size"] == len(CONTENT)
    assert len(details["files"][f"{KEY}.onnx"]["sha256"]) == 64
