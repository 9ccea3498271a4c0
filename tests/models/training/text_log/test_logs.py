"""Made-up logs: what they say is true of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.scene.scene_entry import format_time
from models.training.text_log.logs import SyntheticLog, held_out, make
from models.training.text_log.world import COMMON
from models.vision.class_names import NAMES

NUMBERS = st.integers(0, 100_000)


def shown(log: SyntheticLog) -> set[str]:
    return {name for m in log.moments for name in (m.names[0][0], *m.others)}


@pytest.mark.slow
@given(NUMBERS)
def test_a_log_is_a_function_of_its_number(number: int) -> None:
    assert make(number) == make(number)
    assert make(number) != make(number, validation=True)


@pytest.mark.slow
@given(NUMBERS)
def test_names_kept_for_validation_are_in_no_training_log(number: int) -> None:
    names = {name for m in make(number).moments for name, _ in m.names}
    assert not [name for name in names | shown(make(number)) if held_out(name)]
    shown_names = shown(make(number, validation=True)) & set(NAMES)
    rare = shown_names - set(COMMON)
    assert all(held_out(name) for name in rare)


def test_about_one_name_in_eight_is_kept_for_validation() -> None:
    kept = [name for name in NAMES if held_out(name)]
    assert len(NAMES) / 12 < len(kept) < len(NAMES) / 6
    assert not set(kept) & set(COMMON)


@given(NUMBERS)
def test_moments_are_in_order_of_time_and_shares_sum_to_one(number: int) -> None:
    log = make(number)
    times = [moment.time for moment in log.moments]
    assert times == sorted(times)
    assert log.now >= times[-1]
    for moment in log.moments:
        assert sum(share for _, share in moment.names) == pytest.approx(1.0)
        assert moment.names[0][1] >= 0.5  # the likeliest is the one that is meant


@given(NUMBERS)
def test_denied_things_were_never_shown_and_affirmed_ones_were(number: int) -> None:
    log = make(number)
    for turn in log.turns:
        if turn.kind in ("no", "not seen"):
            noun = turn.answer.removesuffix(".").split("seen ", 1)[1]
            bare = noun.removeprefix("an ").removeprefix("a ")
            assert bare not in shown(log)
        if turn.kind in ("yes", "ever", "earlier"):
            candidates = {name for m in log.moments for name, _ in m.names}
            assert any(name in turn.answer for name in shown(log) | candidates)


@given(NUMBERS)
def test_times_in_answers_are_times_of_moments(number: int) -> None:
    log = make(number)
    known = {format_time(moment.time) for moment in log.moments}
    for turn in log.turns:
        words = [word.strip(".,") for word in turn.answer.split()]
        assert {word for word in words if ":" in word} <= known


@given(NUMBERS)
def test_the_later_of_two_things_is_answered_as_the_last(number: int) -> None:
    log = make(number)
    mains = [moment.names[0][0] for moment in log.moments]
    for turn in log.turns:
        if turn.kind != "order" or " came " not in turn.answer:
            continue
        words = turn.answer.removeprefix("The ").removesuffix(".")
        name, _, which = words.partition(" came ")
        both = [other for other in set(mains) if f" {other}" in turn.question]
        index = {other: mains.index(other) for other in both}
        expected = min(index.values()) if which == "first" else max(index.values())
        assert index[name] == expected


def test_a_hundred_logs_ask_every_kind_of_question() -> None:
    kinds = {turn.kind for number in range(100) for turn in make(number).turns}
    expected = {"name", "yes", "no", "not seen", "when", "where", "order", "colour", "count"}
    assert expected <= kinds
