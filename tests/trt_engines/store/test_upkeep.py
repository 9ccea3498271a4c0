"""Verifying and cleaning a folder of engines, while others use it."""

from pathlib import Path
from typing import Any

import pytest

from trt_engines.store.folder import EngineFolder
from trt_engines.store.making import exporter_versions
from trt_engines.store.upkeep import clean, current_versions, outdated, verify

USEFUL, OLD, FOREIGN, LATER = ("a" * 64, "b" * 64, "c" * 64, "d" * 64)


def add(store: EngineFolder, key: str, made_from: dict[str, Any]) -> Path:
    with store.scratch("tiny", key) as scratch:
        (scratch / f"{key}.onnx").write_bytes(b"network")
        return store.add("tiny", key, scratch, {"made_from": made_from}).file


@pytest.fixture
def store(tmp_path: Path) -> EngineFolder:
    made = EngineFolder(tmp_path / "engines")
    add(made, USEFUL, exporter_versions())
    add(made, OLD, {**exporter_versions(), "torch": "1.0"})
    add(made, FOREIGN, {**exporter_versions(), "library": "tensorrt 1.0", "target": "sm90"})
    return made


def names(store: EngineFolder) -> set[str]:
    return {each.name for each in (store.home / "tiny").iterdir()}


def test_engines_of_other_versions_are_outdated(store: EngineFolder) -> None:
    found = {each.key: outdated(each, current_versions()) for each in store.engines()}
    assert found[USEFUL] == ""
    assert found[OLD].startswith("made with torch 1.0, here is")
    assert found[FOREIGN] == "compiled by tensorrt 1.0, which is not here"


def test_damage_is_named(store: EngineFolder) -> None:
    file = store.home / "tiny" / f"{OLD}.onnx"
    file.write_bytes(b"netwerk")
    found = {sidecar.stem: problem for sidecar, problem in verify(store)}
    assert found[USEFUL] == ""
    assert "checksum differs" in found[OLD]
    assert file.exists()


def test_cleaning_leaves_what_is_useful(store: EngineFolder) -> None:
    home = store.home / "tiny"
    (home / f"{LATER}.onnx").touch()  # its JSON file was never written
    (home / f"{USEFUL}.onnx.bad").touch()
    (home / ".making-x").mkdir()
    deleted = {each.name for each in clean(store, everything=False)}
    assert names(store) == {f"{USEFUL}.onnx", f"{USEFUL}.json"}
    assert {f"{OLD}.json", f"{FOREIGN}.onnx", f"{LATER}.onnx", ".making-x"} <= deleted


def test_what_is_being_made_is_left_alone(store: EngineFolder) -> None:
    with store.lock("tiny", LATER, pytest.fail), store.scratch("tiny", LATER) as scratch:
        (scratch / "part").touch()
        list(clean(store, everything=False))
        assert (scratch / "part").exists()
        assert f"{LATER}.lock" in names(store)
    list(clean(store, everything=True))
    assert not (store.home / "tiny").exists()
