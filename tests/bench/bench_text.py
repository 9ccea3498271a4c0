"""Words read right on drawn signs, text found where there is none, and CPU of a reading.

`python -m tests.bench.bench_text [--rapidocr FOLDER]`: FOLDER is where `pip install --target FOLDER
rapidocr==3.10.0` put the package that the weights come from; it is the baseline then. The
photographs are those of the blind test (`python -m tests.bench.blind_set fetch`).
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from models.vision.text import reader
from tests.bench import blind_set
from tests.models.packaged import folder
from tests.models.vision.text.signs import View, photograph

Picture = NDArray[np.uint8]
Reads = Callable[[Picture], list[str]]  # the lines or blocks in a picture

SIGNS = (
    ("EMERGENCY EXIT", "Push bar to open"),
    ("NO PARKING", "8 am to 6 pm"),
    ("Platform 3", "Trains to Oxford"),
    ("CAUTION", "Wet floor"),
    ("Room 214", "Dr. Helen Moore"),
)
WITH_TEXT = frozenset(  # photographs of the blind test that show letters or digits
    {
        "barrier", "carpark-sign", "circuit", "city-bus", "footballer", "motorcycle", "pot-plant",
        "volleyball", "wall-clock",
    }
)  # fmt: skip


def views() -> Iterator[View]:
    for height in (16, 28, 48):
        yield View(height=height)
        yield View(height=height, tilt=15)
        yield View(height=height, slant=0.3)
        yield View(height=height, blur=height / 24)
        yield View(height=height, light=0.1, noise=4)


def score_signs(reads: Reads) -> tuple[int, int, float]:
    """Return the words read right, all words, and the median CPU-seconds of a sign."""
    right, total, spent = 0, 0, []
    for view in views():
        for seed, lines in enumerate(SIGNS):
            picture = photograph(list(lines), view, seed=seed)
            begin = time.process_time()
            said = " ".join(reads(picture)).split()
            spent.append(time.process_time() - begin)
            words = " ".join(lines).split()
            right += sum(word in said for word in words)
            total += len(words)
    return right, total, float(np.median(spent))


def score_photographs(reads: Reads) -> tuple[int, int, float]:
    """Return photographs without text in which some was read, all of those, and the median CPU."""
    wrong, total, spent = 0, 0, []
    for line in blind_set.labels():
        if line["media"] != "photo":
            continue
        picture = np.asarray(Image.open(blind_set.path(line)).convert("RGB"))
        begin = time.process_time()
        found = reads(picture)
        spent.append(time.process_time() - begin)
        if line["id"] not in WITH_TEXT:
            total += 1
            wrong += bool(found)
    return wrong, total, float(np.median(spent))


def packaged() -> Reads:
    ours = reader.load(folder(reader.WEIGHTS).parent)
    return lambda picture: [block.text for block in ours.read(picture).blocks]


def rapidocr(home: Path) -> Reads:
    """Return the unmodified package in the folder `home`, which searches pictures as large."""
    sys.path.insert(0, str(home))
    import rapidocr  # type: ignore[import-not-found]  # not installed where types are checked

    side = reader.ReaderConfig().side  # without, it makes small pictures larger
    limits = {"Det.limit_type": "max", "Det.limit_side_len": side}
    theirs: Any = rapidocr.RapidOCR(params={"Global.log_level": "critical", **limits})
    return lambda picture: list(theirs(picture[:, :, ::-1].copy()).txts or ())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rapidocr", type=Path)
    home = parser.parse_args().rapidocr
    readers = {"eyeline": packaged()} | ({"rapidocr": rapidocr(home)} if home else {})
    costs = {}
    for name, reads in readers.items():
        reads(photograph(["warm up"], View()))
        right, words, sign = score_signs(reads)
        wrong, photographs, costs[name] = score_photographs(reads)
        print(f"{name}: {right} of {words} words of signs; {1000 * sign:.0f} CPU-ms a sign")
        print(
            f"  text in {wrong} of {photographs} photographs without; {1000 * costs[name]:.0f} ms"
        )
    if home:
        print(f"CPU of a photograph, ours / rapidocr: {costs['eyeline'] / costs['rapidocr']:.2f}")


if __name__ == "__main__":
    main()
