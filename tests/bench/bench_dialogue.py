"""The 100 turns of the dialogue test, as they are answered and judged now.

    python -m tests.bench.bench_dialogue [--weights FOLDER] [--look]

Each line is a turn: what was said, the answer, and its judgement from judged.jsonl in
tests/data/dialogue (`new` if the answer is not the judged one). At the end are the counts, before
and now, and how many phrasings of each list are told apart. `--clinc FILE` measures that on the
test part of CLINC150's data_full.json, too. `--look` looks at the real pictures
(`python -m tests.bench.blind_set fetch`) in place of what was recorded, and writes that.
"""

import argparse
import json
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
import torch

from models.assistant.scene import perception
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_model import SmallModel
from models.assistant.understanding.kinds import TextKind, classify
from tests.bench import blind_set
from tests.bench.bench_blind import frames
from tests.bench.dialogue_set import (
    FOLDER,
    RecordedPerception,
    Show,
    conversations,
    hold,
    judged,
    recorded_line,
)
from tests.bench.packed_chat import packed_chat

NOON = datetime(2026, 11, 30, 14, 5)
MARKS = ("useful", "honest", "untrue")
# Intents of CLINC150 (Larson et al. 2019, arXiv 1909.02027), and the kinds that are right for them.
CLINC = {
    "greeting": "greeting self", "goodbye": "farewell", "thank_you": "thanks",
    "what_is_your_name": "self", "are_you_a_bot": "self", "how_old_are_you": "self",
    "who_made_you": "self", "where_are_you_from": "self", "what_are_your_hobbies": "self",
    "do_you_have_pets": "self", "who_do_you_work_for": "self", "what_can_i_ask_you": "ability",
    "time": "time", "date": "time", "tell_joke": "joke", "user_name": "history",
    "repeat": "history", "change_language": "language", "translate": "language", "yes": "remark",
    "no": "remark", "maybe": "remark",
}  # fmt: skip


def look(weights: Path) -> None:
    """Write what perception makes of each picture to observations.jsonl."""
    seeing = perception.load(weights)
    shown = [s.id for steps in conversations().values() for s in steps if isinstance(s, Show)]
    lines = {line["id"]: line for line in blind_set.labels()}
    dark = np.zeros((240, 320, 3), np.uint8)
    with (FOLDER / "observations.jsonl").open("w", encoding="utf-8") as out:
        for id in dict.fromkeys(shown):
            pixels = dark if id not in lines else next(frames(lines[id]))[0]
            out.write(recorded_line(id, seeing.analyze(pixels, 0.0)) + "\n")


def show_turns(assistant: SmallAssistant) -> None:
    """Print each turn with its judgement, and the counts of all."""
    marks: Counter[str] = Counter()
    turns = (turn for name in conversations() for turn in hold(assistant, name))
    known = judged()
    for number, (turn, line) in enumerate(zip(turns, known, strict=True), 1):
        mark = line["now"]["mark"] if turn.answered == line["now"]["answer"] else "new"
        marks[mark] += 1
        print(f"{number:3} {turn.conversation:8} {mark:7} {turn.said} | {turn.answered}")
    before = Counter(line["before"]["mark"] for line in known)
    for name, counts in (("before", before), ("now", marks)):
        print(
            name, ", ".join(f"{mark} {counts[mark]}" for mark in (*MARKS, *counts.keys() - MARKS))
        )


def phrasings(name: str) -> Iterator[tuple[str, str]]:
    """Yield the kind and the text of each line of a list."""
    kind = ""
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            kind = line.strip("[]")
        elif line and not line.startswith("#"):
            yield kind, line


def show_clinc(file: Path) -> None:
    """Print how many texts of CLINC150 get a right kind; others must not be about the scene."""
    right: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for text, intent in json.loads(file.read_text(encoding="utf-8"))["test"]:
        kind, group = classify(text), intent if intent in CLINC else "others"
        count[group] += 1
        scene = kind in (TextKind.NOW, TextKind.PAST)
        right[group] += not scene if group == "others" else kind.value in CLINC[intent].split()
    mapped = count.total() - count["others"]
    print(f"CLINC150, of {len(CLINC)} intents: {right.total() - right['others']} of {mapped}")
    print(f"CLINC150, other intents not about the scene: {right['others']} of {count['others']}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(".cache/eyeline/weights"))
    parser.add_argument("--look", action="store_true")
    parser.add_argument("--clinc", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.look:
        look(options.weights)
    chat = packed_chat(options.weights)
    model = SmallModel(chat, RecordedPerception())
    show_turns(SmallAssistant(model, wall_clock=lambda: NOON))
    for name in ("development.txt", "held_out.txt"):
        listed = list(phrasings(name))
        print(name, sum(classify(text).value == kind for kind, text in listed), "of", len(listed))
    if options.clinc:
        show_clinc(options.clinc)


if __name__ == "__main__":
    main()
