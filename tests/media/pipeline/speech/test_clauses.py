import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.pipeline.speech.clauses import MAX_CLAUSE, split_clauses


@pytest.mark.parametrize(
    ("text", "clauses", "rest"),
    [
        ("I see a cup", [], "I see a cup"),
        ("I see a cup. It is", ["I see a cup."], "It is"),
        ("On the table, I see a cup", ["On the table,"], "I see a cup"),
        ("Yes, sir", [], "Yes, sir"),  # one word is no clause worth a pause
        ("It costs 3.5 euros", [], "It costs 3.5 euros"),
        ("", [], ""),
    ],
)
def test_clauses_are_cut_where_a_speaker_pauses(text: str, clauses: list[str], rest: str) -> None:
    assert split_clauses(text, last=False) == (clauses, rest)


def test_the_last_piece_is_spoken_whatever_it_ends_with() -> None:
    assert split_clauses("One. Two", last=True) == (["One.", "Two"], "")
    assert split_clauses("  ", last=True) == ([], "")


@given(st.lists(st.sampled_from(["cup", "on,", "end.", "x" * 30]), max_size=60))
def test_no_word_is_lost_however_the_text_comes(words: list[str]) -> None:
    spoken, rest = [], ""
    for word in words:
        clauses, rest = split_clauses(f"{rest} {word}", last=False)
        spoken += clauses
    clauses, rest = split_clauses(rest, last=True)
    spoken += clauses
    assert " ".join(spoken).split() == words
    assert all(len(clause) <= MAX_CLAUSE for clause in spoken)
