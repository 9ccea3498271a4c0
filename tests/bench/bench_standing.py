"""When to speak, on the blind pictures: `python -m tests.bench.bench_standing looks`, then `score`.

`looks` analyzes every picture once and writes the observations to `.cache/eyeline/standing`;
`models.training.requests.tune` then chooses the parameters on half 0, and `score` measures either
half.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageFilter

from models.assistant.requests.parsing import Request, parse_request
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.scene import perception
from models.assistant.scene.perception import Pixels
from models.training.requests.alarms import trials
from models.training.requests.timelines import FOLDER, RATE, compose, load, targets, whole
from tests.bench import blind_set
from tests.bench.bench_blind import frames
from tests.bench.notice_detectors import in_a_row, scored, watched

VIEWS = 14  # of a photograph, as a camera in a hand would see it


def views(pixels: Pixels, rng: np.random.Generator) -> Iterator[Pixels]:
    """Yield `VIEWS` pictures of a photograph: moved, nearer, darker, blurred, with noise."""
    whole = Image.fromarray(pixels)
    whole.thumbnail((640, 640))
    width, height = whole.size
    for _ in range(VIEWS):
        share = rng.uniform(0.65, 1.0)
        left = rng.uniform(0, (1 - share) * width)
        top = rng.uniform(0, (1 - share) * height)
        part = whole.crop(
            (int(left), int(top), int(left + share * width), int(top + share * height))
        )
        part = part.filter(ImageFilter.GaussianBlur(float(rng.exponential(0.8))))
        seen = np.asarray(part, np.float32) * rng.uniform(0.7, 1.2)
        seen += rng.normal(0, 5, seen.shape)
        yield seen.round().clip(0, 255).astype(np.uint8)


def colors(line: blind_set.Line) -> list[str]:
    """Return the accepted colors of the main thing."""
    asked = [question for question in line["questions"] if question["kind"] == "colour"]
    return [word for question in asked for word in question["expect"]]


def analyze_all(weights: Path) -> None:
    """Write the observations and labels of every picture."""
    model = perception.load(weights)
    rows, shares = [], []
    for line in blind_set.labels():
        pictures = frames(line, rate=RATE)
        if line["media"] == "photo":
            seed = int.from_bytes(line["id"].encode()[:8], "little")
            photo = next(pictures)[0]
            moved = views(photo, np.random.default_rng(seed))
            pictures = ((view, index / RATE) for index, view in enumerate(moved))
        about = {key: line[key] for key in ("id", "media", "objects", "people")}
        about["colours"] = colors(line)
        for pixels, at in pictures:
            observation = model.analyze(pixels, at)
            seen = {
                "moment": asdict(observation.scene),
                "persons": [round(score, 3) for score in observation.person_scores],
            }
            rows.append(json.dumps(about | {"half": blind_set.half_of(line["id"])} | seen))
            shares.append(observation.probabilities.numpy().astype(np.float16))
        print(line["id"], len(rows), flush=True)
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "looks.jsonl").write_text("\n".join(rows) + "\n")
    np.save(FOLDER / "shares.npy", np.stack(shares))


def score(half: int, timelines: int) -> None:
    """Print the misses, delays and false alarms of each detector."""
    pictures = [picture for picture in load() if picture.half == half]
    asked = targets(pictures)
    ways = {
        "first look above one half": in_a_row(1),
        "two in a row": in_a_row(2),
        "three in a row": in_a_row(3),
        "five in a row": in_a_row(5),
        "sum of evidence": watched(RequestTracker()),
    }
    clips = [picture for picture in pictures if picture.clip]
    shown = {
        "composed": trials(compose(pictures, timelines, seed=1), asked),
        "clips cut together": trials(compose(clips, timelines // 2, seed=1), asked),
        "uncut clips": trials(whole(pictures), asked),
    }
    print("| request, timeline | way | events | missed | looks p50 | s p50 / p95 | false alarms |")
    print("|---|---|---|---|---|---|---|")
    for kind, people in (("people", True), ("things", False)):
        for name, of in shown.items():
            mine = [trial for trial in of if people == (trial.target.people > 0)]
            for way, detect in ways.items():
                print(f"| {kind}, {name} | {way} | {scored(detect, mine).row()}", flush=True)
    print("seconds a look with 8 requests:", cost())


def cost(observations: int = 400) -> float:
    """Return the median seconds of a step with eight requests."""
    standing = RequestTracker()
    state = standing.init_state()
    for text in ("someone comes in", "you see a cup", "you see an animal", "the dog leaves") * 2:
        request = parse_request(f"tell me whenever {text}")
        assert isinstance(request, Request)
        state = standing.add(state, request, 0.0)
    seen = [observation for picture in load() for observation in picture.observations][
        :observations
    ]
    took = []
    for index, observation in enumerate(seen):
        timed = replace(observation, scene=replace(observation.scene, time=index / RATE))
        started = time.perf_counter()
        state, _ = standing.step(state, timed)
        took.append(time.perf_counter() - started)
    return float(np.median(took))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("command", choices=["looks", "score"])
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--half", type=int, choices=[0, 1], default=0)
    parser.add_argument("--timelines", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    match options.command:
        case "looks":
            analyze_all(options.weights)
        case _:
            score(options.half, options.timelines)


if __name__ == "__main__":
    main()
