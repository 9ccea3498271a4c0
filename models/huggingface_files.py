"""Checkpoints in Hugging Face folders: config.json and safetensors, whole or in shards.

Every reader of such a folder, or of tensors under foreign names, goes through here: what a model
makes of its configuration and which names it maps is its own.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from models.errors import WeightsError

M = TypeVar("M", bound=nn.Module)
REPORTED = 3  # tensors that an error names


def read_config(folder: Path, kind: str | None = None) -> dict[str, Any]:
    """Return the config.json of a model of `kind`, or of any.

    Raises:
        WeightsError: it is missing, not JSON, or of another kind of model.
    """
    try:
        config: dict[str, Any] = json.loads((folder / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise WeightsError(f"{folder}: no readable config.json ({error})") from error
    if kind is not None and config.get("model_type") != kind:
        raise WeightsError(f"{folder}: holds a {config.get('model_type')!r} model, not {kind!r}")
    return config


def read_tensors(
    folder: Path, *, device: str = "cpu", dtype: torch.dtype, only: str = "", without: str = "$."
) -> dict[str, Tensor]:
    """Return the tensors of the safetensors files in `folder`, under their names there.

    They are those in whose name the pattern `only` is found, and not the pattern `without`.

    Raises:
        WeightsError: a file is missing or cut short.
    """
    tensors: dict[str, Tensor] = {}
    try:
        for file in weight_files(folder):
            with safe_open(file, "pt", device=device) as source:
                names = [name for name in source.keys() if re.search(only, name)]  # noqa: SIM118  (not a mapping)
                chosen = [name for name in names if not re.search(without, name)]
                tensors.update({name: source.get_tensor(name).to(dtype) for name in chosen})
    except (OSError, SafetensorError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(
            f"{folder}: weights cannot be read ({error}); fetch them again"
        ) from error
    return tensors


def renamed(name: str, patterns: Sequence[tuple[str, str]]) -> str:
    """Return `name` after all substitutions of `patterns`, regular expressions, in order."""
    for pattern, ours in patterns:
        name = re.sub(pattern, ours, name)
    return name


def fill(module: M, state: Mapping[str, Tensor], what: str) -> M:
    """Return `module` with the tensors of `state` as its own, for inference.

    `module` may be on the meta device. `what` names it in errors.

    Raises:
        WeightsError: a tensor is missing, unknown, or of another shape.
    """
    own = module.state_dict()
    wrong = [f"no {name}" for name in own if name not in state]
    wrong += [f"an unknown {name}" for name in state if name not in own]
    wrong += [
        f"{name} of {tuple(state[name].shape)}, not {tuple(tensor.shape)}"
        for name, tensor in own.items()
        if name in state and state[name].shape != tensor.shape
    ]
    if wrong:
        more = f" and {len(wrong) - REPORTED} more" if len(wrong) > REPORTED else ""
        raise WeightsError(f"the weights do not fit {what}: {'; '.join(wrong[:REPORTED])}{more}")
    module.load_state_dict(state, assign=True)
    return module.eval().requires_grad_(False)


def weight_files(folder: Path) -> tuple[Path, ...]:
    """Return the safetensors files that the index names, or else all there are.

    Raises:
        WeightsError: there are none.
    """
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        names: dict[str, str] = json.loads(index.read_text("utf-8"))["weight_map"]
        return tuple(folder / name for name in sorted(set(names.values())))
    files = tuple(sorted(folder.glob("model*.safetensors")))
    if not files:
        raise WeightsError(f"{folder}: holds no model.safetensors; fetch the model first")
    return files
