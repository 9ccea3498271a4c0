"""Wan's weight files, and those of the few-step models made from it, read without running code.

What the files hold differs from one author to the next; this knows the differences:

| file | under | names begin with |
|---|---|---|
| rolling_forcing_dmd.pt, self_forcing_dmd.pt | generator_ema, or generator | model. |
| the same, trained in parts on several GPUs | generator_ema | model._fsdp_wrapped_module. |
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
    """Return what lies in `file`, a PyTorch file: tensors, and dictionaries of them.

    `source` says in errors where the file comes from. Tensors stay on the disk until they are
    used, where the file allows it.

    Raises:
        WeightsError: it is missing, cut short, or holds more than tensors.
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
            f"{file}: cut short or damaged ({_brief(error)}); fetch it again from {source}"
        ) from error
    if not isinstance(found, Mapping):
        raise WeightsError(f"{file}: holds a {type(found).__name__}, not named tensors")
    return dict(found)


def read_state(file: Path, source: str, under: tuple[str, ...] = ()) -> StateDict:
    """Return the tensors of `file` under strip_wrappers names.

    They are looked for under the first key of `under` that is there, else at the top.

    Raises:
        WeightsError: as `read`, or there are no tensors.
    """
    found: Mapping[str, Any] = read(file, source)
    for key in under:
        if isinstance(found.get(key), Mapping):
            found = found[key]
            break
    state = {
        strip_wrappers(name): value for name, value in found.items() if isinstance(value, Tensor)
    }
    if not state:
        keys = ", ".join(map(str, list(found)[:4])) or "nothing"
        where = f" under {' or '.join(under)}" if under else ""
        raise WeightsError(f"{file}: holds {keys}, and no tensors{where}; it comes from {source}")
    return state


def strip_wrappers(name: str) -> str:
    """Return the name of a tensor without what training wrapped it in."""
    for part in WRAPPERS:
        name = name.replace(part, "")
    return re.sub(r"^(module\.)?(model\.)?", "", name)


def merge_lora(
    state: Mapping[str, Tensor], lora: Mapping[str, Tensor], alpha: float, what: str
) -> StateDict:
    """Return `state` with low-rank changes added: weight + alpha / rank * B A.

    `what` names the changes in errors.

    Raises:
        WeightsError: a change has no partner, or no weight to go to.

    Source: Hu et al. 2021, "LoRA"; the names are those of the library peft.
    """
    pairs: dict[str, dict[str, Tensor]] = {}
    for name, tensor in lora.items():
        match = LORA.fullmatch(name)
        if not match:
            raise WeightsError(f"{what}: {name!r} is no low-rank change")
        pairs.setdefault(f"{strip_wrappers(match[1])}.weight", {})[match[2]] = tensor
    out = dict(state)
    for name, pair in pairs.items():
        if set(pair) != {"A", "B"} or name not in state:
            raise WeightsError(f"{what}: {name} has half a change, or is not in the base")
        down, up, base = pair["A"].float(), pair["B"].float(), state[name]
        if (up.shape[0], down.shape[1]) != tuple(base.shape) or up.shape[1] != down.shape[0]:
            raise WeightsError(f"{what}: {name} is {tuple(base.shape)}, its change has other sizes")
        out[name] = (base.float() + alpha / len(down) * (up @ down)).to(base.dtype)
    return out


def load_weights(
    module: M, state: Mapping[str, Tensor], what: str, *, device: str, dtype: torch.dtype
) -> M:
    """Return `module`, made on the meta device, with the tensors of `state` for its own.

    Raises:
        WeightsError: a tensor is missing, unknown, or of another shape; `what` says of what.
    """
    moved = {name: tensor.to(device=device, dtype=dtype) for name, tensor in state.items()}
    return fill(module, moved, what)


def count_layers(state: Mapping[str, Tensor], prefix: str) -> int:
    """Return how many count_layers are numbered after `prefix` in the names of `state`."""
    found = [re.match(re.escape(prefix) + r"\.(\d+)\.", name) for name in state]
    return 1 + max((int(each[1]) for each in found if each), default=-1)


def _brief(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:120]
