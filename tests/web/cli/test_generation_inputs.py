"""What is drawn where and when: prompts with times, files of tracks, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pytest

from web.cli.generation_inputs import LONGEST, POINTS, Line, checked, prompts, read_tracks
from web.errors import UsageError


def written(folder: Path, told: object) -> Path:
    file = folder / "track.json"
    file.write_text(told if isinstance(told, str) else json.dumps(told))
    return file


def test_a_track_goes_straight_between_its_points_and_stays_at_its_ends(tmp_path: Path) -> None:
    file = written(tmp_path, {"things": [[[1, 0.2, 0.5], [3, 0.8, 0.1]], []]})
    first, second = read_tracks(file)
    assert first is not None
    assert second is None
    np.testing.assert_allclose(
        first.at(np.array([0.0, 1.0, 2.0, 3.0, 9.0])),
        [[0.2, 0.5], [0.2, 0.5], [0.5, 0.3], [0.8, 0.1], [0.8, 0.1]],
    )


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([[0, 0.5, 0.5]], "expected {"),
        ({"things": 3}, "expected {"),
        ({"things": []}, "expected 1 or 2 things, got 0"),
        ({"things": [[], [], []]}, "got 3"),
        ({"things": ["left"]}, "thing 1: expected a list"),
        ({"things": [[[0, 0.5]]]}, r"thing 1, point 1: expected \[t, x, y\], got \[0, 0.5\]"),
        ({"things": [[[0, "a", 0.5]]]}, r"point 1: expected \[t"),
        ({"things": [[[0, True, 0.5]]]}, r"point 1: expected \[t"),
        ({"things": [[], [[0, float("nan"), 0.5]]]}, "thing 2, point 1: outside the picture"),
        ({"things": [[[float("nan"), 0.5, 0.5]]]}, "expected seconds from 0 on, got nan"),
        ({"things": [[[float("inf"), 0.5, 0.5]]]}, "expected seconds from 0 on, got inf"),
        ({"things": [[[-1, 0.5, 0.5]]]}, "expected seconds from 0 on, got -1"),
        ({"things": [[[0, 0.5, 0.5], [1, 1.2, 0.5]]]}, "point 2: outside the picture"),
        ({"things": [[[1, 0.5, 0.5], [1, 0.6, 0.5]]]}, "point 2: times grow, and 1 is not after 1"),
        ({"things": [[[n, 0.5, 0.5] for n in range(100_000)]]}, f"100000 points, at most {POINTS}"),
        ("[" + "1," * 2_500_000 + "1]", "over 4 MB"),
    ],
)
def test_a_file_that_is_no_track_is_told_where_it_is_wrong(
    tmp_path: Path, told: object, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected) as raised:
        read_tracks(written(tmp_path, told))
    assert "track.json" in str(raised.value)
    assert len(str(raised.value)) < 250 + len(str(tmp_path))


def test_a_file_that_is_not_there_or_not_text_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_tracks(tmp_path / "track.json")
    (tmp_path / "track.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not JSON"):
        read_tracks(tmp_path / "track.json")


@pytest.mark.parametrize("text", ["", "   ", "\n", "🦆🌊", "...!"])
def test_a_prompt_without_words_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a prompt needs words"):
        checked(text)


def test_a_prompt_has_an_end() -> None:
    assert checked("a" * LONGEST) == "a" * LONGEST
    assert checked(" 🦆 a duck ") == "🦆 a duck"
    with pytest.raises(UsageError, match="1000 characters, this one has 10000"):
        checked("a duck on " * 1000)


def test_prompts_come_in_the_order_of_their_times() -> None:
    lines = prompts("a duck", ["a car@7.5", "me@home, a ball@2"], 20)
    assert lines == (Line(0, "a duck"), Line(2, "me@home, a ball"), Line(7.5, "a car"))


@pytest.mark.parametrize("then", ["a car", "a car@", "@5", "a car@x", "a car@nan", "a car@20"])
def test_a_later_prompt_needs_a_time_within_the_film(then: str) -> None:
    with pytest.raises(UsageError, match='--then: expected "PROMPT@SECONDS"'):
        prompts("a duck", [then], 20)
    with pytest.raises(UsageError, match="--then: expected"):
        prompts("a duck", ["a car@0"], 20)
