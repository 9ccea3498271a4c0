"""Low-rank adapters on Whisper's layers: train few numbers, ship few numbers, merge to none.

A projection W becomes W + scale * B A, with A (rank, in) and B (out, rank). Merged, the model is
a plain Whisper again and costs nothing extra. They sit on every attention projection, and on
the feed-forward layers too where that is asked for.

Source: Hu et al. 2021, section 4.1; where they sit follows CarelessWhisper, Krichli et al. 2025,
whose feed-forward layers stay as they are.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.asr.whisper.whisper import Attention, EncoderLayer, Whisper
from models.errors import WeightsError

PROJECTIONS = ("query", "key", "value", "out")
FEED_FORWARD = ("0", "2")  # the linear layers in the sequence of that name


class LoraLinear(nn.Module):
    """A frozen linear layer plus its low-rank change."""

    def __init__(self, base: nn.Linear, rank: int, scale: float) -> None:
        super().__init__()
        self.base = base
        self.scale = scale
        self.a = nn.Parameter(base.weight.new_zeros(rank, base.in_features))
        self.b = nn.Parameter(base.weight.new_zeros(base.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = self.base(x)
        return mixed + self.scale * F.linear(F.linear(x, self.a), self.b)

    def merged(self) -> nn.Linear:
        """Return one plain layer that does the same."""
        weight = self.base.weight + self.scale * self.b.detach() @ self.a.detach()
        plain = nn.Linear(weight.shape[1], weight.shape[0], bias=self.base.bias is not None)
        plain.weight = nn.Parameter(weight, requires_grad=False)
        plain.bias = self.base.bias
        return plain


def attach(
    model: Whisper, *, rank: int, alpha: float, rng: torch.Generator, feed_forward: bool = False
) -> list[nn.Parameter]:
    """Put adapters on `model` and return what to train, attention first.

    The model computes what it did before, because B begins as zeros.

    Raises:
        ValueError: the model has adapters already.
    """
    trained: list[nn.Parameter] = []
    for place, owner, name, base in _layers(model):
        if isinstance(base, LoraLinear):
            raise ValueError("the model has adapters already: merge them first")  # noqa: TRY004  (a state, not a type)
        if place.endswith(".feed_forward") and not feed_forward:
            continue
        adapter = LoraLinear(base, rank, alpha / rank)
        nn.init.normal_(adapter.a, std=base.in_features**-0.5, generator=rng)
        setattr(owner, name, adapter)
        trained += [adapter.a, adapter.b]
    return trained


def merge(model: Whisper) -> None:
    """Fold all adapters into the weights."""
    for _, owner, name, layer in _layers(model):
        if isinstance(layer, LoraLinear):
            setattr(owner, name, layer.merged())


def adapter(model: Whisper) -> dict[str, Tensor]:
    """Return the adapters' numbers, `<where>.<layer>.a` and `.b`, shared with the model."""
    found: dict[str, Tensor] = {}
    for place, _, name, layer in _layers(model):
        if isinstance(layer, LoraLinear):
            found[f"{place}.{name}.a"] = layer.a.detach()
            found[f"{place}.{name}.b"] = layer.b.detach()
    return found


def save(model: Whisper, file: Path, about: Mapping[str, str | int | float]) -> None:
    """Write the adapters of `model` as float16, with `about` as the file's metadata.

    Raises:
        ValueError: the model has no adapters.
    """
    tensors = {name: tensor.half().contiguous() for name, tensor in adapter(model).items()}
    if not tensors:
        raise ValueError("the model has no adapters to save")
    scales = {layer.scale for layer in model.modules() if isinstance(layer, LoraLinear)}
    assert len(scales) == 1, "one scale for all is what attach makes"
    note = {"about": json.dumps({**about, "scale": scales.pop()})}
    file.parent.mkdir(parents=True, exist_ok=True)
    safetensors.torch.save_file(tensors, str(file), metadata=note)


def load(model: Whisper, file: Path) -> dict[str, str | int | float]:
    """Put the adapters in `file` on `model`, and return what was noted about them.

    Raises:
        WeightsError: the file cannot be read, or is not of a model of this shape.
        ValueError: the model has adapters already.
    """
    try:
        with safetensors.safe_open(str(file), "pt") as opened:
            about = json.loads((opened.metadata() or {})["about"])
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  (no mapping)
    except (OSError, KeyError, ValueError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{file}: not an adapter saved by this module ({error})") from error
    rank = next((t.shape[0] for name, t in tensors.items() if name.endswith(".a")), 0)
    if not rank:
        raise WeightsError(f"{file}: no adapters in it")
    scale = float(about["scale"])
    fed = any(".feed_forward." in name for name in tensors)
    attach(model, rank=rank, alpha=scale * rank, rng=torch.Generator(), feed_forward=fed)
    own = adapter(model)
    if own.keys() != tensors.keys() or any(own[n].shape != tensors[n].shape for n in own):
        raise WeightsError(f"{file}: is an adapter of another model than this one")
    for name, tensor in tensors.items():
        own[name].copy_(tensor)
    noted: dict[str, str | int | float] = about
    return noted


def _layers(model: Whisper) -> list[tuple[str, nn.Module, str, nn.Linear | LoraLinear]]:
    """Return (where, its module, name, layer) of all that can be adapted, attention first."""
    modules = list(model.named_modules())
    found = [
        (place, module, name, getattr(module, name))
        for place, module in modules
        if isinstance(module, Attention)
        for name in PROJECTIONS
    ]
    return found + [
        (f"{place}.feed_forward", module.feed_forward, name, getattr(module.feed_forward, name))
        for place, module in modules
        if isinstance(module, EncoderLayer)
        for name in FEED_FORWARD
    ]
