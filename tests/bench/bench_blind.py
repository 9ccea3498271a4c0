"""The small model on the blind pictures: `python -m tests.bench.bench_blind --half 0`.

Questions are answered as in a session, by rules over the scene log; with `--generated` the language
model answers all of them, those about now from the newest observation alone unless `--scope off`
gives it the search's, too. Half 0 is for working on the recipe; half 1 is measured for a published
figure and not looked at: without `--show`, single answers are not printed. See
tests/data/blind/README.md.
"""

import argparse
import json
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from PIL import Image, ImageOps

from models.assistant.counting import attend
from models.assistant.scene import perception
from models.assistant.scene.perception import Look, Observation, Perception, Pixels
from models.assistant.scene.query_parsing import parse_query
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_memory import SmallModelMemory
from models.assistant.small_model import SmallModel
from models.assistant.small_state import SmallAssistantState
from models.assistant.understanding.question_scope import read_question
from models.assistant.understanding.wanted import Scope
from models.vision.class_names import NAMES
from tests.bench import blind_set
from tests.bench.packed_chat import packed_chat
from web.cli.output_file import open_output
from web.config import read_settings
from web.loading.engines import stored_engines

Line = blind_set.Line
DIGITS = {
    "no": "0", "nobody": "0", "none": "0", "one": "1", "two": "2", "three": "3", "four": "4",
    "five": "5", "a": "a",
}  # fmt: skip
SHOWN_SECONDS = 6.0  # seconds that a composition shows a picture


def frames(line: Line, *, rate: float = 2.0) -> Iterator[tuple[Pixels, float]]:
    """Yield pictures of `line` with times from 0; a photograph is shown for two seconds."""
    file = blind_set.path(line)
    if line["media"] == "photo":
        pixels = photograph(file)
        for index in range(3):
            yield pixels, float(index)
        return
    due = line["start"]
    with av.open(str(file)) as container:
        for frame in container.decode(video=0):
            at = frame.time or 0.0
            if at >= line["end"]:
                return
            if at >= due:
                due += 1 / rate
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), at - line["start"]


def photograph(file: Path) -> Pixels:
    """Return the picture in `file`, what is transparent on white."""
    picture = ImageOps.exif_transpose(Image.open(file)).convert("RGBA")
    paper = Image.new("RGBA", picture.size, "white")
    paper.alpha_composite(picture)
    return np.array(paper.convert("RGB"))


def is_right(kind: str, expected: list[str], text_answered: str) -> bool:
    """Return whether the answer has one of the `expected` words."""
    words = re.findall(r"[a-z0-9:]+", text_answered.lower())
    if kind in ("yes", "yesno2", "no"):
        return next((word for word in words if word in ("yes", "no")), "") == expected[0]
    if kind == "when":
        return any(
            abs(at - float(want)) <= 1 for at in times(text_answered) for want in seconds(expected)
        )
    if kind == "count":
        words = [DIGITS.get(word, word) for word in words]
    text = " " + " ".join(words) + " "
    return any(f" {' '.join(want.lower().split())} " in text for want in expected)


def seconds(expected: list[str]) -> list[float]:
    return [float(want) for want in expected if want.isdigit()]


def times(text_answered: str) -> list[float]:
    """Return the times in an answer, in seconds."""
    found = re.findall(r"(?:(\d+):)?(\d+):(\d\d)", text_answered)
    return [
        int(hours or 0) * 3600 + int(minutes) * 60 + int(part) for hours, minutes, part in found
    ]


def compositions(lines: list[Line], count: int, seed: int) -> Iterator[list[Line]]:
    """Yield lists of four photographs of different things."""
    rng = random.Random(seed)
    photos = [line for line in lines if line["media"] == "photo"]
    for _ in range(count):
        chosen: list[Line] = []
        for line in rng.sample(photos, len(photos)):
            if all(not set(line["objects"][0]) & set(other["objects"][0]) for other in chosen):
                chosen.append(line)
            if len(chosen) == 4:
                yield chosen
                break


def composed_questions(shown: list[Line]) -> list[dict[str, Any]]:
    """Return the questions about a composition: order, time, and presence of a thing.

    `about` are the places of the pictures that must be recognized to answer.
    """
    names = [line["objects"][0][0] for line in shown]
    asked = []
    for index in (1, 2):
        for word, other in (("before", index - 1), ("after", index + 1)):
            question = f"What came {word} the {names[index]}?"
            expect = shown[other]["objects"][0]
            both = (index, other)
            asked.append({"kind": "order", "ask": question, "expect": expect, "about": both})
    first = f"What came first, the {names[0]} or the {names[3]}?"
    expect = [f"the {names[0]} came"]
    asked.append({"kind": "order", "ask": first, "expect": expect, "about": (0, 3)})
    middle = [str(second) for second in range(int(2 * SHOWN_SECONDS), int(3 * SHOWN_SECONDS) + 1)]
    last = f"When did you last see the {names[2]}?"
    asked.append({"kind": "when", "ask": last, "expect": middle})
    asked.append({"kind": "yes", "ask": f"Did you see the {names[0]}?", "expect": ["yes"]})
    return asked


def recognized(memory: SmallModelMemory, shown: list[Line], places: tuple[int, ...]) -> bool:
    """Return whether the classifier named the pictures at `places` correctly."""
    for place in places:
        begin, end = place * SHOWN_SECONDS, (place + 1) * SHOWN_SECONDS
        entries = [e for e in memory.log.entries if begin <= e.scene.time < end]
        seen = {name for e in entries for name in (e.main, *e.scene.others)}
        known = {
            NAMES[c] for name in shown[place]["objects"][0] for c in parse_query(name).name_ids
        }
        if not seen & ({*shown[place]["objects"][0]} | known):
            return False
    return True


