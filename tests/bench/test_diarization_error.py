import pytest

from tests.bench.diarization_error import Segment, diarization_errors

TALK: list[Segment] = [(0.0, 4.0, "a"), (5.0, 9.0, "b")]


def test_names_do_not_matter_and_the_collar_does_not_count() -> None:
    found = [(0.1, 4.2, "2"), (5.2, 8.9, "1")]
    errors = diarization_errors(TALK, found)
    assert errors.rate == 0
    assert errors.speech == pytest.approx(7.0)  # two times four seconds without the collars


def test_each_kind_of_error_is_counted() -> None:
    found = [(0.0, 4.0, "1"), (5.0, 6.0, "2"), (6.0, 7.0, "1"), (10.0, 11.0, "2")]
    errors = diarization_errors(TALK, found, collar=0.0)
    assert (errors.missed, errors.invented, errors.confused, errors.speech) == pytest.approx(
        (2.0, 1.0, 1.0, 8.0)
    )
    assert errors.rate == pytest.approx(0.5)


def test_one_guess_for_two_speakers_is_right_for_one_of_them() -> None:
    errors = diarization_errors(TALK, [(0.0, 9.0, "1")], collar=0.0)
    assert errors.confused == pytest.approx(4.0)
    assert errors.invented == pytest.approx(1.0)


def test_of_overlapping_speech_one_label_misses_the_other() -> None:
    both: list[Segment] = [(0.0, 4.0, "a"), (2.0, 6.0, "b")]
    errors = diarization_errors(both, [(0.0, 3.0, "1"), (3.0, 6.0, "2")], collar=0.0)
    assert errors.missed == pytest.approx(2.0)
    assert errors.confused == 0.0


def test_no_speech_has_no_errors() -> None:
    assert diarization_errors([], []).rate == 0.0
