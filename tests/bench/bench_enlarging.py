"""Enlargement of what the small model draws, beside interpolation: how it looks, what it costs.

    python -m tests.bench.bench_enlarging looks --pairs FOLDER --sheet sheet.png
    python -m tests.bench.bench_enlarging cost --size 96 128

`looks` needs held-out pairs (`python -m models.training.video.enlarging_pairs --held-out`), and
takes even and odd clips apart: those of the codec, and those that the sampler drew over if there is
a transformer. Edges and flicker are mean errors of differences to the next pixel and frame, of 255.
`cost` measures one thread of ONNX Runtime, a latent of four frames a call.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from models.engine import Engine
from models.generation.calls import SESSIONS
from models.generation.codec.enlarging import Enlarger
from models.generation.generator import to_frames
from models.generation.small.enlarger_file import load_enlarger, load_enlarging_engine
from models.generation.small.loading import find_files
from models.training.video.enlarging_pairs import EnlargingPairs, read
from models.training.video.train_enlarger import start_memory, to_signal
from web.config import Settings
from web.loading.engines import stored_engines

Pixels = NDArray[np.uint8]
Floats = NDArray[np.float32]
Enlarge = Callable[[Pixels], Pixels]  # (frames, h, w, 3) to (frames, scale * h, scale * w, 3)

FRAME = 5  # of each clip, on the sheet
LATENTS_PER_SECOND = 4


def interpolate(way: Image.Resampling, scale: int) -> Enlarge:
    def enlarge(frames: Pixels) -> Pixels:
        size = (scale * frames.shape[2], scale * frames.shape[1])
        return np.stack([np.asarray(Image.fromarray(f).resize(size, way)) for f in frames])

    return enlarge


def by_network(enlarger: Enlarger) -> Enlarge:
    @torch.no_grad()
    def enlarge(frames: Pixels) -> Pixels:
        signal = to_signal(frames[None])
        return to_frames(enlarger(signal, start_memory(enlarger, signal))[0])

    return enlarge


def changes(frames: Floats, axis: int) -> Floats:
    return np.diff(frames, axis=axis)


def errors(shown: Pixels, wanted: Pixels) -> tuple[float, float, float, float]:
    """Return decibels, errors of edges and of flicker, and the sharpness of `shown`."""
    one, two = shown.astype(np.float32), wanted.astype(np.float32)
    decibels = -10 * np.log10(np.square(one - two).mean() / 255**2)
    edges = np.mean([np.abs(changes(one, n) - changes(two, n)).mean() for n in (1, 2)])
    flicker = np.abs(changes(one, 0) - changes(two, 0)).mean()
    sharpness = np.mean([np.abs(changes(one, n)).mean() for n in (1, 2)])
    return float(decibels), float(edges), float(flicker), float(sharpness)


def looks(pairs: EnlargingPairs, ways: Mapping[str, Enlarge], sheet: Path | None) -> None:
    """Print the errors of `ways`, and write what they show, a row a clip, the true one last."""
    cells: list[list[Pixels]] = []
    for name, enlarge in ways.items():
        shown = [enlarge(clip) for clip in pairs.small]
        table = np.array([errors(*each) for each in zip(shown, pairs.large, strict=True)])
        for kind, rows in (("codec", table[::2]), ("drawn", table[1::2])):
            decibels, edges, flicker, sharpness = rows.mean(0)
            print(
                f"{name:10} {kind}: {decibels:.2f} dB, edges {edges:.2f}, flicker {flicker:.2f}, "
                f"sharpness {sharpness:.2f}"
            )
        cells.append([clip[FRAME] for clip in shown[:12]])
    cells.append([clip[FRAME] for clip in pairs.large[:12]])
    if sheet is not None:
        lines = [np.concatenate(row, 1) for row in zip(*cells, strict=True)]
        Image.fromarray(np.concatenate(lines)).save(sheet)


def milliseconds(engine: Engine, sessions: int, repeats: int) -> float:
    """Return the median of processor time of a call for a latent of each of `sessions`."""
    inputs = {each.name: torch.rand(each.size({"batch": sessions})) for each in engine.spec.inputs}
    times = []
    for _ in range(repeats + 1):
        before = time.process_time()
        engine.run(inputs)
        times.append(1000 * (time.process_time() - before))
    return median(times[1:])


def cost(file: Path, sizes: list[int], repeats: int) -> None:
    """Print the time of a latent, and the share of a core at 16 frames a second."""
    torch.set_num_threads(1)
    for size in sizes:
        with stored_engines(Settings(threads=1)) as load_engine:
            engine = load_enlarging_engine(file, size, load_engine)
        for sessions in (SESSIONS.minimum, 4):
            took = milliseconds(engine, sessions, repeats) / sessions
            share = took * LATENTS_PER_SECOND / 1000
            print(f"{size} px, {sessions} at once: {took:.1f} ms a latent, {share:.2f} of a core")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("looks", "cost"))
    parser.add_argument("--enlarger", type=Path, default=find_files().enlarger)
    parser.add_argument("--pairs", type=Path)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--size", type=int, nargs="+", default=[96, 128])
    parser.add_argument("--repeats", type=int, default=30)
    options = parser.parse_args()
    if options.what == "cost":
        cost(options.enlarger, options.size, options.repeats)
        return
    enlarger = load_enlarger(options.enlarger)
    scale, ways = enlarger.config.scale, Image.Resampling
    names = {"crisp": ways.NEAREST, "bicubic": ways.BICUBIC, "Lanczos": ways.LANCZOS}
    shown = {name: interpolate(way, scale) for name, way in names.items()}
    looks(read([options.pairs]), {**shown, "network": by_network(enlarger)}, options.sheet)


if __name__ == "__main__":
    main()
