"""Write a run's weights as the file that ships: `python -m models.training.ancat.ship RUN/FILE`.

Matrices become int8 with a scale for each row, half the size of float16; all else stays as it is.
`models.asr.ancat.loading` multiplies them out again.
"""

import argparse
from collections.abc import Mapping
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from models.asr.ancat.loading import SCALE, SHIPPED


def quantize(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `tensors` with each matrix as int8, and the scale of its rows under its name."""
    out: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if tensor.ndim < 2:
            out[name] = tensor
            continue
        scale = tensor.float().abs().amax(1, keepdim=True).clamp(min=1e-12) / 127
        out[name] = (tensor.float() / scale).round().char()
        out[name + SCALE] = scale
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trained", type=Path, help="ancat.safetensors of a run")
    parser.add_argument("--to", type=Path, default=SHIPPED)
    options = parser.parse_args()
    with safe_open(options.trained, framework="pt") as opened:
        metadata = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    save_file(quantize(tensors), options.to, metadata=metadata)


if __name__ == "__main__":
    main()
