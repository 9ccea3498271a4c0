"""Conversations with recorded pictures: tests/data/dialogue/README.md describes the files.

A picture is recorded as what perception made of it, so that neither the pictures nor the networks
that look at them are needed to hold the conversations again.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.assistant.interface import Exchange
from models.assistant.scene.perception import Look, Observation, Perception, Pixels
from models.assistant.scene.query_parsing import parse_query
from models.assistant.scene.scene_log import LoggedEntry, from_lines, to_line
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_state import SmallAssistantState
from models.vision.detection import unplaced_persons

FOLDER = Path("tests/data/dialogue")
# Words of answers that are names of things, but do not stand for things in view.
OWN_WORDS = re.compile(r"this computer's clock|what the camera shows|the picture|watch(?=ing| for)")
Fields = dict[str, Any]  # of one line of JSON


@dataclass(frozen=True, slots=True)
class Show:
    """Picture `id` is in view for `seconds`; `blank` is a dark frame."""

    id: str
    seconds: int


@dataclass(frozen=True, slots=True)
class DialogueTurn:
    """What was said to whom, and answered, at `time` in seconds."""

    conversation: str
    said: str
    answered: str
    time: float
    state: SmallAssistantState


def things(text: str) -> frozenset[int]:
    """Return the columns of the things that an answer names as seen."""
    return parse_query(OWN_WORDS.sub("", text)).name_ids


def conversations() -> dict[str, list[Show | str]]:
    """Return what is shown and said in each conversation, by its name."""
    found: dict[str, list[Show | str]] = {}
    steps: list[Show | str] = []
    for line in (FOLDER / "turns.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            steps = found[line.strip("[]")] = []
        elif line.startswith("show "):
            _, id, seconds = line.split()
            steps.append(Show(id, int(seconds)))
        elif line.startswith("> "):
            steps.append(line.removeprefix("> "))
    return found


class RecordedPerception(Perception):
    """Perception that returns what was recorded of the picture that the first pixel numbers."""

    def __init__(self, file: Path = FOLDER / "observations.jsonl") -> None:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        entries = from_lines(json.dumps(line) for line in lines).entries
        self._ids = [line["id"] for line in lines]
        self._recorded = [
            Observation(
                entry.scene,
                torch.from_numpy(entry.probabilities),
                detections=entry.detections or unplaced_persons(line["person_scores"]),
            )
            for entry, line in zip(entries, lines, strict=True)
        ]

    def picture(self, id: str) -> Pixels:
        """Return pixels that stand for picture `id`."""
        return np.full((1, 1, 3), self._ids.index(id), np.uint8)

    def analyze_many(self, looks: Sequence[Look]) -> list[Observation]:
        found = [(self._recorded[int(look.pixels[0, 0, 0])], look.time) for look in looks]
        return [replace(each, scene=replace(each.scene, time=time)) for each, time in found]


def recorded_line(id: str, observation: Observation) -> str:
    """Return `observation` of picture `id` as a line of observations.jsonl."""
    entry = LoggedEntry(0, observation.scene, observation.probabilities.numpy(), 0.0)
    scores = [round(score, 3) for score in observation.person_scores]
    return json.dumps({"id": id, **json.loads(to_line(entry)), "person_scores": scores})


def hold(assistant: SmallAssistant, name: str) -> Iterator[DialogueTurn]:
    """Hold conversation `name`, and yield each turn; pictures are looked at once a second."""
    perception = assistant.model.perception
    assert isinstance(perception, RecordedPerception)
    state, time = assistant.init_state(None), 0.0
    conversation: list[Exchange] = []
    for step in conversations()[name]:
        if isinstance(step, Show):
            for _ in range(step.seconds):
                state, _ = assistant.analyze_frame(state, perception.picture(step.id), time)
                time += 1.0
            continue
        at = max(0.0, time - 1.0)
        state, reply = assistant.note_request(state, step, at)
        if reply is None:
            reply = assistant.answer(state, step, at, conversation)
        answered = "".join(reply.pieces)
        conversation.append(Exchange(step, answered))
        yield DialogueTurn(name, step, answered, at, state)
    assistant.close(state)


def judged() -> list[Fields]:
    """Return the lines of judged.jsonl, one for each turn, in order."""
    lines = (FOLDER / "judged.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]
