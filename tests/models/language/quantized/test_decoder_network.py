"""The exported decoder against the network in PyTorch, and against the weights unpacked."""

from pathlib import Path

import onnx
import pytest
import torch

from models.engine import Engine, NetworkSource
from models.errors import EngineError
from models.language import smollm2
from models.language.decoder import Decoder, generate
from models.language.engine_cache import EngineCache, Span
from models.language.engine_decoder import EngineDecoder
from models.language.smollm2 import ChatModel
from tests.models.language.quantized import quantized_file
from tests.trt_engines.stored import ExportedEngine, assert_compiles

pytestmark = pytest.mark.slow

PROMPT = torch.tensor([1, 3, 5, 4, 6, 7, 2, 3, 3, 8])
OPENING = "<|im_start|>acb"
SINKS, WINDOW = 4, 24


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("decoder")
    quantized_file.saved(made)
    return made


def packed(folder: Path, *, exact: bool = True, slots: int | None = None) -> ChatModel:
    """Return the model in ONNX Runtime."""

    def load(source: NetworkSource) -> Engine:
        return ExportedEngine(source.build(), exact=exact)

    return smollm2.load_quantized(folder, opening=OPENING, slots=slots, load_engine=load)


def engine(chat: ChatModel) -> EngineDecoder:
    assert isinstance(chat.decoder, EngineDecoder)
    return chat.decoder


def reference(folder: Path) -> EngineDecoder:
    return engine(smollm2.load_quantized(folder, opening=OPENING))


def window_cache(decoder: EngineDecoder) -> EngineCache:
    return EngineCache(decoder.config, sinks=SINKS, limit=SINKS + WINDOW + 2 * 4)


def test_it_compiles_for_a_gpu_with_caches_of_a_fixed_size(folder: Path) -> None:
    assert_compiles(engine(packed(folder, slots=320)).engine)


@torch.no_grad()
def test_caches_of_a_fixed_size_give_the_same(folder: Path) -> None:
    grown, fixed = engine(packed(folder)), engine(packed(folder, slots=320))
    answered = [
        list(generate(each, each.embed(PROMPT), each.new_caches(), max_tokens=20))
        for each in (grown, fixed)
    ]
    assert answered[0] == answered[1]
    assert len(set(answered[0])) > 1
    with pytest.raises(EngineError, match="320 slots are too few, 322 are needed"):
        fixed.next_scores(torch.zeros(321 - SINKS + 1, quantized_file.WIDTH), fixed.new_caches())
    with pytest.raises(EngineError, match="a window of 61 tokens needs 321 slots, not 320"):
        fixed.new_cache(window=61)


@torch.no_grad()
def test_a_rollout_that_wraps_the_window_is_the_same_in_both(folder: Path) -> None:
    both = reference(folder), engine(packed(folder))
    rng = torch.Generator().manual_seed(0)
    caches = [window_cache(decoder) for decoder in both]
    sinks = torch.randn(2, 2, 2, SINKS, 16, generator=rng)
    for cache in caches:
        cache.set_sinks(sinks)
    for number in range(200):
        count = 1 + number % 4
        x = torch.randn(count, quantized_file.WIDTH, generator=rng)
        places = torch.arange(caches[0].length, caches[0].length + count)
        wanted, made = (
            decoder.read(x, cache, places, window=Span(WINDOW, WINDOW - 1))
            for decoder, cache in zip(both, caches, strict=True)
        )
        # float32 in another order of sums
        torch.testing.assert_close(made.scores, wanted.scores, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(made.memory, wanted.memory, rtol=1e-4, atol=1e-3)
    assert caches[0].slots == SINKS + WINDOW + 8  # it did wrap


@torch.no_grad()
def test_inputs_in_8_bits_change_scores_a_little(folder: Path) -> None:
    tokens = torch.arange(60) % len(quantized_file.TOKENS)
    dense = smollm2.load(folder).decoder
    found = {}
    for exact in (True, False):
        decoder = engine(packed(folder, exact=exact))
        found[exact] = decoder.next_scores(decoder.embed(tokens), decoder.new_caches())
    assert isinstance(dense, Decoder)
    off = (found[True] - found[False]).abs().max()
    assert 0 < off < 0.1 * found[True].std()


def test_the_weights_are_stored_in_4_bits(folder: Path) -> None:
    exported = engine(packed(folder)).engine
    assert isinstance(exported, ExportedEngine)
    graph = onnx.load(exported.file).graph
    kinds = {each.name: each.data_type for each in graph.initializer}
    read = [node for node in graph.node if node.op_type == "DequantizeLinear"]
    assert len(read) == 4 * quantized_file.LAYERS + 2  # the head has 8 bits: two of 4
    assert {kinds[node.input[0]] for node in read} == {onnx.TensorProto.INT4}
