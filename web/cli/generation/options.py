"""The options of `eyeline generate`; imports are cheap, so that `--help` is quick."""

import argparse
from pathlib import Path

from models.weights.hub_catalog import VIDEO_GENERATORS

SAMPLERS = ("motion-stream", "rolling-forcing", "stream-dit")  # as media.events.generation


def add_generation_options(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "prompt",
        metavar="PROMPT",
        nargs="?",
        help='such as "a duck on grass, to the left" (the prompts of the track file)',
    )
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.mp4", help="video to write"
    )
    command.add_argument(
        "--track",
        type=Path,
        metavar="FILE.json",
        help="tracks of things, and prompts with their times, see docs/generation.md "
        "(the motion in the prompt)",
    )
    command.add_argument(
        "--look",
        action="append",
        default=[],
        metavar="NAME=PICTURE",
        help='a picture of your own, which prompts name, as in "my mug on grass"; can be repeated',
    )
    command.add_argument(
        "--background",
        action="append",
        default=[],
        metavar="NAME=PICTURE",
        help="a background of your own; can be repeated",
    )
    whole = "show all of the pictures, instead of the things that are cut out of them"
    command.add_argument("--whole-picture", action="store_true", help=whole)
    command.add_argument("--seconds", type=float, default=20.0, help="length of the video (20)")
    command.add_argument(
        "--then",
        action="append",
        default=[],
        metavar="PROMPT@SECONDS",
        help="another prompt from this second on; can be repeated",
    )
    command.add_argument("--sampler", choices=SAMPLERS, default=SAMPLERS[0], help="(%(default)s)")
    command.add_argument(
        "--steps",
        type=int,
        choices=range(1, 9),
        metavar="1-8",
        help="more steps are clearer and slower",
    )
    command.add_argument("--seed", type=_seed, default=0, help="seed of the random numbers (0)")
    command.add_argument(
        "--scale",
        type=int,
        default=4,
        choices=range(1, 33),
        metavar="1-32",
        help="enlargement of the model's frames (4)",
    )
    only = "only interpolate frames, without the network that enlarges them"
    command.add_argument("--no-enlarger", dest="enlarger", action="store_false", help=only)
    command.add_argument(
        "--model",
        dest="generation_model",
        type=Path,
        metavar="FOLDER",
        help="folder with codec.safetensors and drawing.safetensors (the one of eyeline), or, on a "
        f"GPU, one of {', '.join(VIDEO_GENERATORS)}, downloaded by eyeline pull",
    )


def _seed(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**53:
        raise argparse.ArgumentTypeError(f"expected a number from 0 to 2^53 - 1, got {text}")
    return number
