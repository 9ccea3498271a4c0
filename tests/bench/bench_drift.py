"""How a long stream drifts, and what each part of its memory does against it.

    python -m tests.bench.bench_drift --minutes 2 --prompts 3
    python -m tests.bench.bench_drift --latents 10000 --prompts 1 --streams rolling-forcing

The three samplers draw one thing on one background, moving in a circle, and MotionStream does so
with a part of its memory off: the sink, which is StreamingT2V's long-term anchor of appearance;
the window, which is its short-term conditioning on what came just before; or both.

For each minute: colour (mean of the pictures, 0 to 255) and sharpness (mean change to the next
pixel); motion (mean change to the next picture: a frozen stream drifts least of all) and seams
(that change where chunks meet over that within them, 1 where nothing shows); whether the thing and
the background are the nearest of all (`look_judge.py`), in a picture of each lap; how far the
thing is from its path, in pixels; processor time a latent and resident memory. The same scenes
composed of the model's looks are the first rows, as they are and through the codec: what no stream
can beat.
"""

import argparse
import math
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from models.generation.calls import Calls, run_alone
from models.generation.chunk_request import FRAME_RATE
from models.generation.codec.codec import FRAMES_PER_LATENT, FeatureCache
from models.generation.context import Reach
from models.generation.generator import to_frames
from models.generation.small.loading import SmallVideoModel, find_files, load_files
from models.generation.small.prompts.vocabulary import with_article
from tests.bench.drawn_scenes import path_error
from tests.bench.drawn_stream import Shown, drawn_chunks
from tests.bench.look_judge import LookJudge, named

SPAN = 40  # pictures measured together: once round the circle, so that what moves is never still
JUDGED = SPAN // 4  # the picture of a span whose thing and background are named
LATENTS = SPAN // FRAMES_PER_LATENT
MINUTE = 60 * FRAME_RATE // SPAN  # spans
STREAMS = (
    "motion-stream",
    "motion-stream, no sink",
    "motion-stream, no window",
    "motion-stream, neither",
    "rolling-forcing",
    "stream-dit",
)

Way = NDArray[np.float32]
Measures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Scene:
    """A prompt with its thing and background."""

    kind: str
    background: str

    @property
    def text(self) -> str:
        return f"{with_article(self.kind)} moving in a circle on {self.background}"


def scenes(count: int, kinds: Sequence[str], grounds: Sequence[str]) -> list[Scene]:
    """Return `count` scenes, no two alike in thing or background while these last."""
    return [
        Scene(kinds[(7 + 7 * n) % len(kinds)], grounds[(3 + 5 * n) % len(grounds)])
        for n in range(count)
    ]


def circle(first: int, count: int) -> Way:
    """Return the track of pictures `first` to `first + count - 1`: (count, 2)."""
    turn = 2 * math.pi * (first + np.arange(count)) / SPAN
    return (0.5 + 0.25 * np.stack([np.cos(turn), np.sin(turn)], 1)).astype(np.float32)


def stream_reach(name: str, whole: Reach) -> Reach:
    """Return the context of stream `name`; `whole` is the one that the model was trained with."""
    if name == "stream-dit" or name.endswith("no sink"):
        return Reach(sink=0, window=whole.window)
    if name.endswith("no window"):
        return Reach(sink=whole.sink, window=0)
    return Reach(sink=0, window=0) if name.endswith("neither") else whole


def spans(
    drawing: SmallVideoModel, name: str, scene: Scene, seed: int, latents: int
) -> Iterator[Shown]:
    """Yield the pictures of a stream, `SPAN` at a time."""
    chunks = (
        (scene.text, circle(FRAMES_PER_LATENT * n, FRAMES_PER_LATENT)[None]) for n in range(latents)
    )
    reach = stream_reach(name, drawing.info.reach)
    held: list[Shown] = []
    for pictures in drawn_chunks(drawing, name.split(",")[0], chunks, seed=seed, reach=reach):
        held.append(pictures)
        if len(held) == LATENTS:
            yield np.concatenate(held)
            held = []


def picture_statistics(pictures: Shown, before: Shown | None) -> Measures:
    """Return color, sharpness, motion and seams of `pictures`, after the one `before`."""
    numbers = pictures.astype(np.float32)
    red, green, blue = numbers.mean((0, 1, 2))
    steps = np.abs(np.diff(numbers, axis=0)).mean((1, 2, 3))
    places = np.arange(1, len(pictures))
    if before is not None:
        across = np.abs(numbers[0] - before.astype(np.float32)).mean()
        steps, places = np.append(steps, across), np.append(places, 0)
    at_seam = places % FRAMES_PER_LATENT == 0
    return {
        "red": float(red),
        "green": float(green),
        "blue": float(blue),
        "sharpness": float(np.abs(np.diff(numbers, axis=2)).mean()),
        "motion": float(steps.mean()),
        "seams": float(steps[at_seam].mean() / max(1e-6, steps[~at_seam].mean())),
    }


def scene_measures(judge: LookJudge, pictures: Shown, path: Way, scene: Scene) -> Measures:
    """Return whether thing and background are right, 0 or 1, and the distance from the path."""
    shown, place = pictures[JUDGED], path[JUDGED]
    return {
        "class": float(judge.kind(shown, scene.background, place) == scene.kind),
        "background": float(judge.ground(shown, place) == scene.background),
        "error": path_error(pictures, path),
    }


