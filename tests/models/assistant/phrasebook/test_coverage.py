"""Every question that the phrasebook reads is answered in its language, whatever is in view."""

from dataclasses import replace
from datetime import datetime

from models.assistant.phrasebook.answers import in_language
from models.assistant.phrasebook.dictionary import LANGUAGES, lines
from models.assistant.scene.scene_log import LoggedEntry
from models.assistant.talk.replies import reply
from models.assistant.talk.scene_view import SceneView
from models.vision.detection import Detection
from tests.models.assistant.talk.test_replies import entry

CUP = Detection("cup", 0.1, 0.5, 0.2, 0.6, 0.9, "red")
OTHER_CUP = Detection("cup", 0.7, 0.5, 0.85, 0.65, 0.8, "blue")
TABLE = Detection("table", 0.0, 0.5, 0.6, 1.0, 0.7, "brown")
PERSON = Detection("person", 0.3, 0.1, 0.9, 1.0, 0.95)
PHONE = Detection("phone", 0.5, 0.5, 0.6, 0.7, 0.4, "black")
SLOTS = (
    {"n": "a cup", "n2": "a dog", "p": "cups", "k": "two"},
    {"n": "my keys", "n2": "the table", "p": "keys", "k": "three"},
    {"n": "a person", "n2": "a cup", "p": "people", "k": "two"},
)
CLOCK = datetime(2026, 1, 1, 12, 0)


def seen(time: float, main: str, *boxes: Detection, people: int = 0) -> LoggedEntry:
    return replace(entry(time, main, people=people), detections=boxes)


SCENES: tuple[tuple[LoggedEntry, ...], ...] = (
    (),
    (seen(0, "dog"), seen(8, "cup", CUP, OTHER_CUP, TABLE)),
    (seen(0, "lamp", people=1), seen(5, "person", PERSON, PHONE, people=1)),
    (seen(0, "something"),),
)


def questions() -> list[str]:
    """Return the English of everything that is read, with some nouns in its slots."""
    found: dict[str, None] = {}
    for line in lines("questions"):
        if line.startswith((" ", ":")) or "<x>" in line or "<clause>" in line:
            continue
        for slots in SLOTS:
            asked = line
            for name, value in {**slots, "n0": "table", "c": "red", "s": "left"}.items():
                asked = asked.replace(f"<{name}>", value)
            found[asked.capitalize()] = None
    return list(found)


def test_no_answer_to_a_question_of_the_phrasebook_is_english() -> None:
    answers = {
        reply(asked, SceneView(scene, 10.0, None) if scene else None, [], CLOCK, reads=True).text
        for asked in questions()
        for scene in SCENES
    }
    english = [
        (language, answer)
        for number, answer in enumerate(sorted(answers))
        for language in LANGUAGES[number % len(LANGUAGES) :][:1]  # the templates have all of them
        if in_language(answer, language)[1] == "en"
    ]
    assert len(answers) > 100
    assert english == []


def test_every_template_has_every_language_and_the_slots_of_its_english() -> None:
    table, step = lines("answers"), 1 + len(LANGUAGES)
    assert len(table) % step == 0
    rows = [table[at : at + step] for at in range(0, len(table), step)]
    english = [row[0] for row in rows]
    assert sorted(english) == sorted(set(english))
    for first, *others in rows:
        for other in others:
            slots = {part[0] for part in other.split("<")[1:]}
            assert slots <= {part[0] for part in first.split("<")[1:]}, other
