import json
from pathlib import Path

import numpy as np
import pytest

from models.asr.ancat.letters import to_units
from models.training.ancat.letter_times import read, targets, times


def test_letters_are_spread_over_their_word_and_a_pause_lies_before_it() -> None:
    # " No" ends at 0.3 s, " it's" at 1.5 s, long after: it is taken as 5 units of 0.11 s.
    found = times("No, it's", [(4, 15), (9, 75)])
    np.testing.assert_allclose(found[:3], [0.1, 0.2, 0.3])
    np.testing.assert_allclose(found[3:], 1.5 - 0.11 * np.arange(4, -1, -1))
    assert len(found) == len(to_units("No, it's"))


def test_nothing_is_known_of_clips_that_were_not_aligned_or_to_another_text() -> None:
    assert np.isnan(times("a tone", None)).all()
    assert np.isnan(times("a tone", [(2, 10)])).all()
    assert targets((1, 2), np.array([0.1, np.nan]), 5, 0.04) is None


def test_each_unit_has_a_frame_of_its_own_and_waits_where_it_is_taken() -> None:
    assert targets((5, 6, 7), np.array([0.05, 0.06, 0.3]), 9, 0.04) == [0, 5, 6, 0, 0, 0, 0, 7, 0]
    assert targets((5, 6, 7), np.array([0.05, 0.06, 0.3]), 3, 0.04) == [0, 5, 6]
    assert targets((), np.zeros(0), 3, 0.04) == [0, 0, 0]


def test_alignments_are_read_by_path(tmp_path: Path) -> None:
    file = tmp_path / "ends.jsonl"
    assert read(file) == {}
    file.write_text(json.dumps({"path": "a.flac", "ends": [[2, 10], [7, 40]]}) + "\n")
    assert read(file) == {"a.flac": [(2, 10), (7, 40)]}
    assert times("a tone", read(file)["a.flac"])[-1] == pytest.approx(0.8)
