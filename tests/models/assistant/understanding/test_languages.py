import pytest

from models.assistant.phrasebook.conversation import language_of
from models.assistant.understanding.languages import foreign_language


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Wo habe ich denn meine Jacke hingehängt?", "German"),
        ("¿Llueve fuera?", "Spanish"),
        ("Por qué está tan oscuro aquí", "Spanish"),
        ("L'écran est cassé ?", "French"),
        ("Pourquoi la lampe clignote-t-elle ?", "French"),
        ("Com'è il tempo lì?", "Italian"),
        ("Perché la luce è spenta?", "Italian"),
    ],
)
def test_questions_that_no_phrase_reads_have_a_language(text: str, name: str) -> None:
    found = foreign_language(text)
    assert found is not None
    assert found.name == name
    assert (
        language_of(text)
        == {"German": "de", "Spanish": "es", "French": "fr", "Italian": "it"}[name]
    )


@pytest.mark.parametrize(
    "text",
    ["red hat", "main thing", "T-shirt", "my son", "the due date", "c'mon", "plan B", "Ha ha!",
     "Who's there?", "Don't", "rock'n'roll", "war", "left hand", "has he come in"],
)  # fmt: skip
def test_english_words_that_other_languages_have_too_are_english(text: str) -> None:
    assert foreign_language(text) is None
    assert language_of(text) == "en"
