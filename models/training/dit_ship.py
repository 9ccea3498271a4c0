"""Trained video models as the files that ship: `python -m models.training.dit_ship`.

Writes what `codec_train` and `dit_train` left, in half precision, to models/checkpoints, where
`models.generation.embedded.find` looks: half the size, and no difference that can be seen. A stream
may see less of its past than training showed it: what it made a while ago carries its errors along.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from models.generation import embedded
from models.generation.context import Reach


def halve(trained: Path, shipped: Path, reach: Reach | None = None) -> None:
    """Write the floating-point tensors of `trained` as float16 to `shipped`, with its metadata.

    `reach`, where there is one, takes the place of how far back streams of it see.
    """
    with safe_open(trained, framework="pt") as opened:
        told = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    if reach:
        config = {**json.loads(told["config"]), "reach": asdict(reach)}
        told = {**told, "config": json.dumps(config)}
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    scratch = shipped.with_name(shipped.name + ".new")
    save_file(halves, scratch, metadata=told)
    scratch.replace(shipped)


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training")
    parser.add_argument("--codec", type=Path, default=root / "codec" / "codec.safetensors")
    parser.add_argument("--drawing", type=Path, default=root / "dit" / "drawing.safetensors")
    parser.add_argument("--to", type=Path, default=embedded.CHECKPOINTS)
    parser.add_argument("--reach", type=int, nargs=2, metavar=("SINK", "WINDOW"), help="latents")
    options = parser.parse_args()
    embedded.load(options.codec, options.drawing)  # refuses what does not go together
    codec, drawing = (options.to / name for name in embedded.SHIPPED)
    halve(options.codec, codec)
    reach = Reach(sink=options.reach[0], window=options.reach[1]) if options.reach else None
    halve(options.drawing, drawing, reach)


if __name__ == "__main__":
    main()
