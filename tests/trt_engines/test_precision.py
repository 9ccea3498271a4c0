"""Networks of 16 bits: against float32, exported, compiled and stored."""

import dataclasses
from copy import deepcopy
from functools import cache
from pathlib import Path

import pytest
import torch

from models.engine import (
    EngineSpec,
    ExportableNetwork,
    NetworkSource,
    TensorSpec,
    TorchEngine,
    load_in_torch,
)
from tests.trt_engines.small_networks import BUILDS
from tests.trt_engines.stored import ExportedEngine, assert_compiles
from tests.trt_engines.tiny_network import TinyAttention
from trt_engines.acceptance.rollout import Rollout, deviation
from trt_engines.choice import choose
from trt_engines.export import example_inputs
from trt_engines.loading import StoredEngines
from trt_engines.precision import SHORT, Precision, in_precision, precision_of, short_spec
from trt_engines.store.folder import EngineFolder
from trt_engines.store.keys import digest, ingredients
from trt_engines.store.maker import Maker
from trt_engines.store.making import EngineStore, precision_details

# Of the largest output of one or two layers, with 11 and 8 bits.
CLOSE: dict[Precision, float] = {"float16": 2e-2, "bfloat16": 1e-1}
SOURCE = NetworkSource(spec=TinyAttention().spec, weights="seed 0", build=TinyAttention)
STEPS = Rollout(spec=SOURCE.spec, cursors=frozenset({"start"}))


def test_caches_and_what_goes_between_networks_are_short_and_the_rest_is_not() -> None:
    tensors = {
        "sound": TensorSpec("sound", torch.float32, (2,), inner=True),
        "mel": TensorSpec("mel", torch.float32, (2,)),
        "tokens": TensorSpec("tokens", torch.int64, (2,), inner=True),
        "keys": TensorSpec("keys", torch.float32, (2,)),
    }
    spec = EngineSpec(
        name="some",
        inputs=(tensors["mel"], tensors["tokens"]),
        outputs=(tensors["sound"],),
        state=(tensors["keys"],),
    )
    short = short_spec(spec, torch.float16)
    assert [each.dtype for each in short.inputs] == [torch.float32, torch.int64]
    assert [each.dtype for each in (*short.outputs, *short.state)] == [torch.float16] * 2


def test_eight_bits_are_for_those_that_say_so_and_a_type_of_its_own_stays() -> None:
    assert precision_of(SOURCE, "int8") == "float32"
    assert precision_of(dataclasses.replace(SOURCE, int8=True), "int8") == "int8"
    assert precision_of(SOURCE, "float16") == "float16"
    own = dataclasses.replace(SOURCE, spec=short_spec(SOURCE.spec, torch.bfloat16))
    assert precision_of(own, "float16") == precision_of(own, "int8") == "bfloat16"
    assert in_precision(own, "bfloat16") is own


@pytest.mark.parametrize("precision", SHORT)
def test_a_rollout_that_wraps_the_cache_is_near_that_of_float32(precision: Precision) -> None:
    source = in_precision(SOURCE, precision)
    engine, reference = load_in_torch(source), load_in_torch(SOURCE)
    assert engine.spec == source.spec
    assert engine.new_state(batch=2).buffers["keys"].dtype == SHORT[precision]
    found = deviation(STEPS, engine, reference, 40)
    assert 1e-5 < found < CLOSE[precision]


class Exact(ExportableNetwork):
    """Returns its inputs as it gets them."""

    exact = frozenset({"levels"})
    spec = EngineSpec(
        name="exact",
        inputs=(TensorSpec("levels", torch.float32, (1,)), TensorSpec("x", torch.float32, (1,))),
        outputs=(TensorSpec("a", torch.float32, (1,)), TensorSpec("b", torch.float32, (1,))),
    )

    def forward(self, levels: torch.Tensor, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return levels, x


def test_an_exact_input_is_not_rounded() -> None:
    source = in_precision(NetworkSource(spec=Exact.spec, weights="", build=Exact), "bfloat16")
    number = torch.tensor([1.001])
    made = source.build()(number, number)
    assert [each.dtype for each in made] == [torch.float32] * 2
    assert made[0] == number
    assert made[1] == 1.0


def test_each_precision_has_a_key_of_its_own() -> None:
    kinds: tuple[Precision, ...] = ("float32", "float16", "bfloat16", "int8")
    keys = {digest(ingredients(SOURCE, **precision_details(each))) for each in kinds}
    assert len(keys) == len(kinds)
    assert digest(ingredients(SOURCE)) in keys


@pytest.mark.slow
@pytest.mark.parametrize("precision", SHORT)
def test_it_compiles_and_onnx_runtime_computes_the_same(precision: Precision) -> None:
    source = in_precision(SOURCE, precision)
    network = source.build()
    if precision == "float16":  # the CPU has nothing for bfloat16
        engine = ExportedEngine(network)
        assert deviation(STEPS, engine, TorchEngine(network), 40) < CLOSE[precision]
    assert_compiles(network)


@pytest.mark.slow
def test_the_loader_stores_the_precision_of_the_settings(maker: Maker, tmp_path: Path) -> None:
    load_engine = StoredEngines(
        EngineStore(EngineFolder(tmp_path), maker), choose("onnxruntime", "cpu", "float16")
    )
    engine = load_engine(SOURCE)
    assert load_engine.loaded[0].precision == "float16"
    assert engine.new_state(batch=1).buffers["keys"].dtype == torch.float16
    assert load_engine.stored(SOURCE).details["made_from"]["precision"] == "float16"
    assert deviation(STEPS, engine, load_in_torch(SOURCE), 20) < CLOSE["float16"]


@cache
def built(name: str) -> ExportableNetwork:
    torch.manual_seed(0)
    return BUILDS[name]().eval()


@pytest.mark.parametrize("precision", SHORT)
@pytest.mark.parametrize("name", BUILDS)
def test_each_packaged_network_is_near_that_of_float32(name: str, precision: Precision) -> None:
    network = built(name)
    source = NetworkSource(spec=network.spec, weights="", build=lambda: deepcopy(network))
    short = load_in_torch(in_precision(source, precision))
    steps = Rollout(spec=network.spec, cursors=frozenset({"start"}))
    found = deviation(steps, short, TorchEngine(network), 3)
    assert 1e-6 < found < CLOSE[precision]


@pytest.mark.parametrize("name", BUILDS)
def test_no_network_asks_for_a_value_of_a_tensor_or_mixes_devices(name: str) -> None:
    """A GPU would be waited for, and CUDA graphs fail; meta tensors have no values."""
    network = deepcopy(built(name)).to("meta")
    made = network(*(each.to("meta") for each in example_inputs(network.spec)))
    outputs = (made,) if isinstance(made, torch.Tensor) else made
    assert {each.device.type for each in outputs} == {"meta"}
