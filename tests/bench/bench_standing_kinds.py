"""Standing requests about counts, hands and text: what is missed, and false alarms an hour.

`python -m tests.bench.bench_standing_kinds counts hands text --half 0`, after `python -m
tests.bench.blind_set fetch`. Timelines as in `bench_standing`, of three sorts of pictures:

    counts  photographs with one thing that has boxes, alone, and two or three of them side by side,
            on grey to 16:9
    hands   gestures (npm fingerpose's moving picture, see `bench_body`, and tests/data/hands)
            among photographs of the blind test, which show none of these
    text    drawn signs, as in `bench_text`, among photographs without text

Each photograph is seen in a few views, as from a moving camera. Text is read every two seconds, as
in a session; counts and hands are looked at twice a second. The baseline is a notice at the first
look on the other side of one half.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from models.assistant.body import watch
from models.assistant.body.actions import hand_signs
from models.assistant.body.signs import Sign
from models.assistant.body.watch import BodyState
from models.assistant.requests.parsing import Request, parse_request
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.requests.targets import Target
from models.assistant.scene import perception
from models.assistant.scene.perception import Observation, Pixels
from models.assistant.scene.query_parsing import find_name_ids
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.talk.wording import counted
from models.engine import EngineLoader
from models.training.requests.alarms import Notices, trials
from models.training.requests.timelines import LabeledPicture, compose
from models.vision.class_names import COUNTABLE, NAMES
from models.vision.text import reader
from tests.bench import bench_body, blind_set
from tests.bench.bench_standing import views
from tests.bench.bench_text import SIGNS, WITH_TEXT
from tests.bench.notice_detectors import NoticeDetector, in_a_row, scored, watched
from tests.models.vision.text.signs import View, photograph
from web.config import read_settings
from web.loading.engines import stored_engines

SEEN = 2  # views of a picture
READ_EVERY = 4  # looks between two readings: two seconds
HANDS = Path("tests/data/hands")
GESTURES = {"thumbs-up": Sign.THUMBS_UP, "victory": Sign.VICTORY}
SIGN_VIEWS = (View(height=28), View(height=48, tilt=15), View(height=48, slant=0.3))

Look = Callable[[Pixels], Observation]


def photographs(
    half: int, *, second: Sequence[bool] = (False, True)
) -> Iterator[tuple[blind_set.Line, Pixels]]:
    """Yield the photographs of a half of the first and the `second` blind set."""
    for each in second:
        for line in blind_set.labels(half, second=each):
            if line["media"] == "photo":
                with Image.open(blind_set.path(line)) as picture:
                    yield line, np.asarray(picture.convert("RGB"))


def seen(
    name: str, pixels: Pixels, look: Look, *, moved: bool = True, **labels: object
) -> LabeledPicture:
    """Return a picture with its labels and what `look` finds in some views of it."""
    rng = np.random.default_rng(int.from_bytes(name.encode()[:8], "little"))
    shown = list(islice(views(pixels, rng), SEEN)) if moved else [pixels]
    about = {"clip": False, "half": 0, "objects": (), "people": None, "colors": ()} | labels
    observations = tuple(map(look, shown))
    return LabeledPicture(id=name, observations=observations, **about)  # type: ignore[arg-type]  # by name


def counts(
    load_engine: EngineLoader, half: int, limit: int | None
) -> tuple[list[LabeledPicture], list[Target]]:
    """Return pictures of one, two and three things, and requests for two and three of each."""
    model = perception.load(read_settings().weights, load_engine)
    chosen = list(islice(photographs(half), limit))
    groups = tuple({find_name_ids(line["objects"][0][0]) for line, _ in chosen if _counts(line)})

    def look(shown: Pixels) -> Observation:
        return model.analyze_many([perception.Look(shown, 0.0, counted=groups)])[0]

    pictures: list[LabeledPicture] = []
    asked: dict[str, Target] = {}
    for line, pixels in chosen:
        if not _counts(line):
            continue
        columns = find_name_ids(line["objects"][0][0])
        (column,) = columns
        both = (pixels, pixels[:, ::-1], pixels)
        pictures += [
            seen(
                f"{line['id']}-{number}",
                _widescreen(np.concatenate(both[:number], 1)),
                look,
                moved=number == 1,
                objects=line["objects"],
                counts=((columns, number),),
            )
            for number in (1, 2, 3)
        ]
        for number in (2, 3):
            label = counted(number, NAMES[column])
            asked[label] = Target(label=label, name_ids=columns, count=number)
    return pictures, list(asked.values())


def _widescreen(shown: Pixels) -> Pixels:
    """Return a picture with grey around it, as wide as a camera's is for its height."""
    height, width = shown.shape[:2]
    above = max(round(width * 9 / 16) - height, 0) // 2
    beside = max(round(height * 16 / 9) - width, 0) // 2
    return np.pad(shown, ((above, above), (beside, beside), (0, 0)), constant_values=128)


