"""The loader of engines: exported once, then stored; damage, and an exporter that dies."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from models.engine import Engine, ExportableNetwork, NetworkSource, TorchEngine
from models.errors import EngineError
from tests.full_disk import files_of_at_most
from tests.trt_engines.tiny_network import TinyAttention
from trt_engines.choice import Backend, choose
from trt_engines.export import example_inputs
from trt_engines.loading import StoredEngines
from trt_engines.store.folder import EngineFolder
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore

pytestmark = pytest.mark.slow


def source(build: Callable[[], ExportableNetwork] = TinyAttention) -> NetworkSource:
    return NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=build)


Loader = Callable[..., StoredEngines]


@pytest.fixture(scope="session")
def loader(maker: Maker) -> Loader:
    """Return a function from a folder to a loader of engines."""

    def made(folder: Path, backend: Backend = "onnxruntime") -> StoredEngines:
        return StoredEngines(EngineStore(EngineFolder(folder), maker), choose(backend, "cpu"))

    return made


def not_built() -> ExportableNetwork:
    pytest.fail("the network was built")


def same_code(build: Callable[[], ExportableNetwork]) -> Callable[[], ExportableNetwork]:
    """Return `build` as if it were in the module of the network, so that its key is the same."""
    build.__module__ = TinyAttention.__module__
    return build


def outputs(engine: Engine) -> Tensor:
    spec = engine.spec
    names = [each.name for each in spec.inputs]
    made = example_inputs(spec, torch.Generator().manual_seed(1))
    return engine.run(dict(zip(names, made, strict=False)), engine.new_state(batch=2))["y"]


@pytest.fixture(scope="module")
def made(loader: Loader, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the tiny network."""
    folder = tmp_path_factory.mktemp("engines")
    load_engine = loader(folder)
    load_engine(source())
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    copy = tmp_path / "engines" / "tiny-attention"
    copy.mkdir(parents=True)
    for file in (made / "tiny-attention").iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    return copy.parent


def test_a_stored_engine_is_loaded_without_building_the_network(loader: Loader, made: Path) -> None:
    load_engine = loader(made)
    engine = load_engine(source(same_code(not_built)))
    assert load_engine.loaded[0].backend == engine.backend == "onnxruntime"
    assert torch.allclose(outputs(engine), outputs(TorchEngine(TinyAttention())), atol=1e-5)


def test_an_engine_for_later_is_made_now_and_loaded_when_it_first_runs(
    loader: Loader, made: Path
) -> None:
    load_engine = loader(made)
    engine = load_engine.later(source(same_code(not_built)))
    assert load_engine.loaded == []
    first, second = outputs(engine), outputs(engine)
    assert [each.name for each in load_engine.loaded] == ["tiny-attention"]
    assert torch.equal(first, second)
    assert torch.allclose(first, outputs(TorchEngine(TinyAttention())), atol=1e-5)


def test_in_torch_nothing_is_stored(loader: Loader, tmp_path: Path) -> None:
    load_engine = loader(tmp_path, "torch")
    assert load_engine(source()).backend == load_engine.loaded[0].backend == "torch"
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_byte_and_other_weights_make_it_again(loader: Loader, folder: Path) -> None:
    file = next(folder.glob("*/*.onnx"))
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    others = NetworkSource(
        spec=TinyAttention().spec, weights="seed 1", build=lambda: TinyAttention(seed=1)
    )
    load_engine = loader(folder)
    engine, other = load_engine(source()), load_engine(others)
    assert torch.allclose(outputs(engine), outputs(TorchEngine(TinyAttention())), atol=1e-5)
    assert torch.allclose(outputs(other), outputs(TorchEngine(TinyAttention(seed=1))), atol=1e-5)
    assert (file.parent / f"{file.name}.bad").read_bytes() == content
    assert file.read_bytes() != content
    assert len(list(folder.glob("*/*.onnx"))) == 2


def test_a_file_that_does_not_load_is_made_again_once(
    loader: Loader, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its checksum is right: the runtime does not read this version of the format."""
    store, file = EngineFolder(folder), next(folder.glob("*/*.onnx"))
    with store.scratch("tiny-attention", file.stem) as scratch:
        (scratch / file.name).write_bytes(b"another format")
        store.add("tiny-attention", file.stem, scratch, {})
    load_engine = loader(folder)
    assert load_engine(source()).backend == "onnxruntime"
    assert file.stat().st_size > 1000
    monkeypatch.setattr("trt_engines.loading.OrtEngine", unreadable)
    with pytest.raises(EngineError, match="cannot load"):
        load_engine(source())


def unreadable(*_given: object, **_named: object) -> Engine:
    raise EngineError("ONNX Runtime cannot load it")


def suffixes(folder: Path) -> list[str]:
    return [each.suffix for each in folder.rglob("*") if each.is_file()]


class Deadly(TinyAttention):
    """Ends the process that exports it, as the system does where memory runs out."""

    def forward(
        self, x: Tensor, start: Tensor, mask: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        os.kill(os.getpid(), signal.SIGKILL)
        return super().forward(x, start, mask, keys, values)


def test_a_killed_export_or_a_full_disk_is_an_error_and_leaves_nothing(
    loader: Loader, tmp_path: Path
) -> None:
    load_engine = loader(tmp_path)
    with pytest.raises(EngineError, match="was ended by signal 9"):
        load_engine(source(Deadly))
    assert set(suffixes(tmp_path)) <= {".lock"}
    with files_of_at_most(10_000), pytest.raises(EngineError, match="cannot be written"):
        load_engine(source())
    assert set(suffixes(tmp_path)) <= {".lock"}
    assert load_engine(source()).backend == "onnxruntime"  # in a new process


class Branching(TinyAttention):
    """Cannot be exported: it branches on a value."""

    def forward(
        self, x: Tensor, start: Tensor, mask: Tensor, keys: Tensor, values: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        if x.sum() > 0:
            start = start + 1
        return super().forward(x, start, mask, keys, values)


def test_what_cannot_be_exported_is_an_error(loader: Loader, tmp_path: Path) -> None:
    load_engine = loader(tmp_path)
    with pytest.raises(EngineError, match="tiny-attention cannot be exported"):
        load_engine(source(Branching))
    unpicklable = TinyAttention()
    unpicklable.register_forward_hook(lambda *_: None)
    with pytest.raises(EngineError, match="tiny-attention cannot be pickled"):
        load_engine(source(lambda: unpicklable))
