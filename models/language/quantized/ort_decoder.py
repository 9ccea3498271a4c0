"""A decoder with 4-bit weights for ONNX Runtime on a CPU.

Each token reads every weight once, so its cost is the bytes of the weights. Nothing is rounded: a
block is w = scale * q + offset, and with S the sums over blocks

    x W^T  =  x (scale * (q - 8))^T  +  [x S | x A] [offset + 8 * scale | B]^T

where the first product is ONNX Runtime's 4-bit product in float32, and the second is thin: it has
a column for each block, and further columns for low-rank changes to W (`models.lora`).
The sums are in another order than with dense matrices, so scores agree to float32 precision.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.language.decoder import DecoderConfig
from models.language.quantized.nibble_planes import (
    BLOCK,
    Bytes,
    Floats,
    NibblePlane,
    concatenated,
)
from models.language.quantized.onnx_graph import OnnxGraph

LoraPair = tuple[Floats, Floats]  # A, (rank, in), and B, (out, rank): W + B A
ZERO = 8  # the zero point of ONNX Runtime if none is given
EXACT = 1  # accuracy level: multiply in float32


@dataclass(frozen=True, slots=True, eq=False)
class QuantizedMatrix:
    """A matrix, (out, in): the sum of its `planes`, and of a low-rank `change` to it."""

    planes: Sequence[NibblePlane]
    change: LoraPair

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns: out, in."""
        out, width = self.planes[0].q.shape
        return out, width


def quantized_matrix(
    planes: Sequence[NibblePlane], change: LoraPair | None = None
) -> QuantizedMatrix:
    """Return the matrix of `planes`, with a low-rank `change` if there is one."""
    out, width = planes[0].q.shape
    none = np.zeros((0, width), np.float32), np.zeros((out, 0), np.float32)
    return QuantizedMatrix(planes, change or none)


def stacked(matrices: Sequence[QuantizedMatrix]) -> QuantizedMatrix:
    """Return one matrix with the rows of all, for products with the same input."""
    firsts = [part.change[0] for part in matrices]
    seconds = [part.change[1] for part in matrices]
    rows = sum(len(second) for second in seconds)
    second = np.zeros((rows, sum(part.shape[1] for part in seconds)), np.float32)
    row = column = 0
    for part in seconds:
        second[row : row + part.shape[0], column : column + part.shape[1]] = part
        row, column = row + part.shape[0], column + part.shape[1]
    return QuantizedMatrix(
        concatenated([part.planes for part in matrices]), (np.concatenate(firsts), second)
    )


class OrtDecoderLayer(nn.Module):
    """A layer that runs in ONNX Runtime, in float32, without gradients."""

    def __init__(
        self,
        config: DecoderConfig,
        norms: tuple[Floats, Floats],
        parts: Mapping[str, QuantizedMatrix],
    ) -> None:
        """Use `parts`, named as in `DenseLayer`, and the norms before attention and before the MLP.

        `norms` are float32 (width,) each.
        """
        super().__init__()
        self._widths = [config.heads, config.key_heads, config.key_heads]
        self._head_width = config.head_width
        asking = stacked([parts["query"], parts["key"], parts["value"]])
        feeding = stacked([parts["gate"], parts["up"]])
        self._project = _session(_projecting(config, norms[0], asking))
        self._finish = _session(_finishing(config, norms[1], parts["out"], feeding, parts["down"]))
        self._fingerprint = _fingerprint(asking)

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        (made,) = self._project.run(None, {"x": x.numpy()})
        heads = torch.from_numpy(made).view(len(x), -1, self._head_width).transpose(0, 1)
        query, key, value = torch.split(heads, self._widths)
        return query, key, value

    def finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        flat = mixed.transpose(0, 1).flatten(1)
        (made,) = self._finish.run(None, {"x": x.numpy(), "mixed": flat.numpy()})
        return torch.from_numpy(made)

    def fingerprint(self) -> int:
        return self._fingerprint


class QuantizedEmbedding(nn.Module):
    """Embeddings in blocks of 8 bits: int8 (vocabulary, width) and a scale for each block."""

    def __init__(self, q: NDArray[np.int8], scale: Floats) -> None:
        """`scale` is float32 (vocabulary, width / BLOCK)."""
        super().__init__()
        self._q, self._scale = torch.from_numpy(q), torch.from_numpy(scale)

    def forward(self, tokens: Tensor) -> Tensor:
        scale = self._scale[tokens]
        blocks = self._q[tokens].float().view(*scale.shape, BLOCK)
        return (blocks * scale[..., None]).flatten(-2)


