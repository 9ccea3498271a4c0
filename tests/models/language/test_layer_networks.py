"""The exported layer in ONNX Runtime against PyTorch, step by step, and compiled for a GPU."""

from pathlib import Path

import pytest
import torch

from models.engine import Engine, NetworkSource, load_in_torch
from models.language.decoder_networks import CacheSizes
from models.language.engine_cache import Span
from models.language.engine_decoder import EngineDecoder, layered_decoder
from models.language.head_set import HeadSet
from tests.models.memory.test_head_set import MIXED
from tests.models.memory.tiny_memory import OPENING, TINY, decoder
from tests.trt_engines.compiled import assert_compiles
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.export import export

pytestmark = pytest.mark.slow

SINKS, WINDOW = len(OPENING), 24
HALF = torch.float16


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("layer")


def exported(
    folder: Path, heads: HeadSet | None, *, slots: int | None = None, half: bool = False
) -> tuple[EngineDecoder, Path]:
    """Return the decoder in ONNX Runtime, and the file; it is made by the first call."""
    file = folder / f"layer-{heads is not None}-{slots}-{half}.onnx"

    def load(source: NetworkSource) -> Engine:
        if not file.is_file():
            export(source.build(), file)
        return OrtEngine(source.spec, file)

    model = decoder(TINY, dtype=HALF if half else torch.float32)
    return layered_decoder(model, load, CacheSizes(SINKS, slots), name="layer", heads=heads), file


@pytest.mark.parametrize("heads", [None, MIXED], ids=["all", "retrieval"])
@torch.no_grad()
def test_a_rollout_that_wraps_the_window_is_the_same_in_both(
    folder: Path, heads: HeadSet | None
) -> None:
    sizes = CacheSizes(SINKS)
    plain = layered_decoder(decoder(), load_in_torch, sizes, name="layer", heads=heads)
    pair = plain, exported(folder, heads)[0]
    rng = torch.Generator().manual_seed(0)
    caches = [each.new_cache(window=WINDOW) for each in pair]
    for cache in caches:
        cache.limit = SINKS + WINDOW + 8
    sinks = torch.randn(3, 2, 2, SINKS, 8, generator=rng)
    window, recent = Span(WINDOW, WINDOW - 1), Span(9, 8) if heads else None
    for cache in caches:
        cache.set_sinks(sinks)
    for number in range(200):
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
def test_it_compiles_for_a_gpu_with_caches_of_a_fixed_size(folder: Path, half: bool) -> None:
    made, file = exported(folder, MIXED, slots=320, half=half)
    assert_compiles(made.engine.spec, file)


def test_a_layer_for_all_heads_compiles(folder: Path) -> None:
    made, file = exported(folder, None, slots=320)
    assert_compiles(made.engine.spec, file)
    assert file.with_name(f"{file.name}.data").stat().st_size < 100, "its weights are inputs"
