from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from models.training.asr.text import Sentence, fortunes, template, utterances, wordnet

GLOSSES = """\
00004032 29 v 02 sigh 0 000 | heave or utter a sigh; "She sighed sadly"
00004492 29 v 01 hold 4 000 | keep from exhaling; "hold your breath now"; "3 of 4 are odd ones"
00004605 29 v 01 no 4 000 | no examples here
00004700 29 v 01 go 4 000 | "too short"; "an example with a NASA shout in it"
"""
FORTUNES = """\
A fool and his money are soon parted.  Nobody knows why.
\t\t-- Somebody Known
%
Roses are red
\tViolets are blue and this one is a poem.
%
It costs 5 dollars to enter. Free beer is not free at all!
"""


def test_examples_become_sentences(tmp_path: Path) -> None:
    (tmp_path / "data.verb").write_text(GLOSSES)
    (tmp_path / "index.verb").write_text('no | "an index is not read"\n')
    assert [s.text for s in wordnet(tmp_path)] == ["She sighed sadly.", "Hold your breath now."]


def test_fortunes_lose_their_authors_poems_and_numbers(tmp_path: Path) -> None:
    (tmp_path / "literature").write_text(FORTUNES)
    (tmp_path / "literature.dat").write_bytes(b"\x00\x01")
    assert [s.text for s in fortunes(tmp_path)] == [
        "A fool and his money are soon parted.",
        "Nobody knows why.",
        "Free beer is not free at all!",
    ]


def test_templates_leave_no_slot_open_and_vary() -> None:
    rng = np.random.default_rng(0)
    texts = {template(rng).text for _ in range(300)}
    assert len(texts) > 150
    assert not any("{" in text or "}" in text for text in texts)
    assert all(text[0].isupper() and text[-1] in ".?!" for text in texts)


def test_books_are_read_through_before_any_sentence_comes_again() -> None:
    books = [Sentence(f"This is sentence number {'abcdefgh'[i]}.", "book", "own") for i in range(8)]
    drawn = islice(utterances(books, np.random.default_rng(1), synthetic=0.0), 5)
    texts = [sentence.text for utterance in drawn for sentence in utterance]
    assert len(set(texts[:8])) == 8


def test_the_seed_decides_the_text() -> None:
    books = [Sentence(f"A line with the letter {c}.", "book", "own") for c in "abcdefgh"]

    def first(seed: int) -> list[tuple[Sentence, ...]]:
        return list(islice(utterances(books, np.random.default_rng(seed)), 20))

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_without_any_book_the_error_names_the_packages_to_install() -> None:
    with pytest.raises(ValueError, match="wordnet-base"):
        next(utterances([], np.random.default_rng(0)))