class OrtHead(nn.Module):
    """Token scores of hidden vectors (..., width)."""

    def __init__(self, weight: QuantizedMatrix) -> None:
        super().__init__()
        graph, (out, width) = OnnxGraph(), weight.size
        graph.input("x", width)
        _linear(graph, "x", graph.output("scores", out), weight)
        self._run = _session(graph)

    def forward(self, normed: Tensor) -> Tensor:
        flat = normed.reshape(-1, normed.shape[-1])
        (scores,) = self._run.run(None, {"x": flat.numpy()})
        return torch.from_numpy(scores).reshape(*normed.shape[:-1], -1)


def _projecting(config: DecoderConfig, norm: Floats, asking: QuantizedMatrix) -> OnnxGraph:
    graph = OnnxGraph()
    graph.input("x", config.width)
    _norm(graph, "x", "normed", norm, config.epsilon)
    _linear(graph, "normed", graph.output("asked", asking.size[0]), asking)
    return graph


def _finishing(
    config: DecoderConfig,
    norm: Floats,
    out: QuantizedMatrix,
    feeding: QuantizedMatrix,
    down: QuantizedMatrix,
) -> OnnxGraph:
    graph = OnnxGraph()
    graph.input("x", config.width)
    graph.input("mixed", out.size[1])
    _linear(graph, "mixed", "added", out)
    graph.node("Add", ["x", "added"], "middle")
    _norm(graph, "middle", "normed", norm, config.epsilon)
    _linear(graph, "normed", "fed", feeding)
    graph.node("Split", ["fed"], ["gate", "up"], axis=1, num_outputs=2)
    graph.node("Sigmoid", ["gate"], "opened")
    graph.node("Mul", ["gate", "opened"], "silu")
    graph.node("Mul", ["silu", "up"], "inner")
    _linear(graph, "inner", "back", down)
    graph.node("Add", ["middle", "back"], graph.output("y", config.width))
    return graph


def _norm(graph: OnnxGraph, x: str, output: str, weight: Floats, epsilon: float) -> None:
    scale = graph.constant(f"{output}.weight", weight)
    graph.node("SimplifiedLayerNormalization", [x, scale], output, axis=-1, epsilon=epsilon)


def _linear(graph: OnnxGraph, x: str, output: str, weight: QuantizedMatrix) -> None:
    """Add the product `output` = `x` times `weight`."""
    first, second = _thin(weight)
    a = graph.constant(f"{output}.first", first)
    b = graph.constant(f"{output}.second", second)
    graph.node("MatMul", [x, a], f"{output}.thin")
    graph.node("MatMul", [f"{output}.thin", b], f"{output}.sum0")
    out, width = weight.size
    for index, plane in enumerate(weight.planes):
        q = graph.constant(f"{output}.q{index}", _pairs(plane.q))
        scale = graph.constant(f"{output}.scale{index}", plane.scale)
        graph.node(
            "MatMulNBits",
            [x, q, scale],
            f"{output}.part{index}",
            domain="com.microsoft",
            K=width,
            N=out,
            bits=4,
            block_size=BLOCK,
            accuracy_level=EXACT,
        )
        last = index + 1 == len(weight.planes)
        total = output if last else f"{output}.sum{index + 1}"
        graph.node("Add", [f"{output}.sum{index}", f"{output}.part{index}"], total)


def _thin(weight: QuantizedMatrix) -> tuple[Floats, Floats]:
    """Return [S | A], (in, blocks + rank), and [offset + 8 * scale | B], (blocks + rank, out)."""
    width = weight.size[1]
    sums = np.repeat(np.eye(width // BLOCK, dtype=np.float32), BLOCK, axis=0)
    offsets = sum(plane.offset + ZERO * plane.scale for plane in weight.planes)
    first, second = weight.change
    return np.concatenate([sums, first.T], 1), np.concatenate([offsets, second], 1).T


def _pairs(q: Bytes) -> Bytes:
    """Return (out, blocks, BLOCK / 2): two values in a byte, the even one in the low half."""
    paired: Bytes = q[:, 0::2] | q[:, 1::2] << np.uint8(4)
    return paired.reshape(len(q), -1, BLOCK // 2)


def _fingerprint(weight: QuantizedMatrix) -> int:
    mark = 0
    for plane in weight.planes:
        for part in (plane.q, plane.scale, plane.offset):
            mark = zlib.crc32(np.ascontiguousarray(part).tobytes(), mark)
    for change in weight.change:
        mark = zlib.crc32(np.ascontiguousarray(change).tobytes(), mark)
    return mark


def _session(graph: OnnxGraph) -> Any:  # onnxruntime has no annotations
    """Return a session that runs on the calling thread; several threads may call it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.enable_cpu_mem_arena = (
        False  # otherwise each part keeps the memory of its longest input
    )
    given = [
        onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(value))
        for value in graph.constants.values()
    ]
    options.add_external_initializers(list(graph.constants), given)
    return onnxruntime.InferenceSession(graph.model(), options, providers=["CPUExecutionProvider"])