class CachedPerception(Perception):
    """Perception that reuses the observation of an unchanged picture."""

    def __init__(self, real: Perception) -> None:
        super().__init__(real.classifier, real.persons, real.things)
        self.shown: Pixels | None = None

    def analyze_many(self, looks: Sequence[Look]) -> list[Observation]:
        (look,) = looks
        if look.counted:
            return super().analyze_many(looks)
        if look.pixels is not self.shown:
            (self.seen,) = super().analyze_many(looks)
            self.shown = look.pixels
        return [replace(self.seen, scene=replace(self.seen.scene, time=look.time))]


class AnswerTally:
    """Number of right and of all answers, by media and kind, and the seconds of each."""

    def __init__(self, *, show: bool, generated: bool, scoped: bool) -> None:
        self.show = show
        self.scoped = scoped
        self.generated = generated
        self.tally: dict[str, list[bool]] = defaultdict(list)
        self.first: list[float] = []
        self.whole: list[float] = []

    def ask(
        self, model: SmallModel, memory: SmallModelMemory, media: str, line: Line, now: float
    ) -> None:
        for question in line["questions"]:
            started = time.perf_counter()
            pieces: list[str] = []
            for piece in self._pieces(model, memory, question["ask"], now):
                if not pieces:
                    self.first.append(time.perf_counter() - started)
                pieces.append(piece)
            self.whole.append(time.perf_counter() - started)
            text_answered = "".join(pieces)
            good = is_right(question["kind"], question["expect"], text_answered)
            kind = question["kind"]
            if kind == "count":
                kind += " of people" if parse_query(question["ask"]).persons else " of things"
            self.tally[f"{media} {kind}"].append(good)
            if question.get("about") and recognized(memory, line["shown"], question["about"]):
                self.tally[f"{media} {kind}, both things recognized"].append(good)
            if self.show:
                print(
                    "  " if good else "x ",
                    line["id"],
                    "|",
                    question["ask"],
                    "|",
                    text_answered,
                    flush=True,
                )

    def _pieces(
        self, model: SmallModel, memory: SmallModelMemory, question: str, now: float
    ) -> Iterator[str]:
        if self.generated:
            scope = read_question(question).scope if self.scoped else Scope.BOTH
            return model.answer(memory, question, now=now, scope=scope).pieces
        attend(model, memory, question)
        return SmallAssistant(model).answer(SmallAssistantState(memory), question, now).pieces

    def summary(self) -> dict[str, Any]:
        counts = {kind: [sum(all_), len(all_)] for kind, all_ in sorted(self.tally.items())}
        first, whole = (np.percentile(part, [50, 95]).round(3) for part in (self.first, self.whole))
        return {"right": counts, "first_token_s": first.tolist(), "answer_s": whole.tolist()}


def watched(
    model: SmallModel, pictures: Iterator[tuple[Pixels, float]]
) -> tuple[SmallModelMemory, float]:
    """Return the memory after `pictures`, and the time of the last."""
    memory, now = model.init_state(), 0.0
    for pixels, now in pictures:
        memory.looks.add(pixels, now)
        memory, _ = model.step(memory, (pixels, now))
    model.flush(memory)
    return memory, now


def composed(shown: list[Line]) -> Iterator[tuple[Pixels, float]]:
    for index, line in enumerate(shown):
        pixels = next(frames(line))[0]
        for second in range(int(SHOWN_SECONDS)):
            yield pixels, index * SHOWN_SECONDS + second


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", type=int, choices=[0, 1], default=0)
    parser.add_argument("--second", action="store_true", help="the set of other packages")
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--limit", type=int, help="look at the first so many lines only")
    parser.add_argument("--compositions", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--generated", action="store_true", help="by the language model alone")
    parser.add_argument("--scope", choices=["on", "off"], default="on", help="with --generated")
    parser.add_argument("--show", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    with ExitStack() as stack:
        out = stack.enter_context(open_output(options.out)) if options.out else None
        score = run(options)
        print(json.dumps(score.summary(), indent=1))
        if out is not None:
            out.write(json.dumps(score.summary()) + "\n")


def run(options: argparse.Namespace) -> AnswerTally:
    """Return the score of what the command line asks for."""
    torch.set_num_threads(options.threads)
    chat = packed_chat(options.weights)
    with stored_engines(read_settings()) as load_engine:
        seeing = perception.load(options.weights, load_engine)
    model = SmallModel(chat, CachedPerception(seeing))
    score = AnswerTally(
        show=options.show, generated=options.generated, scoped=options.scope == "on"
    )
    lines = blind_set.labels(options.half, second=options.second)[: options.limit]
    for line in lines:
        memory, now = watched(model, frames(line))
        if options.show:
            print(line["id"], [(m.scene.names[:1], m.scene.people) for m in memory.log.entries])
        score.ask(model, memory, line["media"], line, now)
    for index, shown in enumerate(compositions(lines, options.compositions, seed=options.half)):
        memory, now = watched(model, composed(shown))
        questions = composed_questions(shown)
        asked = {"id": f"composed {index}", "questions": questions, "shown": shown}
        score.ask(model, memory, "composed", asked, now)
    return score


if __name__ == "__main__":
    main()
