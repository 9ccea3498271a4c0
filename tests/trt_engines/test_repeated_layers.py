"""A deep network that was exported in short, against itself; and layers that are not alike."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from models.engine import (
    SHORT,
    DimensionRange,
    Engine,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
    TorchEngine,
    update_cache,
)
from models.errors import EngineError
from trt_engines.backends.onnx_runtime import OrtEngine
from trt_engines.export import export

pytestmark = pytest.mark.slow
SLOTS, WIDTH = 8, 4


class Layer(nn.Module):
    """Adds what is in a cache to its input."""

    def __init__(self, inner: int = WIDTH) -> None:
        super().__init__()
        self.key = nn.Linear(WIDTH, WIDTH)
        self.out = nn.Sequential(nn.Linear(WIDTH, inner), nn.Tanh(), nn.Linear(inner, WIDTH))

    def forward(self, x: Tensor, start: Tensor, cache: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        key = self.key(x)[:, None]
        cache = update_cache(cache, key, start)
        mixed = cache[:, 0].mean(1, keepdim=True).expand(-1, x.shape[1], -1)
        return x + self.out(x * mixed), key, cache


class Deep(ExportableNetwork):
    """Layers with a cache each; what all of them add to it is returned side by side."""

    def __init__(self, layers: list[Layer]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        count, cache = len(layers), ("batch", 1, SLOTS, WIDTH)
        self.spec = EngineSpec(
            name="deep",
            inputs=(
                TensorSpec("x", torch.float32, ("batch", "count", WIDTH)),
                TensorSpec("start", torch.int64, ("batch",)),
            ),
            outputs=(
                TensorSpec("y", torch.float32, ("batch", "count", WIDTH)),
                TensorSpec("made", torch.float32, ("batch", count, "count", WIDTH)),
            ),
            state=tuple(TensorSpec(f"keys.{n}", torch.float32, cache) for n in range(count)),
            profiles=({"batch": DimensionRange(1, 2, 4), "count": DimensionRange(1, 2, SLOTS)},),
        )

    def shortened(self) -> "Deep | None":
        few = [each for each in self.layers[:SHORT] if isinstance(each, Layer)]
        return Deep(few) if len(self.layers) > SHORT else None

    def forward(self, x: Tensor, start: Tensor, *caches: Tensor) -> tuple[Tensor, ...]:
        made, updated = [], []
        for layer, cache in zip(self.layers, caches, strict=True):
            x, key, written = layer(x, start, cache)
            made.append(key)
            updated.append(written)
        return x, torch.cat(made, 1), *updated


def deep(*inner: int) -> Deep:
    torch.manual_seed(0)
    return Deep([Layer(each) for each in inner])


def test_a_network_that_was_exported_in_short_computes_the_same(tmp_path: Path) -> None:
    network, file = deep(*[WIDTH] * 6), tmp_path / "deep.onnx"
    export(network, file)
    engines: tuple[Engine, ...] = OrtEngine(network.spec, file), TorchEngine(network)
    states = [engine.new_state(batch=2) for engine in engines]
    for step in range(3):
        inputs = {"x": torch.randn(2, 2, WIDTH), "start": torch.full((2,), 2 * step)}
        runs = zip(engines, states, strict=True)
        made, wanted = (engine.run(inputs, state) for engine, state in runs)
        for name in ("y", "made"):
            assert torch.allclose(made[name], wanted[name], atol=1e-5), name
    for name, buffer in states[1].buffers.items():
        assert torch.allclose(states[0].buffers[name], buffer, atol=1e-5), name


@pytest.mark.parametrize("inner", [(4, 4, 4, 4, 5), (4, 4, 5, 5, 4)])
def test_layers_of_other_sizes_are_refused(tmp_path: Path, inner: tuple[int, ...]) -> None:
    with pytest.raises(EngineError, match="is not like that of other layers"):
        export(deep(*inner), tmp_path / "deep.onnx")
