"""Whether text that was read says something."""

import pytest

from models.assistant.scene.seen_text import says


@pytest.mark.parametrize(
    ("texts", "phrase"),
    [
        (["EXIT"], "exit"),
        (["Emergency exit"], "EXIT"),
        (["NOPARKING"], "no parking"),
        (["NO", "PARKING"], "no parking"),
        (["E X I T"], "exit"),
        (["SALE -50%"], "50"),
        (["Ladestati0n"], "Ladestation"),
        (["emergencyy exit"], "emergency"),
    ],
)
def test_what_is_there_is_found(texts: list[str], phrase: str) -> None:
    assert says(texts, phrase)


@pytest.mark.parametrize(
    ("texts", "phrase"),
    [
        ([], "exit"),
        (["EXIST"], "exit"),
        (["EXITS"], "exit"),
        (["Texit"], "exit"),
        (["no dogs, parking"], "no parking"),
        (["50"], "5"),
        (["1234567"], "1234568"),
        (["anything"], ""),
        (["emergencies"], "emergency"),
    ],
)
def test_what_is_not_there_is_not(texts: list[str], phrase: str) -> None:
    assert not says(texts, phrase)
