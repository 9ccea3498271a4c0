from itertools import product
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given
from hypothesis import strategies as st

from models.asr.ancat.letter_model import (
    BITS,
    SMOOTHING,
    LetterModel,
    NgramCounts,
    load,
    ngram_key,
    save,
)
from models.asr.ancat.letters import SPACE, UNITS, to_units
from models.errors import WeightsError
from models.training.ancat.letter_counts import count_runs, spell

TEXT = "the cat sat on the mat. the hat that the cat had sat on sat on the cat"


def units(text: str) -> tuple[int, ...]:
    return tuple(to_units(text))


def model(longest: int = 4, seldom: tuple[int, ...] = (1, 1, 1, 1)) -> LetterModel:
    return LetterModel(count_runs(np.array(units(TEXT)), longest, seldom))


@given(context=st.lists(st.integers(1, len(UNITS) - 1), max_size=9))
def test_chances_of_all_letters_are_one_together_after_anything(context: list[int]) -> None:
    log_probabilities = model(seldom=(1, 1, 2, 2)).log_probs(tuple(context))
    assert np.exp(log_probabilities[1:]).sum() == pytest.approx(1)
    assert log_probabilities[0] == 0


def test_a_chance_is_what_the_counts_say_shorter_runs_filling_up() -> None:
    text, letter = units(TEXT), UNITS.index

    def plain(context: tuple[int, ...], unit: int) -> float:
        """Follow the formula with counts taken from the text each time."""
        shorter = 1 / (len(UNITS) - 1)
        for size in range(len(context) + 1):
            last = context[len(context) - size :]
            follows = [
                text[n + size] for n in range(len(text) - size) if text[n : n + size] == last
            ]
            if not follows:
                break
            left = SMOOTHING * len(set(follows))
            shorter = (follows.count(unit) + left * shorter) / (len(follows) + left)
        return shorter

    read = model()
    for before, unit in product(("th", "he ", "sa", "zz", "", "at o"), ("e", "t", " ", "q")):
        context = tuple(letter(one) for one in before)[-3:]
        # The very last run of a text is followed by nothing, which counts say and lists do not.
        wanted = plain(context, letter(unit))
        assert np.exp(read.log_probs(context)[letter(unit)]) == pytest.approx(wanted, rel=0.03)


def test_letters_that_followed_come_before_others_and_far_ones_do_not_matter() -> None:
    read, letter = model(), UNITS.index
    following = read.log_probs((SPACE, letter("t"), letter("h")))
    assert following.argsort()[-1] in (0, letter("e"))  # the blank's log is 0
    assert following[letter("e")] > following[letter("a")] > following[letter("x")]
    long = (letter("q"),) * 5 + (SPACE, letter("t"), letter("h"))
    np.testing.assert_array_equal(read.log_probs(long), following)


def test_rare_runs_are_dropped_and_leave_their_share_to_shorter_ones() -> None:
    all_runs, pruned = model(), model(seldom=(1, 1, 3, 3))
    assert len(pruned.ngrams[3].keys) < len(all_runs.ngrams[3].keys)
    assert pruned.ngrams[3].counts.min() >= 3
    context, letter = units("th")[-2:], UNITS.index
    follows, read = all_runs.ngrams[2].following(context), all_runs.ngrams[1].count(context)
    assert follows.sum() == read  # each "th" is followed by something
    assert follows[letter("x")] == 0
    assert pruned.ngrams[2].count(units("xyz")[-3:]) == 0
    kept = ngram_key((*context, letter("e")))
    only = LetterModel(
        [*all_runs.ngrams[:2], NgramCounts(np.array([kept]), np.array([2], dtype=np.int32))]
    )
    # Of all that follow, one is kept with a count of two: the rest is left to shorter runs.
    shorter = np.exp(LetterModel(all_runs.ngrams[:2]).log_probs(context))
    wanted = (2 + (SMOOTHING + read - 2) * shorter[letter("e")]) / (SMOOTHING + read)
    assert np.exp(only.log_probs(context)[letter("e")]) == pytest.approx(wanted)


def test_texts_that_are_held_out_or_cannot_be_spelt_are_not_counted() -> None:
    texts = ["a cat", "7 cats", "A dog!"]
    assert list(spell(texts, frozenset([units("a cat")]))) == [list(units("a dog"))]


def test_a_file_gives_back_what_was_saved(tmp_path: Path) -> None:
    save(model().ngrams, tmp_path / "letters.safetensors", {"text": len(TEXT)})
    again = load(tmp_path / "letters.safetensors")
    assert again.context == 3
    np.testing.assert_array_equal(again.log_probs(units("the")), model().log_probs(units("the")))
    for one, same in zip(model().ngrams, again.ngrams, strict=True):
        np.testing.assert_array_equal(one.keys, same.keys)
        np.testing.assert_array_equal(one.counts, same.counts)


def test_counts_that_do_not_fit_into_a_byte_are_kept(tmp_path: Path) -> None:
    ngrams = [NgramCounts(np.arange(1, 5), np.array([254, 255, 256, 1_000_000], np.int32))]
    save(ngrams, tmp_path / "letters.safetensors", {})
    (again,) = load(tmp_path / "letters.safetensors").ngrams
    np.testing.assert_array_equal(again.counts, ngrams[0].counts)


def test_runs_out_of_order_or_without_their_beginning_are_not_saved(tmp_path: Path) -> None:
    ngrams = count_runs(np.array(units(TEXT)), 2, (1, 1))
    ngrams[1].keys[::] = ngrams[1].keys[::-1].copy()
    with pytest.raises(ValueError, match="sorted n-grams of 2 units"):
        save(ngrams, tmp_path / "letters.safetensors", {})
    with pytest.raises(ValueError, match="continue shorter ones"):
        save(
            [ngrams[0], NgramCounts(np.array([31 << BITS]), np.ones(1, np.int32))],
            tmp_path / "x",
            {},
        )


def test_other_files_are_refused_by_name(tmp_path: Path) -> None:
    file = tmp_path / "letters.safetensors"
    with pytest.raises(WeightsError, match=r"letters\.safetensors"):
        load(file)
    file.write_bytes(b"no tensors at all")
    with pytest.raises(WeightsError, match="not a letter model"):
        load(file)
    save(model().ngrams, file, {})
    with safetensors.safe_open(str(file), "np") as opened:
        tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
    tensors["units.2"] = tensors["units.2"][::-1].copy()
    safetensors.numpy.save_file(tensors, str(file))
    with pytest.raises(WeightsError, match="not in order"):
        load(file)
    save(model().ngrams, file, {})
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(WeightsError, match="not a letter model"):
        load(file)
