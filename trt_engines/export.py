"""Exports a network to an ONNX file: the same file for ONNX Runtime and for TensorRT.

Caches are updated by TensorScatter and read by Attention, both of opset 24, so TensorRT builds its
own KV-cache layers of them. The inputs and outputs have the names of the spec; the output that
updates the cache `k` is `k.next`.
"""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import onnx
import onnx_ir
import torch
from torch import Tensor, nn

from models.engine import (
    OPSET,
    EngineSpec,
    ExportableNetwork,
    TensorSpec,
)
from models.errors import EngineError
from trt_engines.repeated_layers import repeat_last_layer


def export(network: ExportableNetwork, path: Path) -> None:
    """Write `network` with its weights to `path`; takes seconds, minutes for a large network.

    Weights go to a second file, `path` with ".data" added: ONNX Runtime maps it into memory, and
    keeps no other copy.

    Raises:
        EngineError: the network cannot be exported, or its file differs from its spec.
    """
    spec = network.spec
    if missing := _dimension_names((*spec.inputs, *spec.state)) - spec.ranges.keys():
        raise EngineError(f"{spec.name}: no profile says how long {sorted(missing)} may be")
    short = network.shortened()
    program = _exported(network if short is None else short)
    if short is not None:
        repeat_last_layer(program.model, network)
    program.optimize()
    store_in_4_bits(program.model)
    program.save(str(path), external_data=True)
    check_file(path, spec)


def _exported(network: ExportableNetwork) -> Any:
    """Return the ONNX program of `network`.

    Raises:
        EngineError: it cannot be exported.
    """
    spec = network.spec
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), torch.no_grad():
            warnings.simplefilter("ignore")  # of the exporter, about itself
            program = torch.onnx.export(
                _Positional(network.eval()),
                tuple(each.to(network.device) for each in example_inputs(spec)),
                dynamo=True,
                opset_version=OPSET,
                input_names=[each.name for each in (*spec.inputs, *spec.state)],
                output_names=spec.output_names,
                dynamic_shapes=(_dynamic_shapes(spec),),
                verbose=False,
                optimize=False,  # what is done after layers are repeated
            )
    except Exception as error:  # whatever a network makes the exporter raise
        raise EngineError(f"{spec.name} cannot be exported: {error}") from error
    if program is None:
        raise EngineError(f"{spec.name} cannot be exported")
    return program


def store_in_4_bits(model: Any) -> None:  # onnxscript has no annotations
    """Store the weights of blocks in 4 bits if all are in -8 to 7: PyTorch has no such type.

    ONNX Runtime and TensorRT multiply by them without unpacking the matrix.
    """
    for node in model.graph:
        if node.op_type == "DequantizeLinear" and "block_size" in node.attributes:
            weights = node.inputs[0]
            values = weights.const_value.numpy()
            if values.min() >= -8 and values.max() <= 7:
                weights.const_value = onnx_ir.Tensor(
                    values.astype(onnx_ir.DataType.INT4.numpy()), name=weights.name
                )
                weights.dtype = onnx_ir.DataType.INT4


class _Positional(nn.Module):
    """Takes all tensors as `*tensors`, so a network may name its arguments or not."""

    def __init__(self, network: ExportableNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, *tensors: Tensor) -> Tensor | tuple[Tensor, ...]:
        made: Tensor | tuple[Tensor, ...] = self.network(*tensors)
        return made


def check_file(path: Path, spec: EngineSpec) -> None:
    """Compare the inputs and outputs of the file with `spec`.

    Raises:
        EngineError: a name, type or shape differs.
    """
    graph = onnx.load(path, load_external_data=False).graph
    state = [TensorSpec(each.name, each.dtype, each.shape) for each in spec.state]
    _compare(spec.name, graph.input, [*spec.inputs, *state])
    names = spec.output_names
    outputs = [*spec.outputs, *state]
    renamed = [
        TensorSpec(name, each.dtype, each.shape) for name, each in zip(names, outputs, strict=True)
    ]
    _compare(spec.name, graph.output, renamed)


def _compare(name: str, found: Sequence[Any], wanted: Sequence[TensorSpec]) -> None:
    if [each.name for each in found] != [each.name for each in wanted]:
        raise EngineError(
            f"{name}: the file has {[each.name for each in found]}, expected "
            f"{[each.name for each in wanted]}"
        )
    for value, spec in zip(found, wanted, strict=True):
        kind = value.type.tensor_type
        lengths = [each.dim_value or None for each in kind.shape.dim]
        fits = len(lengths) == len(spec.shape) and all(
            length == (part if isinstance(part, int) else None)
            for length, part in zip(lengths, spec.shape, strict=True)
        )
        if kind.elem_type != ONNX_TYPES[spec.dtype] or not fits:
            raise EngineError(f"{name}: {spec.name} is {lengths} in the file, not {spec.shape}")


ONNX_TYPES = {
    torch.float32: onnx.TensorProto.FLOAT,
    torch.float16: onnx.TensorProto.FLOAT16,
    torch.bfloat16: onnx.TensorProto.BFLOAT16,
    torch.int64: onnx.TensorProto.INT64,
    torch.int32: onnx.TensorProto.INT32,
    torch.uint8: onnx.TensorProto.UINT8,
    torch.bool: onnx.TensorProto.BOOL,
}


def _dimension_names(specs: Sequence[TensorSpec]) -> set[str]:
    """Return the names of the dimensions in the shapes of `specs`: "frames" of "2*frames"."""
    parts = (part for each in specs for part in each.shape if isinstance(part, str))
    return {part.rpartition("*")[2] for part in parts}


def _dynamic_shapes(spec: EngineSpec) -> tuple[dict[int, Any], ...]:
    """Return the named dimensions of each argument, as the exporter takes them."""
    dims = {
        name: torch.export.Dim(name, min=each.minimum, max=each.maximum)
        for name, each in spec.ranges.items()
    }
    shapes = []
    for each in (*spec.inputs, *spec.state):
        shape: dict[int, Any] = {}
        for axis, part in enumerate(each.shape):
            if isinstance(part, str):
                factor, star, name = part.partition("*")
                shape[axis] = int(factor) * dims[name] if star else dims[part]
        shapes.append(shape)
    return tuple(shapes)


def example_inputs(spec: EngineSpec, generator: torch.Generator | None = None) -> list[Tensor]:
    """Return tensors of the optimum shapes of the first profile: numbers at random, integers 0.

    A length of 1 that may be more becomes 2: the exporter takes 1 for a constant.
    """
    lengths = {name: max(each.optimum, min(2, each.maximum)) for name, each in spec.ranges.items()}
    made = []
    for each in (*spec.inputs, *spec.state):
        size = each.size(lengths)
        if each.dtype.is_floating_point:
            made.append(torch.randn(size, generator=generator).to(each.dtype))
        else:
            made.append(
                (torch.ones if each.dtype == torch.bool else torch.zeros)(size, dtype=each.dtype)
            )
    return made
