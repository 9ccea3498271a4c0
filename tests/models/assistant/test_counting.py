"""Things are counted with care when a number is asked for, and not oftener."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from models.assistant.counting import EVERY
from models.assistant.scene.perception import Look, Observation, Perception
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_model import SmallModel
from models.vision.class_names import NAMES
from models.vision.detection import Detection
from tests.models.assistant.tiny_chat import chat

CUP = NAMES.index("cup")
PICTURE = np.zeros((4, 4, 3), np.uint8)


class TwoCups(Perception):
    """Sees one cup, and two if it counts with care."""

    def __init__(self) -> None:
        self.counted: list[float] = []

    def analyze_many(self, looks: Sequence[Look]) -> list[Observation]:
        return [self._look(look) for look in looks]

    def _look(self, look: Look) -> Observation:
        probabilities = torch.zeros(len(NAMES))
        probabilities[CUP] = 0.9
        left = Detection("cup", 0.0, 0.0, 0.4, 0.5, 0.9)
        boxes: tuple[Detection, ...] = (left,)
        if look.counted:
            self.counted.append(look.time)
            boxes = (left, replace(left, left=0.5, right=0.9))
        scene = SceneEntry(time=look.time, names=(("cup", 1.0),))
        return Observation(scene, probabilities, detections=boxes, counted=look.counted)


def assistant() -> tuple[SmallAssistant, TwoCups]:
    seeing = TwoCups()
    return SmallAssistant(SmallModel(chat(), seeing)), seeing


def test_a_standing_request_about_a_number_is_met_by_looks_that_count() -> None:
    small, seeing = assistant()
    state = small.init_state(None)
    small.note_request(state, "Tell me when you see two cups", 0.0)
    met = []
    for look in range(12):
        state, analysis = small.analyze_frame(state, PICTURE, look / 2)
        met += [(look / 2, each.text) for each in analysis.met_requests]
    assert len(met) == 1
    assert met[0][1] == "Two cups are in view."
    assert 1.0 <= met[0][0] <= 3.0
    assert all(b - a >= EVERY for a, b in zip(seeing.counted, seeing.counted[1:], strict=False))


def test_without_a_request_or_a_question_about_a_number_nothing_is_counted() -> None:
    small, seeing = assistant()
    state = small.init_state(None)
    small.note_request(state, "Tell me when you see a dog", 0.0)
    for look in range(6):
        state, _ = small.analyze_frame(state, PICTURE, look / 2)
    small.note_request(state, "What do you see?", 2.5)
    assert seeing.counted == []


def test_a_question_how_many_counts_in_the_newest_look() -> None:
    small, seeing = assistant()
    state = small.init_state(None)
    for look in range(3):
        state, _ = small.analyze_frame(state, PICTURE, look / 2)
    for question, language in (("How many cups do you see?", "two"), ("Wie viele Tassen?", "zwei")):
        assert small.note_request(state, question, 1.0)[1] is None
        answer = small.answer(state, question, 1.0)
        assert language in "".join(answer.pieces).lower()
    assert seeing.counted == [1.0, 1.0]
