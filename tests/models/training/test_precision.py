import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import nn

from models.training.precision import FastProducts, fast_dtype


def test_products_are_made_in_half_precision_and_all_else_is_as_it_was() -> None:
    torch.manual_seed(0)
    layers = nn.ModuleList((nn.Conv2d(3, 8, 3), nn.Flatten(1), nn.Linear(8 * 36, 5)))
    x = torch.randn(4, 3, 8, 8)
    whole = half = x
    for layer in layers:
        whole = layer(whole)
        with FastProducts(torch.bfloat16):
            half = layer(half)
    assert half.dtype == torch.float32
    assert not torch.equal(half, whole)
    torch.testing.assert_close(half, whole, rtol=0, atol=0.02)
    with FastProducts(torch.bfloat16):
        assert torch.equal(F.layer_norm(x, (8,)), F.layer_norm(x.clone(), (8,)))
        assert (x + 1e-4).sub(x).mean() > 0.9e-4  # lost in half precision
    half.square().sum().backward()  # type: ignore[no-untyped-call]  # PyTorch's own
    slopes = [parameter.grad for parameter in layers.parameters()]
    layers.zero_grad()
    whole.square().sum().backward()  # type: ignore[no-untyped-call]  # PyTorch's own
    for slope, parameter in zip(slopes, layers.parameters(), strict=True):
        assert slope is not None
        assert parameter.grad is not None
        assert slope.dtype == torch.float32
        error = (slope - parameter.grad).norm() / parameter.grad.norm()
        assert error < 0.05


def test_a_processor_without_bfloat16_multiplies_float32() -> None:
    # test_processors.py runs this on a processor limited to AVX2, and to less.
    if torch.backends.cpu.get_cpu_capability() != "AVX512":
        assert fast_dtype() == torch.float32
    assert fast_dtype() in (torch.float32, torch.bfloat16)
