"""Networks that can be exported, and the interface of what runs them.

An `ExportableNetwork` names its tensors in an `EngineSpec`. `TorchEngine` runs it as it is, and is
the reference; `trt_engines` exports it to ONNX and runs the file in ONNX Runtime or TensorRT. All
of them are an `Engine`: named tensors in, named tensors out.

The cache of a stream is an `EngineState`: buffers of a fixed size, which a run updates in place. A
cache is (batch, heads, slots, width); `update_cache` writes new keys or values at the slots from an
index on. A boolean mask among the inputs says which slots are visible, so their order is free.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor, nn

from models.errors import EngineError

NEXT = ".next"  # ends the name of the output that a cache is updated by
OPSET = 24  # the first with TensorScatter and with Attention over caches
SHORT = 3  # layers of a network that is exported in place of a deeper one

# A string is the name of a dimension, or a multiple of it: "2*frames".
Shape = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One tensor of a network; names of dimensions in `shape` are those of its spec.

    An `inner` one goes from network to network, so it has their type if that has 16 bits. Others
    but the state stay float32.
    """

    name: str
    dtype: torch.dtype
    shape: Shape
    inner: bool = False

    def size(self, dimensions: Mapping[str, int]) -> tuple[int, ...]:
        """Return the shape with `dimensions` filled in."""
        return tuple(_length(part, dimensions) for part in self.shape)


@dataclass(frozen=True, slots=True)
class DimensionRange:
    """How long a dimension may be; engines are tuned for `optimum`."""

    minimum: int
    optimum: int
    maximum: int

    def __post_init__(self) -> None:
        if not 1 <= self.minimum <= self.optimum <= self.maximum:
            raise ValueError(f"expected 1 <= minimum <= optimum <= maximum, got {self}")


