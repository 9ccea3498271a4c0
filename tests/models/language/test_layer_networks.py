"""The exported layer in ONNX Runtime against PyTorch, step by step, and compiled for a GPU."""

import pytest
import torch

from models.engine import Engine, NetworkSource, load_in_torch
from models.language.decoder_networks import CacheSizes
from models.language.engine_cache import Span
from models.language.engine_decoder import EngineDecoder, layered_decoder
from models.language.head_set import HeadSet
from tests.models.memory.test_head_set import MIXED
from tests.models.memory.tiny_memory import OPENING, TINY, decoder
from tests.trt_engines.stored import ExportedEngine, assert_compiles, load_exported

pytestmark = pytest.mark.slow

SINKS, WINDOW = len(OPENING), 24
HALF = torch.float16


def exported(
    heads: HeadSet | None, *, slots: int | None = None, half: bool = False
) -> tuple[EngineDecoder, ExportedEngine]:
    """Return the decoder with its layers in ONNX Runtime, and what runs them."""
    engines: list[ExportedEngine] = []

    def load(source: NetworkSource) -> Engine:
        engines.append(load_exported(source))
        return engines[-1]

    model = decoder(TINY, dtype=HALF if half else torch.float32)
    made = layered_decoder(model, load, CacheSizes(SINKS, slots), name="layer", heads=heads)
    return made, engines[0]


@pytest.mark.parametrize("heads", [None, MIXED], ids=["all", "retrieval"])
@torch.no_grad()
def test_a_rollout_that_wraps_the_window_is_the_same_in_both(heads: HeadSet | None) -> None:
    sizes = CacheSizes(SINKS)
    plain = layered_decoder(decoder(), load_in_torch, sizes, name="layer", heads=heads)
    pair = plain, exported(heads)[0]
    rng = torch.Generator().manual_seed(0)
    caches = [each.new_cache(window=WINDOW) for each in pair]
    for cache in caches:
        cache.limit = SINKS + WINDOW + 8
    sinks = torch.randn(3, 2, 2, SINKS, 8, generator=rng)
    window, recent = Span(WINDOW, WINDOW - 1), Span(9, 8) if heads else None
    for cache in caches:
        cache.set_sinks(sinks)
    for number in range(80):
        count = 1 + number % 4
        x = torch.randn(count, TINY.width, generator=rng)
        places = torch.arange(caches[0].length, caches[0].length + count)
        wanted, made = (
            each.read(x, cache, places, window=window, recent=recent)
            for each, cache in zip(pair, caches, strict=True)
        )
        # float32 in another order of sums
        torch.testing.assert_close(made.scores, wanted.scores, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(made.memory, wanted.memory, rtol=1e-4, atol=1e-3)
    assert caches[0].next_slot < caches[0].length  # it did wrap


@pytest.mark.parametrize("half", [False, True], ids=["float32", "float16"])
def test_it_compiles_for_a_gpu_with_caches_of_a_fixed_size(half: bool) -> None:
    assert_compiles(exported(MIXED, slots=320, half=half)[1])


def test_a_layer_for_all_heads_compiles() -> None:
    engine = exported(None, slots=320)[1]
    assert_compiles(engine)
    weights = engine.file.with_name(f"{engine.file.name}.data")
    assert weights.stat().st_size < 100, "its weights are inputs"
