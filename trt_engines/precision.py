"""The types that a network may run in, and what they change of it.

In 16 bits, weights, activations and caches have the type of the network, and so has what goes from
one network to another. Other inputs and outputs stay float32, so the callers are the same.
Runtimes sum in float32 in products and norms. The softmax of an Attention node has no attribute for
its precision: TensorRT refuses a file with one.
"""

from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from torch import Tensor

from models.engine import EngineSpec, ExportableNetwork, NetworkSource, TensorSpec

Precision = Literal["float32", "float16", "bfloat16", "int8"]

SHORT: dict[Precision, torch.dtype] = {"float16": torch.float16, "bfloat16": torch.bfloat16}


def precision_of(source: NetworkSource, wish: Precision) -> Precision:
    """Return the precision that a network runs in if `wish` is that of all.

    8 bits are for networks that are as good with them; the others are float32. A network that has
    16 bits by itself, as those of a Video-LLM, keeps its type.
    """
    own = _own(source.spec)
    if own is not None:
        return own
    return "float32" if wish == "int8" and not source.int8 else wish


def _own(spec: EngineSpec) -> Precision | None:
    """Return the type of 16 bits that a network has by itself; None if all of it is float32."""
    types = {each.dtype for each in (*spec.inputs, *spec.outputs, *spec.state)}
    return next((name for name, dtype in SHORT.items() if dtype in types), None)


def in_precision(source: NetworkSource, precision: Precision) -> NetworkSource:
    """Return the network of `source` as it runs in `precision`."""
    dtype = SHORT.get(precision)
    if dtype is None or _own(source.spec) is not None:
        return source
    return replace(
        source, spec=short_spec(source.spec, dtype), build=partial(_built, source, dtype)
    )


def short_spec(spec: EngineSpec, dtype: torch.dtype) -> EngineSpec:
    """Return `spec` with caches and inner tensors of `dtype`."""

    def cast(each: TensorSpec) -> TensorSpec:
        return replace(each, dtype=dtype) if each.dtype.is_floating_point else each

    def cast_inner(each: TensorSpec) -> TensorSpec:
        return cast(each) if each.inner else each

    return replace(
        spec,
        inputs=tuple(map(cast_inner, spec.inputs)),
        outputs=tuple(map(cast_inner, spec.outputs)),
        state=tuple(map(cast, spec.state)),
    )


def _built(source: NetworkSource, dtype: torch.dtype) -> "ShortNetwork":
    return ShortNetwork(source.build(), dtype)


class ShortNetwork(ExportableNetwork):
    """A network of 16 bits: casts what goes in and out, as its spec says."""

    def __init__(self, network: ExportableNetwork, dtype: torch.dtype) -> None:
        super().__init__()
        self.spec = short_spec(network.spec, dtype)
        self.network = network.to(dtype)
        self._dtype = dtype
        self._exact = [
            each.name in network.exact or not each.dtype.is_floating_point
            for each in (*self.spec.inputs, *self.spec.state)
        ]

    @property
    def device(self) -> torch.device:
        return self.network.device

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        given = [
            each if exact else each.to(self._dtype)
            for each, exact in zip(tensors, self._exact, strict=True)
        ]
        made = self.network(*given)
        outputs = (made,) if isinstance(made, Tensor) else tuple(made)
        return tuple(
            each.to(spec.dtype)
            for each, spec in zip(outputs, (*self.spec.outputs, *self.spec.state), strict=True)
        )
