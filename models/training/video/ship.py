"""Write trained video models as the files that ship: `python -m models.training.video.ship`.

It converts the output of `train_codec` and `train_dit` to float16 in models/checkpoints, for
`models.generation.small.loading.find_files`: half the size, without a visible difference. The looks
are copied beside them, and with `--enlarger`, that of `train_enlarger`.
"""

import argparse
import shutil
from pathlib import Path

from safetensors import safe_open
from safetensors.torch import save_file

from models.generation.small import loading
from models.generation.small.enlarger_file import load_enlarger
from models.shipped import CHECKPOINTS


def convert_to_float16(trained: Path, shipped: Path) -> None:
    """Write the floating-point tensors of `trained` as float16 to `shipped`, with its metadata."""
    with safe_open(trained, framework="pt") as opened:
        header = opened.metadata()
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    halves = {
        name: tensor.half() if tensor.is_floating_point() else tensor
        for name, tensor in tensors.items()
    }
    scratch = shipped.with_name(shipped.name + ".new")
    save_file(halves, scratch, metadata=header)
    scratch.replace(shipped)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    root = Path(".cache/eyeline/training")
    parser.add_argument("--codec", type=Path, default=root / "codec" / "codec.safetensors")
    parser.add_argument("--drawing", type=Path, default=root / "dit" / "drawing.safetensors")
    parser.add_argument("--looks", type=Path, default=root / "pictures" / loading.LOOKS)
    parser.add_argument("--enlarger", type=Path)
    parser.add_argument("--to", type=Path, default=CHECKPOINTS)
    options = parser.parse_args()
    # refuses files that do not match
    loading.load(options.codec, options.drawing, looks_file=options.looks)
    codec, drawing = (options.to / name for name in loading.FILE_NAMES)
    convert_to_float16(options.codec, codec)
    convert_to_float16(options.drawing, drawing)
    shutil.copyfile(options.looks, options.to / loading.LOOKS)
    if options.enlarger is not None:
        load_enlarger(options.enlarger)  # refuses another file
        shutil.copyfile(options.enlarger, options.to / loading.ENLARGER)


if __name__ == "__main__":
    main()