Profile = Mapping[str, DimensionRange]  # a range for each dimension of a spec


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineSpec:
    """The tensors of a network, in the order of its arguments: `inputs`, then `state`.

    It returns `outputs`, then the updated `state`. Each of `profiles` is a way of use, for example
    reading a prompt and generating a token; there is at least one if a dimension has a name.
    """

    name: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    state: tuple[TensorSpec, ...] = ()
    profiles: tuple[Profile, ...] = ()

    @property
    def output_names(self) -> list[str]:
        """Return the names of all outputs of the exported file, those of the state last."""
        return [*(each.name for each in self.outputs), *(each.name + NEXT for each in self.state)]

    @property
    def ranges(self) -> dict[str, DimensionRange]:
        """Return each dimension's range over all profiles, with the optimum of the first."""
        names = {name for profile in self.profiles for name in profile}
        return {name: _union(profile[name] for profile in self.profiles) for name in sorted(names)}

    def dimensions(self, tensors: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the dimensions of a run from the shapes of its inputs and state.

        Raises:
            EngineError: a tensor is missing, or has another type or shape, or is too long.
        """
        found: dict[str, int] = {}
        for spec in (*self.inputs, *self.state):
            if spec.name not in tensors:
                raise EngineError(f"{self.name}: the input {spec.name} is missing")
            self._match(spec, tensors[spec.name], found)
        for name, limits in self.ranges.items():
            if not limits.minimum <= found.get(name, limits.minimum) <= limits.maximum:
                raise EngineError(
                    f"{self.name}: expected a {name} of {limits.minimum} to {limits.maximum}, "
                    f"got {found[name]}"
                )
        return found

    def _match(self, spec: TensorSpec, tensor: Tensor, found: dict[str, int]) -> None:
        """Compare `tensor` with `spec`, and add its dimensions to `found`."""
        fits = tensor.dtype == spec.dtype and tensor.dim() == len(spec.shape)
        for wanted, length in zip(spec.shape, tensor.shape, strict=False):
            if isinstance(wanted, int):
                fits = fits and wanted == length
            else:
                factor, name = _parsed(wanted)
                fits = fits and length == factor * found.setdefault(name, length // factor)
        if not fits:
            raise EngineError(
                f"{self.name}: expected {spec.name} as {spec.dtype} {spec.shape} with {found}, "
                f"got {tensor.dtype} {tuple(tensor.shape)}"
            )


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class EngineState:
    """The caches of a stream, by name. Runs write into them; a copy is a state of its own."""

    buffers: Mapping[str, Tensor] = field(default_factory=dict)

    def copy(self) -> "EngineState":
        return EngineState({name: buffer.clone() for name, buffer in self.buffers.items()})


class ExportableNetwork(nn.Module):
    """A network without state of its own, for export: `forward` takes and returns tensors only.

    `forward(*inputs, *state)` returns `(*outputs, *updated state)`, as its `spec` says. It has no
    branch that depends on a value, and updates a cache with `update_cache` alone. Inputs named in
    `exact` are float32 in a network of 16 bits too.

    If its `layers` are many and alike, `shortened` returns it with the first `SHORT` of them. That
    is exported, and its last layer repeated; caches end in the number of their layer: "keys.2".
    """

    spec: EngineSpec
    exact: frozenset[str] = frozenset()

    def shortened(self) -> "ExportableNetwork | None":
        return None

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return next(self.parameters()).device


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSource:
    """A network that need not be built if an engine of it is stored.

    `weights` is a digest of all weights that `build` puts into it. `int8` says that the model is as
    good if its matrices have 8 bits, where that is quicker: on a CPU.
    """

    spec: EngineSpec
    weights: str
    build: Callable[[], ExportableNetwork]
    int8: bool = False


class Engine(Protocol):
    """Runs one network. Several threads may run it at the same time, each with its own state."""

    @property
    def spec(self) -> EngineSpec: ...

    @property
    def backend(self) -> str:
        """What runs it, for logs: torch, onnxruntime, tensorrt or tensorrt_rtx."""

    def new_state(self, **dimensions: int) -> EngineState:
        """Return zeroed caches; `dimensions` has a length for each name in their shapes."""

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        """Return the outputs by name; the buffers of `state` are updated in place.

        Inputs may be on another device than the engine; the outputs are where the inputs are.

        Raises:
            EngineError: a tensor does not fit the spec, or the run failed.
        """


class EngineLoader(Protocol):
    """Returns the engine of a network; each function that loads a model takes one."""

    def __call__(self, source: NetworkSource) -> Engine:
        """Return the engine of `source`.

        Raises:
            EngineError: it cannot be built or loaded.
        """


def load_in_torch(source: NetworkSource) -> Engine:
    """Return the engine that runs the network itself: an `EngineLoader`."""
    return TorchEngine(source.build())


class TorchEngine:
    """Runs the network itself, in PyTorch: the reference of all other engines."""

    backend = "torch"

    def __init__(self, network: ExportableNetwork) -> None:
        self.spec = network.spec
        self._network = network.eval()

    def new_state(self, **dimensions: int) -> EngineState:
        return zero_state(self.spec, self._network.device, dimensions)

    def run(
        self, inputs: Mapping[str, Tensor], state: EngineState | None = None
    ) -> dict[str, Tensor]:
        buffers = state.buffers if state is not None else {}
        given = {**inputs, **buffers}
        self.spec.dimensions(given)
        device = self._network.device
        home = inputs[self.spec.inputs[0].name].device if self.spec.inputs else device
        given = {name: tensor.to(device) for name, tensor in given.items()}
        arguments = [given[each.name] for each in (*self.spec.inputs, *self.spec.state)]
        with torch.no_grad():
            made = self._network(*arguments)
        tensors = (made,) if isinstance(made, Tensor) else made
        for spec, updated in zip(self.spec.state, tensors[len(self.spec.outputs) :], strict=True):
            if updated is not buffers[spec.name]:
                buffers[spec.name].copy_(updated)
        return {
            spec.name: tensor.to(home)
            for spec, tensor in zip(self.spec.outputs, tensors, strict=False)
        }


def zero_state(
    spec: EngineSpec, device: torch.device | str, dimensions: Mapping[str, int]
) -> EngineState:
    """Return zeroed buffers for the state of `spec`.

    Raises:
        EngineError: a dimension is missing.
    """
    buffers = {}
    for each in spec.state:
        missing = [part for part in each.shape if isinstance(part, str)]
        if not {_parsed(part)[1] for part in missing} <= dimensions.keys():
            raise EngineError(f"{spec.name}: the state needs the dimensions {missing}")
        buffers[each.name] = torch.zeros(each.size(dimensions), dtype=each.dtype, device=device)
    return EngineState(buffers)


def update_cache(cache: Tensor, new: Tensor, start: Tensor) -> Tensor:
    """Write `new` (batch, heads, count, width) into `cache` (batch, heads, slots, width).

    Row i goes to the slots from `start[i]` on, int64 (batch,), which must have room. Returns the
    updated cache: in PyTorch the same tensor, in an exported file the output of a TensorScatter.
    A GPU is not waited for.
    """
    if torch.compiler.is_exporting():
        updated: Tensor = torch.onnx.ops.symbolic(
            "TensorScatter",
            [cache, new, start],
            dtype=cache.dtype,
            shape=cache.shape,
            version=OPSET,
        )
        return updated
    slots = start[:, None] + torch.arange(new.shape[2], device=start.device)
    return cache.scatter_(2, slots[:, None, :, None].expand_as(new), new)


def _parsed(part: str) -> tuple[int, str]:
    """Return factor and name of "2*frames" or "frames"."""
    factor, star, name = part.partition("*")
    return (int(factor), name) if star else (1, part)


def _length(part: int | str, dimensions: Mapping[str, int]) -> int:
    if isinstance(part, int):
        return part
    factor, name = _parsed(part)
    return factor * dimensions[name]


def _union(ranges: Iterable[DimensionRange]) -> DimensionRange:
    each = list(ranges)
    return DimensionRange(
        min(one.minimum for one in each), each[0].optimum, max(one.maximum for one in each)
    )
