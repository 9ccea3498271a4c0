"""What the pictures of a question cost an outside model: `python -m tests.bench.picture_tokens`.

In tokens, by the published formula of each family, for pictures with a longer side of
EYELINE_ANSWERS_PICTURE_SIZE pixels:

    Qwen2.5-VL, Qwen3-VL   cells of 28 or 32 pixels, each side rounded to a whole number of them
    LLaVA-OneVision        27 x 27 patches for each of several pictures
    Gemma 3                256 for each picture
    GPT-4o                 85, and 170 for each tile of 512 pixels
    GPT-4.1 mini           cells of 32 pixels, rounded up, times 1.62
"""

import argparse
import math
from collections.abc import Callable

SHAPES = {"16:9": 9 / 16, "4:3": 3 / 4}


def cells(width: int, height: int, side: int) -> int:
    """Return how many cells of `side` pixels a picture has, each side rounded."""
    return round(width / side) * round(height / side)


def tiles(width: int, height: int) -> int:
    return math.ceil(width / 512) * math.ceil(height / 512)


FAMILIES: dict[str, Callable[[int, int], int]] = {
    "Qwen2.5-VL": lambda width, height: cells(width, height, 28),
    "Qwen3-VL": lambda width, height: cells(width, height, 32),
    "LLaVA-OneVision": lambda _width, _height: 27 * 27,
    "Gemma 3": lambda _width, _height: 256,
    "GPT-4o": lambda width, height: 85 + 170 * tiles(width, height),
    "GPT-4.1 mini": lambda width, height: round(
        1.62 * math.ceil(width / 32) * math.ceil(height / 32)
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512, help="longer side in pixels")
    parser.add_argument("--pictures", type=int, nargs="+", default=[1, 4, 8])
    chosen = parser.parse_args()
    for name, cost in FAMILIES.items():
        for shape, ratio in SHAPES.items():
            each = cost(chosen.size, round(ratio * chosen.size))
            row = "  ".join(f"{count} cost {count * each:6}" for count in chosen.pictures)
            print(f"{name:16} {shape:5} {row}")


if __name__ == "__main__":
    main()
