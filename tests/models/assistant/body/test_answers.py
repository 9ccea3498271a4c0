"""Answers about bodies and hands, from looks that are written out."""

from dataclasses import replace
from datetime import datetime

import pytest

from models.assistant.body.actions import BodyLook, signs
from models.assistant.body.answers import answer
from models.assistant.body.questions import parse_body_question
from models.assistant.body.watch import Seen
from models.assistant.scene.scene_entry import describe
from models.assistant.scene.scene_log import LoggedEntry, SceneLog, from_lines, to_line
from models.assistant.understanding.plain_words import plain
from models.vision.body.hands import Hand
from tests.models.assistant.body.bodies import (
    ARMS_UP,
    HAND_UP,
    HEAD_AND_SHOULDERS,
    POINTING,
    SITTING,
    STANDING,
    Places,
    look,
    pose,
    waving,
)
from tests.models.assistant.talk.test_replies import entry
from tests.models.vision.body.test_hands import made_hand

NOW = datetime(2026, 11, 30, 16, 0)
HIDDEN = "I cannot tell: I do not see enough of the body, only from the head down to the chest."


def said(text: str, seen: Seen | None, entries: tuple[LoggedEntry, ...] = ()) -> str:
    question = parse_body_question(plain(text))
    assert question is not None
    return answer(question, seen, entries)[0]


def seen(*looks: BodyLook, hands: tuple[Hand, ...] | None = None) -> Seen:
    return Seen(looks[-1].time, signs(looks), replace(looks[-1], hands=hands))


def at_once(places: Places) -> Seen:
    return seen(look(3.0, pose(places)))


@pytest.mark.parametrize(
    ("places", "text", "expected"),
    [
        (STANDING, "Am I sitting or standing?", "You are standing."),
        (SITTING, "Am I sitting or standing?", "You are sitting."),
        (SITTING, "Am I standing?", "No, you are sitting."),
        (STANDING, "Is someone standing?", "Yes, somebody is standing."),
        (HEAD_AND_SHOULDERS, "Am I sitting or standing?", HIDDEN),
        (HEAD_AND_SHOULDERS, "Am I waving?", "I cannot see your arms."),
        (ARMS_UP, "Are my arms up?", "Yes, you are holding both arms up."),
        (HAND_UP, "Which hand am I raising?", "Your right hand."),
        (ARMS_UP, "Which hand is up?", "Your left and right hands."),
        (HAND_UP, "Is my left hand up?", "No, your right hand."),
        (HAND_UP, "Is my right hand up?", "Yes, your right hand."),
        (STANDING, "Which hand am I raising?", "I see no raised hand."),
        (HEAD_AND_SHOULDERS, "Which hand am I raising?", "I cannot see your arms."),
        (POINTING, "What am I pointing at?", "You are pointing, but I cannot tell at what."),
        (STANDING, "What am I pointing at?", "I do not see that you are pointing."),
        (ARMS_UP, "Is my hand raised?", "Yes, you are raising a hand."),
        (
            STANDING,
            "Are my arms up?",
            "No, not that I can see. You are standing, as far as I can tell from the pose.",
        ),
        (STANDING, "What am I doing?", "You are standing, as far as I can tell from the pose."),
    ],
)
def test_answers_about_one_look(places: Places, text: str, expected: str) -> None:
    assert said(text, at_once(places)) == expected


def test_waving_is_answered_from_several_looks() -> None:
    looks = [waving(step / 5, 0.08 * (step % 2)) for step in range(12)]
    assert said("Am I waving?", seen(*looks)) == "Yes, you are waving."
    still = [waving(step / 5, 0.0) for step in range(12)]
    assert said("Am I waving?", seen(*still)).startswith("No, not that I can see. You are standing")


def test_answers_without_anybody_or_anything() -> None:
    nobody = seen(look(3.0))
    assert said("Am I waving?", nobody) == "I see nobody now."
    assert said("How many fingers am I holding up?", nobody) == "I cannot see a hand."
    assert said("Am I waving?", None) == "I have not seen anything yet."


@pytest.mark.parametrize(
    ("up", "text", "expected"),
    [
        (
            (False, True, True, True, False),
            "How many fingers am I holding up?",
            "Three fingers: the index finger, middle finger and ring finger.",
        ),
        ((True,) * 5, "How many fingers do you see?", "Five fingers."),
        (
            (False,) * 5,
            "How many fingers am I holding up?",
            "No finger is stretched: I see a closed hand.",
        ),
        ((True, *(False,) * 4), "Thumbs up?", "Yes, I see a thumbs up."),
        ((False,) * 5, "Thumbs up?", "No. I see a fist."),
        ((False, True, True, False, False), "What gesture is this?", "I see a victory sign."),
        (
            (False, True, True, False, False),
            "Am I holding up three fingers?",
            "No. Two fingers: the index finger and middle finger.",
        ),
    ],
)
def test_answers_about_a_hand(up: tuple[bool, ...], text: str, expected: str) -> None:
    assert said(text, seen(look(3.0), hands=(made_hand(*up),))) == expected


def test_what_was_done_before_is_answered_from_the_scene_log() -> None:
    before = entry(7, "person", people=1)
    before = replace(before, scene=replace(before.scene, actions=("waving",)))
    log = (entry(0, "cup"), before, entry(20, "cup"))
    assert said("Did anyone wave?", seen(look(20.0)), log) == "Yes, I saw somebody waving at 0:07."
    assert said("Did anyone walk?", seen(look(20.0)), log) == "No, not that I noticed."


def test_actions_are_in_the_line_of_a_scene_and_are_read_again() -> None:
    scene = replace(entry(7, "person", people=1).scene, actions=("waving", "sitting"))
    assert describe(scene).endswith("one person, waving, sitting")
    stored = replace(entry(7, "person", people=1), scene=scene)
    log: SceneLog = from_lines([to_line(stored)])
    assert log.entries[0].scene == scene
