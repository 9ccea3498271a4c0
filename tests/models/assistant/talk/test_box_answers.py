"""Answers from boxes: counts, sides, tables and hands."""

from dataclasses import replace

import pytest

from models.assistant.scene.scene_log import LoggedEntry, from_lines, to_line
from models.vision.detection import Detection
from tests.models.assistant.talk.test_replies import answer, entry

LEFT_CUP = Detection("cup", 0.1, 0.5, 0.2, 0.6, 0.9, "red")
RIGHT_CUP = Detection("cup", 0.7, 0.5, 0.85, 0.65, 0.8, "blue")
DOUBTFUL_CUP = Detection("cup", 0.45, 0.5, 0.5, 0.6, 0.3, "grey")
TABLE = Detection("table", 0.0, 0.5, 0.6, 1.0, 0.7, "brown")
PERSON = Detection("person", 0.3, 0.1, 0.9, 1.0, 0.95)
PHONE = Detection("phone", 0.5, 0.5, 0.6, 0.7, 0.4, "black")

CUP_SOMEWHERE = "I see a cup, but I cannot tell whether somebody holds it."
NOT_COUNTED = "I can count people and common things only, such as cups or chairs. "
NOT_COUNTED += "I see something that may be a cup or a fish."


def seen(time: float, *boxes: Detection, people: int = 0) -> LoggedEntry:
    return replace(entry(time, "lamp", people=people), detections=boxes)


@pytest.mark.parametrize(
    ("text", "boxes", "expected"),
    [
        ("How many cups are there?", (LEFT_CUP, RIGHT_CUP), "I see two cups."),
        ("How many cups are there?", (LEFT_CUP,), "I see one cup."),
        ("How many cups are there?", (LEFT_CUP, DOUBTFUL_CUP), "I see about one cup."),
        ("How many cups are there?", (DOUBTFUL_CUP,), "I recognize no cups now."),
        ("How many lamps are there?", (), "I see at least one lamp."),
        ("Count the cups.", (LEFT_CUP, RIGHT_CUP), "I see two cups."),
        ("Is there more than one cup?", (LEFT_CUP,), "No, I see one cup."),
        ("Is there more than one cup?", (LEFT_CUP, RIGHT_CUP), "Yes, I see two cups."),
        ("Are there two cups?", (LEFT_CUP, RIGHT_CUP), "Yes, I see two cups."),
        ("Are there fewer than two cups?", (LEFT_CUP, RIGHT_CUP), "No, I see two cups."),
        ("Are there at least three cups?", (LEFT_CUP, RIGHT_CUP), "No, I see two cups."),
        ("What is on the table?", (TABLE, LEFT_CUP, RIGHT_CUP), "I see one cup on the table."),
        ("What is on the table?", (TABLE, RIGHT_CUP), "I recognize nothing on the table."),
        ("What is on the right?", (LEFT_CUP, RIGHT_CUP), "On the right I see one cup."),
        ("What is in the middle?", (LEFT_CUP, RIGHT_CUP), "I recognize nothing in the middle."),
        ("Where is the cup?", (RIGHT_CUP,), "The cup is on the right of the picture."),
        ("Is the cup on the left?", (LEFT_CUP,), "Yes, on the left."),
        ("What colour is the cup?", (LEFT_CUP,), "It looks red to me."),
        ("What am I holding?", (PERSON, PHONE, TABLE), "It looks like a phone to me."),
        ("What am I holding?", (PHONE,), "I see a lamp."),
        ("Am I holding a phone?", (PERSON, PHONE), "I think so: it looks like a phone."),
        ("Am I holding a cup?", (PERSON, PHONE), "No, it looks like a phone to me."),
        ("Am I holding a cup?", (LEFT_CUP,), CUP_SOMEWHERE),
        ("Is she holding a cup?", (), "No, I do not recognize a cup."),
        (
            "How many things do you see?",
            (TABLE, LEFT_CUP),
            "I recognize two things: one table and one cup.",
        ),
        ("How many things are on the table?", (TABLE, LEFT_CUP), "I see one cup on the table."),
        (
            "How many cups and tables are there?",
            (TABLE, LEFT_CUP),
            "I see one cup. I see one table.",
        ),
        ("Is the cup on the table?", (TABLE, LEFT_CUP), "Yes, I see a cup on the table."),
        (
            "Is there a cup on the table?",
            (TABLE, RIGHT_CUP),
            "No, I see a cup, but not on the table.",
        ),
        (
            "Is the cup on the desk?",
            (LEFT_CUP,),
            "I see a cup, but I do not see where the desk is.",
        ),
        ("Is the cup on the table?", (), "No, I do not recognize a cup."),
        (
            "What is left of the cup?",
            (LEFT_CUP,),
            "I recognize nothing to the left of the cup.",
        ),
        (
            "What is to the right of the cup?",
            (LEFT_CUP, PERSON),
            "I see one person to the right of the cup.",
        ),
        ("What is next to the cup?", (TABLE, RIGHT_CUP, PHONE), "I see one table next to the cup."),
        ("What is under the cup?", (TABLE, LEFT_CUP), "I recognize nothing below the cup."),
        (
            "What is behind the cup?",
            (LEFT_CUP,),
            "I cannot tell what is in front and what is behind.",
        ),
        ("What is next to the cup?", (), "I do not see a cup now."),
        ("How many legs does the cup have?", (LEFT_CUP,), NOT_COUNTED),
    ],
)
def test_boxes_answer(text: str, boxes: tuple[Detection, ...], expected: str) -> None:
    cup = replace(seen(0.0, *boxes))
    for box in boxes:  # what perception would have fused
        if box.name == "cup" and box.score >= 0.5:
            cup.probabilities[:] = entry(0.0, "cup").probabilities
    assert answer(text, [cup]) == expected


def test_people_are_compared_too() -> None:
    assert answer("Is there more than one person?", [seen(0.0, people=2)]) == (
        "Yes, I see two people."
    )
    assert answer("Are there three people?", [seen(0.0, people=1)]) == "No, I see one person."


def test_the_most_at_once_is_the_count_of_the_past() -> None:
    log = [seen(0.0, LEFT_CUP), seen(4.0, LEFT_CUP, RIGHT_CUP), seen(9.0)]
    assert answer("How many cups did you see?", log) == "I saw two cups, at 0:04."
    assert answer("How many cups did you see?", [seen(0.0, LEFT_CUP), seen(9.0)]) == (
        "I saw one cup, at 0:00."
    )
    assert answer("How many dogs did you see?", log) == "I have not recognized a dog."


def test_boxes_are_in_the_log_and_unlikely_ones_are_not() -> None:
    unlikely = replace(RIGHT_CUP, score=0.15)
    (read,) = from_lines([to_line(seen(3.0, LEFT_CUP, unlikely))]).entries
    assert read.detections == (LEFT_CUP,)
    (old,) = from_lines([to_line(seen(3.0)).replace('"boxes": [], ', "")]).entries
    assert old.detections == ()


def test_a_person_without_a_thing_in_view_holds_nothing_that_is_seen() -> None:
    alone = replace(entry(0.0, "person"), detections=(PERSON,))
    assert answer("What am I holding?", [alone]) == "I cannot see what you are holding."