def _counts(line: blind_set.Line) -> bool:
    """Return whether a photograph shows one thing alone that has boxes."""
    columns = find_name_ids(line["objects"][0][0])
    alone = line["people"] == 0 and len(line["objects"]) == 1 and _is_one(line)
    return alone and bool(columns) and columns <= COUNTABLE


def _is_one(line: blind_set.Line) -> bool:
    """Return whether the labels say that there is one of the main thing."""
    number = [q["expect"] for q in line["questions"] if q["kind"] == "count"]
    return any(set(expected) & {"1", "one"} for expected in number)


def hands(
    load_engine: EngineLoader, half: int, limit: int | None
) -> tuple[list[LabeledPicture], list[Target]]:
    """Return gestures among photographs that show none, and requests for them."""
    bodies = watch.load(read_settings().weights, load_engine)

    def look(shown: Pixels) -> Observation:
        found = bodies.look(BodyState(), shown, 0.0, (), hands=True)
        scene = SceneEntry(time=0.0, names=(("something", 1.0),))
        signs = hand_signs(found.look.hands or ())
        return Observation(scene, torch.zeros(len(NAMES)), signs=signs)

    shown_first = islice(photographs(half), limit)
    pictures = [seen(line["id"], pixels, look) for line, pixels in shown_first]
    for file in sorted(HANDS.glob("*.jpg")):
        shown = frozenset({GESTURES[file.stem]}) if file.stem in GESTURES else frozenset()
        pictures.append(seen(file.stem, np.asarray(Image.open(file)), look, signs=shown))
    clip = dict(bench_body.frames())
    for sign, numbers in (
        (Sign.THUMBS_UP, bench_body.THUMBS_UP),
        (Sign.VICTORY, bench_body.VICTORY),
    ):
        pictures += [
            seen(f"{number} clip", clip[number], look, signs=frozenset({sign}))
            for number in sorted(numbers)[::3]
        ]
    asked = [Target(label=name, sign=sign) for name, sign in GESTURES.items()]
    return pictures, asked


def texts(half: int, limit: int | None) -> tuple[list[LabeledPicture], list[Target]]:
    """Return drawn signs among photographs without text, and requests for their words."""
    reads = reader.load(read_settings().weights)

    def look(shown: Pixels) -> Observation:
        found = tuple((block.text, block.score) for block in reads.read(shown).blocks)
        scene = SceneEntry(time=0.0, names=(("something", 1.0),), text=found)
        return Observation(scene, torch.zeros(len(NAMES)))

    pictures = [
        seen(line["id"], pixels, look)
        for line, pixels in islice(photographs(half, second=(False,)), limit)
        if line["id"] not in WITH_TEXT
    ]
    for seed, lines in enumerate(SIGNS):
        for view in SIGN_VIEWS:
            sign = photograph(list(lines), view, seed=seed)
            name = f"{seed} {view.height} {view.tilt}"
            pictures.append(seen(name, sign, look, moved=False, written=" ".join(lines)))
    asked = []
    for phrase in ("exit", "no parking", "wet floor"):
        request = parse_request(f"tell me when a sign says {phrase}")
        assert isinstance(request, Request), phrase
        asked.append(request.target)
    return pictures, asked


def read_now_and_then(standing: RequestTracker) -> NoticeDetector:
    """Return the detector of the service for text: every `READ_EVERY`th look is read."""
    return watched(
        standing,
        step=lambda state, seen: standing.step_text(state, seen.scene),
        every=READ_EVERY,
    )


def first_reading(observations: Sequence[Observation], target: Target) -> Notices:
    """The baseline for text: each reading is believed."""
    held = [observations[i - i % READ_EVERY] for i in range(len(observations))]
    return in_a_row(1)(held, target)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="+", choices=["counts", "hands", "text"])
    parser.add_argument("--half", type=int, choices=[0, 1], default=0)
    parser.add_argument("--photographs", type=int, help="of the blind sets, by default all")
    parser.add_argument("--timelines", type=int, default=200)
    given = parser.parse_args()
    torch.set_num_threads(1)
    print("| request | way | events | missed | looks p50 | s p50 / p95 | false alarms |")
    print("|---|---|---|---|---|---|---|")
    with stored_engines(read_settings()) as load_engine:
        for kind in given.kinds:
            if kind == "text":
                pictures, asked = texts(given.half, given.photographs)
            else:
                pictures, asked = {"counts": counts, "hands": hands}[kind](
                    load_engine, given.half, given.photographs
                )
            tried = trials(compose(pictures, given.timelines, seed=1), asked)
            tracker = RequestTracker(reads=True)
            ways: dict[str, NoticeDetector] = (
                {
                    "each reading": first_reading,
                    "two to be gone": read_now_and_then(tracker),
                }
                if kind == "text"
                else {"first look": in_a_row(1), "sum of evidence": watched(tracker)}
            )
            for way, detect in ways.items():
                print(f"| {kind} | {way} | {scored(detect, tried).row()}", flush=True)


if __name__ == "__main__":
    main()
