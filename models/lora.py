"""Low-rank adapters (LoRA): a weight W becomes W + scale * B A, with A (rank, in), B (out, rank).

To train, `attach` adapters to frozen linear layers and `save` them. To use a saved adapter,
`read` it and `merge` it into the weights: the model is plain again and costs nothing extra. A
model names the layers that are adapted; their tensors are `<layer>.a` and `<layer>.b`.

Source: Hu et al. 2021, section 4.1.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.errors import WeightsError

Layers = Mapping[str, tuple[nn.Module, str]]  # name of a linear layer: its module and attribute
Notes = dict[str, str | int | float]


@dataclass(frozen=True, slots=True, eq=False)
class LoraAdapter:
    """The tensors of an adapter, and the notes in its file; `name` is for error messages."""

    name: str
    tensors: dict[str, Tensor]
    notes: Notes

    @property
    def scale(self) -> float:
        return float(self.notes.get("scale", 1.0))


class LoraLinear(nn.Module):
    """A frozen linear layer and its low-rank change, which is zero at first."""

    def __init__(self, base: nn.Linear, rank: int, scale: float, rng: torch.Generator) -> None:
        super().__init__()
        self.base = base
        self.scale = scale
        self.a = nn.Parameter(base.weight.new_empty(rank, base.in_features))
        self.b = nn.Parameter(base.weight.new_zeros(base.out_features, rank))
        nn.init.normal_(self.a, std=base.in_features**-0.5, generator=rng)

    def forward(self, x: Tensor) -> Tensor:
        frozen: Tensor = self.base(x)
        return frozen + self.scale * F.linear(F.linear(x, self.a), self.b)


def attach(
    layers: Layers, *, rank: int, alpha: float, rng: torch.Generator
) -> dict[str, nn.Parameter]:
    """Put adapters on `layers`, with a scale of alpha / rank; return their parameters by name.

    Raises:
        ValueError: a layer has an adapter already.
    """
    parameters: dict[str, nn.Parameter] = {}
    for name, (module, attribute) in layers.items():
        base = getattr(module, attribute)
        if not isinstance(base, nn.Linear):
            raise ValueError(f"{name} has an adapter already: load the model anew")  # noqa: TRY004  (a state, not a type)
        adapted = LoraLinear(base, rank, alpha / rank, rng)
        setattr(module, attribute, adapted)
        parameters |= {f"{name}.a": adapted.a, f"{name}.b": adapted.b}
    return parameters


def change(a: Tensor, b: Tensor, scale: float = 1.0) -> Tensor:
    """Return what is added to a weight, float32 (out, in)."""
    return scale * (b.float() @ a.float())


@torch.no_grad()
def merge(layers: Layers, adapter: LoraAdapter) -> None:
    """Add `adapter` to the weights of `layers`; these become new tensors.

    Raises:
        WeightsError: the adapter is of other layers, or of other sizes.
    """
    tensors = adapter.tensors
    wrong = tensors.keys() ^ {f"{name}.{side}" for name in layers for side in "ab"}
    if wrong:
        raise WeightsError(f"{adapter.name}: is an adapter of another model: {min(wrong)}")
    for name, (module, attribute) in layers.items():
        linear = getattr(module, attribute)
        a, b = tensors[f"{name}.a"], tensors[f"{name}.b"]
        fits = (len(b), a.shape[1]) == tuple(linear.weight.shape) and b.shape[1] == len(a)
        if not fits:
            raise WeightsError(f"{adapter.name}: is an adapter of another model: size of {name}")
        changed = linear.weight + change(a, b, adapter.scale).to(linear.weight)
        linear.weight = nn.Parameter(changed, requires_grad=False)


def save(tensors: Mapping[str, Tensor], file: Path, metadata: Mapping[str, str]) -> None:
    """Write `tensors` as float16; a file that is there is replaced at once.

    Raises:
        ValueError: there are none.
    """
    if not tensors:
        raise ValueError("no adapter to save")
    halves = {name: tensor.detach().half().contiguous() for name, tensor in tensors.items()}
    file.parent.mkdir(parents=True, exist_ok=True)
    new = file.with_name(f"{file.name}.new")
    safetensors.torch.save_file(halves, str(new), metadata=dict(metadata))
    new.replace(file)


def metadata(notes: Notes, scale: float) -> dict[str, str]:
    """Return the metadata of a file whose adapter has that scale."""
    return {"about": json.dumps({**notes, "scale": scale})}


def read(file: Path) -> LoraAdapter:
    """Return the adapter in `file`.

    Raises:
        WeightsError: it is missing or damaged, or holds something else.
    """
    try:
        with safetensors.safe_open(str(file), "pt") as opened:
            notes = json.loads((opened.metadata() or {}).get("about", "{}"))
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{file}: not a readable adapter ({error})") from error
    if not tensors or any(not name.endswith((".a", ".b")) for name in tensors):
        raise WeightsError(f"{file}: not an adapter: it holds {min(tensors, default='nothing')}")
    return LoraAdapter(str(file), tensors, notes)
