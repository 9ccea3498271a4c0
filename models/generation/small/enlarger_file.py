"""The file of an enlarger: its weights in 8 bits, with a scale for each output channel.

Weights of layers are int8, to be multiplied by `NAME.scale`; biases are float16. Its sizes are in
the metadata as JSON.
"""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from models.engine import Engine, EngineLoader, NetworkSource
from models.errors import WeightsError
from models.generation.codec.enlarging import (
    Enlarger,
    EnlargerConfig,
    EnlargingNetwork,
    enlarging_spec,
)
from models.generation.small.weight_files import (
    LOAD_ERRORS,
    digest,
    read_config,
    read_tensors,
    reason,
)

SCALE = ".scale"  # after the name of a weight
LARGEST = 127  # of an int8, and of its negative


def save_enlarger(file: Path, enlarger: Enlarger) -> None:
    """Write `enlarger` to `file`."""
    tensors: dict[str, Tensor] = {}
    for name, tensor in enlarger.state_dict().items():
        if tensor.dim() == 1:
            tensors[name] = tensor.half()
            continue
        scale = tensor.abs().amax((1, 2, 3), keepdim=True).clamp(min=1e-8) / LARGEST
        tensors[name] = (tensor / scale).round().to(torch.int8)
        tensors[name + SCALE] = scale
    scratch = file.with_name(file.name + ".new")
    save_file(tensors, scratch, metadata={"config": json.dumps(asdict(enlarger.config))})
    scratch.replace(file)


def load_enlarger(file: Path) -> Enlarger:
    """Return the enlarger in `file`.

    Raises:
        WeightsError: it is missing, damaged, or of another kind.
    """
    stored = read_tensors(file)
    try:
        enlarger = Enlarger(_config(file))
        enlarger.load_state_dict(
            {
                name: tensor.float() * stored.get(name + SCALE, 1.0)
                for name, tensor in stored.items()
                if not name.endswith(SCALE)
            }
        )
    except LOAD_ERRORS as error:
        raise WeightsError(f"{file}: not an enlarger of frames ({reason(error)})") from error
    return enlarger.eval()


def load_enlarging_engine(file: Path, side: int, load_engine: EngineLoader) -> Engine:
    """Return the engine of the enlarger in `file`, for frames of `side` pixels.

    Raises:
        WeightsError: the file is missing, damaged, or of another kind.
        EngineError: the engine cannot be built or loaded.
    """
    source = NetworkSource(
        spec=enlarging_spec(_config(file), side),
        weights=digest(file),
        build=lambda: EnlargingNetwork(load_enlarger(file), side),
    )
    return load_engine(source)


def _config(file: Path) -> EnlargerConfig:
    try:
        return EnlargerConfig(**read_config(file))
    except TypeError as error:
        raise WeightsError(f"{file}: not an enlarger of frames ({reason(error)})") from error
