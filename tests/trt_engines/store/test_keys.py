"""What changes the key of an engine, and what does not."""

import dataclasses
from functools import partial
from pathlib import Path

import pytest

from models.engine import DimensionRange, NetworkSource
from models.generation.small.loading import load
from tests.trt_engines.tiny_network import TinyAttention
from trt_engines.store.keys import _file, _read, code_digest, digest, ingredients


def key(source: NetworkSource, **versions: str) -> str:
    return digest(ingredients(source, **versions))


def tiny() -> NetworkSource:
    return NetworkSource(spec=TinyAttention().spec, weights="0", build=TinyAttention)


def test_the_same_network_has_the_same_key() -> None:
    assert key(tiny(), torch="2") == key(tiny(), torch="2")
    seeded = dataclasses.replace(tiny(), build=partial(TinyAttention, seed=0))
    assert key(seeded) == key(tiny())


def test_weights_a_profile_a_type_and_a_version_are_parts_of_the_key() -> None:
    source = tiny()
    spec = source.spec
    longer = ({**spec.profiles[0], "batch": DimensionRange(1, 2, 9)},)
    keys = {
        key(source),
        key(source, torch="2"),
        key(source, torch="3"),
        key(dataclasses.replace(source, weights="1")),
        key(dataclasses.replace(source, spec=dataclasses.replace(spec, profiles=longer))),
        key(dataclasses.replace(source, spec=dataclasses.replace(spec, outputs=spec.inputs[:1]))),
    }
    assert len(keys) == 6


def test_the_source_code_that_builds_a_network_is_a_part_of_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module imports a second, and that a third: a change of any makes another key."""
    monkeypatch.setattr("models.__path__", [str(tmp_path)])
    (tmp_path / "layers").mkdir()
    (tmp_path / "layers" / "__init__.py").touch()

    def digest_with(third: str) -> str:
        (tmp_path / "first.py").write_text("from models.layers import second\nimport torch\n")
        (tmp_path / "layers" / "second.py").write_text("def f():\n    import models.third as t\n")
        (tmp_path / "third.py").write_text(third)
        _read.cache_clear()
        monkeypatch.setattr("trt_engines.store.keys._source_of", lambda _: tmp_path / "first.py")
        return code_digest(TinyAttention)

    assert digest_with("x = 1") == digest_with("x = 1")
    assert digest_with("x = 1") != digest_with("x = 2")
    _read.cache_clear()


def test_modules_are_found_as_far_as_they_are_imported() -> None:
    """The samplers import the network, in another folder; nothing there trains."""
    assert _file("models.weights.fetch") is None  # what it fetches is in the key
    loader = _file("models.generation.small.loading")
    assert loader is not None
    waiting, seen = [loader], set[Path]()
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _read(path)[1]
    names = {path.name for path in seen}
    assert {"loading.py", "dit.py", "codec.py", "rotary.py", "errors.py"} <= names
    assert "train_dit.py" not in names
    assert code_digest(load) == code_digest(partial(load))
