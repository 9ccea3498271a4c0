"""Reading of Wan's weight files, and of few-step models made from it, without running code.

The files differ between authors:

| file | key | names start with |
|---|---|---|
| rolling_forcing_dmd.pt, self_forcing_dmd.pt | generator_ema, or generator | model. |
| the same, trained with FSDP | generator_ema | model._fsdp_wrapped_module. |
| longlive_base.pt | generator | model. |
| lora.pt (LongLive) | generator_lora | base_model.model. |
| Wan2.1_VAE.pth, models_t5_umt5-xxl-enc-bf16.pth | - | - |
"""

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from models.errors import WeightsError
from models.huggingface_files import fill

M = TypeVar("M", bound=nn.Module)
StateDict = dict[str, Tensor]

WRAPPERS = ("_fsdp_wrapped_module.", "_checkpoint_wrapped_module.", "_orig_mod.")
LORA = re.compile(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight")


def read(file: Path, source: str) -> dict[str, Any]:
    """Return the content of `file`, a PyTorch file: tensors, and dictionaries of them.

    Errors name `source`, where the file comes from. Tensors are mapped from disk if the format of
    the file allows it.

    Raises:
        WeightsError: it is missing, truncated, or holds more than tensors.
    """
    if not file.is_file():
        raise WeightsError(f"{file}: missing; it comes from {source}")
    try:
        found = torch.load(
            file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file)
        )
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{file}: holds more than tensors, which could run code, or is no PyTorch file; "
            f"it is not loaded. The right one comes from {source}"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{file}: truncated or damaged ({_brief(error)}); fetch it again from {source}"
        ) from error
    if not isinstance(found, Mapping):
        raise WeightsError(f"{file}: holds a {type(found).__name__}, not named tensors")
    return dict(found)


def read_state(file: Path, source: str, keys: tuple[str, ...] = ()) -> StateDict:
    """Return the tensors of `file`, without the prefixes of training.

    They are under the first of `keys` that the file has, else at the top.

    Raises:
        WeightsError: as for `read`, or there are no tensors.
    """
    found: Mapping[str, Any] = read(file, source)
    for key in keys:
        if isinstance(found.get(key), Mapping):
            found = found[key]
            break
    state = {
        strip_wrappers(name): value for name, value in found.items() if isinstance(value, Tensor)
    }
    if not state:
        held = ", ".join(map(str, list(found)[:4])) or "nothing"
        where = f" under {' or '.join(keys)}" if keys else ""
        raise WeightsError(f"{file}: holds {held}, and no tensors{where}; it comes from {source}")
    return state


def strip_wrappers(name: str) -> str:
    """Return the name of a tensor without the prefixes of training."""
    for part in WRAPPERS:
        name = name.replace(part, "")
    return re.sub(r"^(module\.)?(model\.)?", "", name)


def merge_lora(
    state: Mapping[str, Tensor], lora: Mapping[str, Tensor], alpha: float, what: str
) -> StateDict:
    """Return `state` with a LoRA merged: weight + alpha / rank * B A.

    `what` names the LoRA in errors.

    Raises:
        WeightsError: a LoRA matrix has no partner, or no weight.

    Source: Hu et al. 2021, "LoRA"; the names are those of the library peft.
    """
    pairs: dict[str, dict[str, Tensor]] = {}
    for name, tensor in lora.items():
        match = LORA.fullmatch(name)
        if not match:
            raise WeightsError(f"{what}: {name!r} is not a LoRA matrix")
        pairs.setdefault(f"{strip_wrappers(match[1])}.weight", {})[match[2]] = tensor
    out = dict(state)
    for name, pair in pairs.items():
        if set(pair) != {"A", "B"} or name not in state:
            raise WeightsError(f"{what}: {name} has half a LoRA, or is not in the base")
        down, up, base = pair["A"].float(), pair["B"].float(), state[name]
        if (up.shape[0], down.shape[1]) != tuple(base.shape) or up.shape[1] != down.shape[0]:
            raise WeightsError(f"{what}: {name} is {tuple(base.shape)}, its LoRA has other sizes")
        out[name] = (base.float() + alpha / len(down) * (up @ down)).to(base.dtype)
    return out


def load_weights(
    module: M, state: Mapping[str, Tensor], what: str, *, device: str, dtype: torch.dtype
) -> M:
    """Return `module`, created on the meta device, with the tensors of `state`.

    Raises:
        WeightsError: a tensor is missing, unknown, or of another shape; `what` names the file.
    """
    moved = {name: tensor.to(device=device, dtype=dtype) for name, tensor in state.items()}
    return fill(module, moved, what)


def count_layers(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return the number of layers numbered after `prefix` in the names of `state`."""
    found = [re.match(re.escape(prefix) + r"\.(\d+)\.", name) for name in state]
    return 1 + max((int(each[1]) for each in found if each), default=-1)


def _brief(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
