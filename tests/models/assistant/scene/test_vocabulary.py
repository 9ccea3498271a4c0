"""Kinds and other words are about names that perception has, and say nothing twice."""

from models.assistant.scene.query_parsing import find_kin_ids, find_name_ids
from models.assistant.scene.vocabulary import KINDS, RELATED, SYNONYMS
from models.vision.class_names import NAMES


def names(word: str) -> set[str]:
    return {NAMES[column] for column in find_kin_ids(word)}


def test_every_word_leads_to_a_name() -> None:
    assert {name for _, extra in KINDS.values() for name in extra} <= set(NAMES)
    assert set(SYNONYMS.values()) - {"glasses"} <= set(NAMES)
    assert set(RELATED) <= set(KINDS)


def test_no_related_word_has_a_name() -> None:
    words = [word for line in RELATED.values() for word in line.split()]
    assert [word for word in words if find_name_ids(word)] == []


def test_the_kin_of_a_word_are_those_of_its_smallest_kind() -> None:
    assert "horse" in names("donkeys")
    assert "bird" not in names("donkey")
    assert {"bird", "owl"} <= names("turkey")
    assert {"bird", "owl"} <= names("owl")
    assert names("animal") == names("wrench of stars") == set()
