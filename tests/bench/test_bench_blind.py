"""What counts as is_right in the blind test, and how pictures are put together."""

import pytest

from tests.bench import blind_set
from tests.bench.bench_blind import composed_questions, compositions, is_right, times


@pytest.mark.parametrize(
    ("kind", "expected", "answer", "good"),
    [
        ("name", ["cup", "mug"], "A red cup and one person.", True),
        ("name", ["cup"], "A cupboard.", False),
        ("name", ["football player"], "A football  player!", True),
        ("yes", ["yes"], "Yes, there is a dog.", True),
        ("no", ["no"], "I have not seen a dog.", False),
        ("no", ["no"], "No, but yes.", True),
        ("count of people", ["2"], "Two people.", False),
        ("count", ["2"], "Two people.", True),
        ("count", ["0"], "Nobody.", True),
        ("when", ["12", "13"], "I last saw it at 0:14.", True),
        ("when", ["12", "13"], "I last saw it at 0:15.", False),
        ("when", ["23", "end"], "At the end.", False),
        ("order", ["the cup came"], "The cup came first.", True),
    ],
)
def test_an_answer_is_right_if_its_words_say_what_was_expected(
    kind: str, expected: list[str], answer: str, good: bool
) -> None:
    assert is_right(kind, expected, answer) is good


def test_times_are_read_as_people_write_them() -> None:
    assert times("From 0:07 to 12:40, and 1:02:03.") == [7, 760, 3723]


def test_the_halves_are_apart_and_as_the_readme_counts_them() -> None:
    tuning, held_out = blind_set.labels(0), blind_set.labels(1)
    assert (len(tuning), len(held_out)) == (52, 42)
    assert not {line["id"] for line in tuning} & {line["id"] for line in held_out}


def test_a_composition_shows_four_different_things_and_asks_about_these() -> None:
    for shown in compositions(blind_set.labels(0), 5, seed=0):
        names = [line["objects"][0] for line in shown]
        assert len(names) == 4
        assert len({name for group in names for name in group}) == sum(map(len, names))
        before = composed_questions(shown)[0]
        assert before["ask"] == f"What came before the {names[1][0]}?"
        assert before["expect"] == names[0]
        assert before["about"] == (1, 0)
