"""Bodies in a session: with the networks, on photographs, through the small assistant."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from models.assistant.body import watch
from models.assistant.body.observing import answer_about_bodies, glance_at_bodies, with_body
from models.assistant.body.watch import BodyState, BodyWatch
from models.assistant.requests.session_requests import SessionRequests
from models.assistant.scene.perception import Observation
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.small_assistant import SmallAssistant
from models.assistant.small_model import SmallModel
from models.assistant.small_state import SmallAssistantState
from models.errors import WeightsError
from models.vision.body.pose import Keypoint, Pose, PoseEstimator
from models.vision.class_names import NAMES
from models.vision.detection import Detection
from tests.models.assistant.test_small_model import CUP, model, picture
from tests.models.packaged import folder

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def bodies() -> BodyWatch:
    return watch.load(folder("body").parent)


@pytest.fixture(scope="module")
def small() -> SmallModel:
    return model()


def frame(name: str) -> NDArray[np.uint8]:
    pixels = np.array(Image.open(Path("tests/data/hands") / f"{name}.jpg").convert("RGB"))
    pixels[0, 0] = picture(CUP)[0, 0]  # what the perception of the test reads
    return pixels


def answer(assistant: SmallAssistant, state: SmallAssistantState, text: str, time: float) -> str:
    return "".join(assistant.answer(state, text, time).pieces)


def test_questions_about_hands_are_answered_about_their_time(
    small: SmallModel, bodies: BodyWatch
) -> None:
    assistant = SmallAssistant(small, body=bodies)
    state = assistant.init_state(None)
    for time, name in enumerate(("victory", "thumbs-up")):
        state, _ = assistant.analyze_frame(state, frame(name), float(time))
    asked = "How many fingers am I holding up?"
    expected = "Two fingers: the index finger and middle finger."
    assert answer(assistant, state, asked, 0.5) == expected
    assert answer(assistant, state, asked, 1.5) == "One finger: the thumb."
    assert answer(assistant, state, "Thumbs up?", 1.5) == "Yes, I see a thumbs up."
    found = assistant.answer(state, "Thumbs up?", 1.5)
    assert [moment.time for moment in found.moments] == [0.0]


def test_a_standing_request_for_a_gesture_is_met_when_it_is_shown(
    small: SmallModel, bodies: BodyWatch
) -> None:
    assistant = SmallAssistant(small, body=bodies)
    state = assistant.init_state(None)
    state, confirmed = assistant.note_request(state, "Tell me when I show two fingers", 0.0)
    assert confirmed is not None
    assert (
        "".join(confirmed.pieces) == "I will tell you when I see somebody holding up two fingers."
    )
    met = []
    for step in range(8):
        shown = frame("thumbs-up" if step < 4 else "victory")
        state, analysis = assistant.analyze_frame(state, shown, step / 2)
        met += [(step, each.text) for each in analysis.met_requests]
    assert met == [(5, "Somebody is holding up two fingers.")]


def test_the_pose_of_a_person_is_where_the_person_is(bodies: BodyWatch) -> None:
    pixels = frame("thumbs-up")
    seen = bodies.look(BodyState(), pixels, 0.0, [Detection("person", 0.1, 0.25, 1.0, 1.0, 0.9)])
    (found,) = seen.look.poses
    nose = found.place(Keypoint.NOSE)
    assert nose is not None
    assert nose == pytest.approx([122 / 240, 133 / 240], abs=0.06)
    wrist = found.place(Keypoint.LEFT_WRIST)
    assert wrist is not None
    assert wrist == pytest.approx([255 / 240, 187 / 240], abs=0.1)


def test_of_a_covered_camera_nothing_earlier_is_said(small: SmallModel, bodies: BodyWatch) -> None:
    assistant = SmallAssistant(small, body=bodies)
    state = assistant.init_state(None)
    state, _ = assistant.analyze_frame(state, frame("victory"), 0.0)
    seen = Observation(SceneEntry(time=1.0, names=()), torch.zeros(len(NAMES)))
    with_body(bodies, state.body, seen, frame("victory"), state.requests.tracked)
    assert answer(assistant, state, "How many fingers?", 1.0) == "I cannot see a hand."
    assert answer(assistant, state, "Am I waving?", 1.0) == "I see nobody now."


@pytest.mark.parametrize("size", [(1, 2000), (2000, 1), (1, 1)])
def test_hands_are_looked_for_in_the_thinnest_pictures(
    bodies: BodyWatch, size: tuple[int, int]
) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (*size, 3), np.uint8)
    person = Detection("person", 0.0, 0.0, 1.0, 1.0, 0.9)
    seen = bodies.look(BodyState(), pixels, 0.0, [person], hands=True)
    assert (len(seen.people), seen.look.hands) == (1, ())


class BrokenPoses(PoseEstimator):
    """A network whose file is broken."""

    def estimate(self, picture: Tensor, persons: Sequence[Detection]) -> list[Pose]:
        raise WeightsError("the file is broken")


def test_broken_networks_end_neither_looks_nor_answers(
    small: SmallModel, bodies: BodyWatch
) -> None:
    broken = BodyWatch(BrokenPoses(bodies._poses._network), bodies._hands)
    person = Detection("person", 0.0, 0.0, 1.0, 1.0, 0.9)
    shown = replace(small.perception.analyze(frame("fist"), 0.0), detections=(person,))
    state, requests = BodyState(), SessionRequests().tracked
    assert with_body(broken, state, shown, frame("fist"), requests) is shown
    glance_at_bodies(broken, state, frame("fist"), 0.2)
    said = answer_about_bodies(broken, state, "Am I waving?", 0.5, ())
    assert said is not None
    assert said.text.startswith("I cannot look at bodies and hands now")