def measured(
    drawing: SmallVideoModel, judge: LookJudge, name: str, scene: Scene, seed: int, latents: int
) -> list[Measures]:
    """Return the measures of each span of a stream."""
    import psutil  # comes with the benchmarks: the tests of this file do without

    process, out, before = psutil.Process(), [], None
    busy = time.process_time()
    for number, pictures in enumerate(spans(drawing, name, scene, seed, latents)):
        worked = (time.process_time() - busy) / LATENTS * 1000
        measures = picture_statistics(pictures, before)
        measures |= scene_measures(judge, pictures, circle(SPAN * number, SPAN), scene)
        measures |= {"ms": worked, "MB": process.memory_info().rss / 1e6}
        out.append(measures)
        before, busy = pictures[-1], time.process_time()
    return out


def composed(
    drawing: SmallVideoModel, judge: LookJudge, given: Sequence[Scene], *, coded: bool
) -> Measures:
    """Return the measures of `given` as they are composed, `coded`: through the codec and back."""
    each, path = [], circle(0, SPAN)
    for scene in given:
        pictures = judge.clip(scene.kind, scene.background, path)
        if coded:
            pixels = torch.from_numpy(pictures.copy()).permute(3, 0, 1, 2)[None] / 127.5 - 1
            pictures = run_alone(recoded(drawing, pixels))
        each.append(
            picture_statistics(pictures, None) | scene_measures(judge, pictures, path, scene)
        )
    return mean(each)


def recoded(drawing: SmallVideoModel, pixels: torch.Tensor) -> Calls[Shown]:
    """Return frames (1, 3, frames, height, width) through the codec and back."""
    read: FeatureCache | None = None
    written: FeatureCache | None = None
    shown = []
    for part in torch.split(pixels, FRAMES_PER_LATENT, 2):
        latent, read = yield from drawing.codec.encode(part, read)
        frames, written = yield from drawing.codec.decode(latent, written)
        shown.append(to_frames(frames))
    return np.concatenate(shown)


def mean(each: Sequence[Measures]) -> Measures:
    """Return the mean of each measure."""
    parts: dict[str, list[float]] = defaultdict(list)
    for measures in each:
        for name, value in measures.items():
            parts[name].append(value)
    return {name: float(np.mean(values)) for name, values in parts.items()}


HEAD = """
| stream | minute | colour | sharpness | motion | seams | thing | background | path, px | ms | MB |
|---|---|---|---|---|---|---|---|---|---|---|"""


def row(name: str, minute: str, measures: Measures) -> str:
    """Return a line of the table."""
    color = " ".join(f"{measures[part]:.0f}" for part in ("red", "green", "blue"))
    cost = f"{measures['ms']:.1f} | {measures['MB']:.0f}" if "ms" in measures else " | "
    return (
        f"| {name} | {minute} | {color} | {measures['sharpness']:.2f} | "
        f"{measures['motion']:.2f} | "
        f"{measures['seams']:.2f} | {measures['class']:.0%} | {measures['background']:.0%} | "
        f"{measures['error']:.1f} | {cost} |"
    )


def drift(first: Measures, last: Measures) -> str:
    """Return the drift of a stream as text."""
    parts = [(first[part] - last[part]) ** 2 for part in ("red", "green", "blue")]
    sharper, faster = (last[part] / max(1e-6, first[part]) for part in ("sharpness", "motion"))
    return (
        f"colour moved {math.sqrt(sum(parts)):.1f}, sharpness x{sharper:.2f}, "
        f"motion x{faster:.2f}, "
        f"thing {first['class']:.0%} -> {last['class']:.0%}, "
        f"background {first['background']:.0%} -> {last['background']:.0%}, "
        f"path {first['error']:.1f} -> {last['error']:.1f} px, "
        f"{first['ms']:.1f} -> {last['ms']:.1f} ms, {first['MB']:.0f} -> {last['MB']:.0f} MB"
    )


def report(
    drawing: SmallVideoModel,
    judge: LookJudge,
    name: str,
    given: Sequence[Scene],
    options: argparse.Namespace,
) -> str:
    """Print the rows of a stream, minute by minute, and return its drift."""
    latents = options.latents or round(options.minutes * MINUTE * LATENTS)
    streams = [
        measured(drawing, judge, name, scene, seed, latents) for seed, scene in enumerate(given)
    ]
    every = min(options.every or MINUTE, len(streams[0]))
    rows = [
        mean([span for stream in streams for span in stream[start : start + every]])
        for start in range(0, len(streams[0]) - every + 1, every)
    ]
    for number, each in enumerate(rows):
        print(row(name, f"{(number + 1) * every / MINUTE:.2g}", each), flush=True)
    return drift(rows[0], rows[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0] if __doc__ else None)
    parser.add_argument("--model", type=Path, help="a folder, as `ship --to` writes it")
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--latents", type=int, help="instead of minutes; 240 are one")
    parser.add_argument("--prompts", type=int, default=3, help="streams a row is the mean of")
    parser.add_argument("--every", type=int, help="spans of 2.5 s a row; a minute's by default")
    options = parser.parse_args()
    torch.set_num_threads(1)
    drawing = load_files(find_files(options.model, enlarged=False))
    if drawing.looks is None:
        parser.error("this model takes no looks: there is nothing to compare with")
    judge = LookJudge(named(drawing.looks, drawing.info.vocabulary), drawing.info.size)
    drawing = replace(drawing, looks=judge.pictures)
    given = scenes(
        options.prompts, *(sorted(n) for n in (judge.pictures.things, judge.pictures.grounds))
    )
    print("; ".join(scene.text for scene in given) + HEAD)
    print(row("composed", "", composed(drawing, judge, given, coded=False)))
    print(row("the same through the codec", "", composed(drawing, judge, given, coded=True)))
    ends = {name: report(drawing, judge, name, given, options) for name in options.streams}
    print()
    for name, end in ends.items():
        print(f"- {name}: {end}")


if __name__ == "__main__":
    main()
