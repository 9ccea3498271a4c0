"""TensorRT-RTX builds engines without a GPU; what they run like needs one."""

import dataclasses
from pathlib import Path

import pytest
import torch

from models.engine import EngineSpec, NetworkSource
from models.errors import EngineError
from tests.trt_engines.tiny_network import SLOTS, WIDTH, TinyAttention
from trt_engines.backends.tensorrt import TensorRtEngine
from trt_engines.backends.tensorrt_building import (
    aliases,
    build_profiles,
    check_network,
    parse,
)
from trt_engines.backends.tensorrt_library import targets_of
from trt_engines.choice import choose
from trt_engines.store.folder import EngineFolder
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore

pytestmark = pytest.mark.slow
trt = pytest.importorskip("tensorrt_rtx", reason="./eyeline install test,rtx")
SOURCE = NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=TinyAttention)
Told = list[tuple[str, str, int, int]]


@pytest.fixture(scope="module")
def told() -> Told:
    return []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory, maker: Maker, told: Told) -> EngineStore:
    folder = EngineFolder(tmp_path_factory.mktemp("engines"))
    made = EngineStore(folder, maker, lambda *each: told.append(each))
    made.compiled(SOURCE, "tensorrt_rtx", "sm89")
    return made


def test_an_engine_is_built_with_progress_and_found_again(store: EngineStore, told: Told) -> None:
    phases = list(dict.fromkeys(phase for _, phase, _, _ in told))
    assert phases.index("exporting") < phases.index("parsing")
    assert any(phase.startswith("compiling") for phase in phases)
    assert any(0 < done == total for _, phase, done, total in told if "compiling" in phase)
    told.clear()
    found = store.compiled(SOURCE, "tensorrt_rtx", "sm89")
    assert told == []
    assert found.file.suffix == ".engine"
    assert found.details["made_from"]["target"] == "sm89"
    assert found.details["made_from"]["library"] == f"tensorrt_rtx {trt.__version__}"


def test_another_target_is_another_engine_of_the_same_file(store: EngineStore, told: Told) -> None:
    other = store.compiled(SOURCE, "tensorrt_rtx", "sm120")
    assert other.key != store.compiled(SOURCE, "tensorrt_rtx", "sm89").key
    assert "exporting" not in {phase for _, phase, _, _ in told}
    assert "sm120" in targets_of("tensorrt_rtx")


def test_the_network_has_the_tensors_profiles_and_aliases_of_its_spec(store: EngineStore) -> None:
    builder, network, _parser = parse("tensorrt_rtx", SOURCE.spec, store.onnx(SOURCE).file)
    check_network(trt, network, SOURCE.spec)
    assert aliases(trt, network) == {"keys.next": "keys", "values.next": "values"}
    (profile,) = build_profiles(builder, SOURCE.spec)
    shapes = {
        name: [tuple(size) for size in profile.get_shape(name)] for name in ("x", "mask", "keys")
    }
    assert shapes == {
        "x": [(1, 1, WIDTH), (2, 4, WIDTH), (8, 16, WIDTH)],
        "mask": [(1, 1, 1, SLOTS), (2, 1, 4, SLOTS), (8, 1, 16, SLOTS)],
        "keys": [(1, 2, SLOTS, 16), (2, 2, SLOTS, 16), (8, 2, SLOTS, 16)],
    }


def renamed(spec: EngineSpec) -> EngineSpec:
    first = dataclasses.replace(spec.inputs[0], name="z")
    return dataclasses.replace(spec, inputs=(first, *spec.inputs[1:]))


def retyped(spec: EngineSpec) -> EngineSpec:
    first = dataclasses.replace(spec.inputs[0], dtype=torch.float16)
    return dataclasses.replace(spec, inputs=(first, *spec.inputs[1:]))


def swapped(spec: EngineSpec) -> EngineSpec:
    """The caches are of one shape, so only their aliases tell them apart."""
    return dataclasses.replace(spec, state=spec.state[::-1])


@pytest.mark.parametrize("change", [renamed, retyped, swapped])
def test_a_network_that_differs_from_its_spec_is_refused(store: EngineStore, change) -> None:  # type: ignore[no-untyped-def]  # a function of EngineSpec
    _builder, network, _parser = parse("tensorrt_rtx", SOURCE.spec, store.onnx(SOURCE).file)
    with pytest.raises(EngineError):
        check_network(trt, network, change(SOURCE.spec))


def test_a_target_that_it_cannot_compile_for_is_an_error(store: EngineStore) -> None:
    with pytest.raises(EngineError, match="cannot compile for sm90 here: sm75"):
        store.compiled(SOURCE, "tensorrt_rtx", "sm90")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_an_engine_is_not_loaded(store: EngineStore) -> None:
    file = store.compiled(SOURCE, "tensorrt_rtx", "sm89").file
    with pytest.raises(EngineError, match="needs a CUDA GPU"):
        TensorRtEngine(SOURCE.spec, file, library="tensorrt_rtx", device=torch.device("cuda:0"))
    with pytest.raises(EngineError, match="TensorRT-RTX cannot run the networks on cpu"):
        choose("tensorrt_rtx", "cpu")


def test_a_file_that_is_not_onnx_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"no network")
    with pytest.raises(EngineError, match="cannot be parsed by tensorrt_rtx"):
        parse("tensorrt_rtx", SOURCE.spec, tmp_path / "bad.onnx")
