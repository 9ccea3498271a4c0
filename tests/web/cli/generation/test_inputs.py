"""Prompts with times, track files, and their errors."""

import json
from pathlib import Path

import numpy as np
import pytest

from web.cli.generation.inputs import (
    MAX_POINTS,
    MAX_PROMPT,
    TimedPrompt,
    check_prompt,
    choose_prompts,
    parse_prompts,
    read_track_file,
)
from web.errors import UsageError


def written(folder: Path, content: object) -> Path:
    file = folder / "track.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def test_a_track_goes_straight_between_its_points_and_stays_at_its_ends(tmp_path: Path) -> None:
    file = written(tmp_path, {"things": [[[1, 0.2, 0.5], [3, 0.8, 0.1]], []]})
    first, second = read_track_file(file).tracks
    assert first is not None
    assert second is None
    np.testing.assert_allclose(
        first.at(np.array([0.0, 1.0, 2.0, 3.0, 9.0])),
        [[0.2, 0.5], [0.2, 0.5], [0.5, 0.3], [0.8, 0.1], [0.8, 0.1]],
    )


def test_a_track_may_end_long_after_the_video(tmp_path: Path) -> None:
    (track,) = read_track_file(
        written(tmp_path, {"things": [[[0, 0, 0.5], [1_000_000, 1, 0.5]]]})
    ).tracks
    assert track is not None
    np.testing.assert_allclose(track.at(np.array([1000.0])), [[0.001, 0.5]])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ([[0, 0.5, 0.5]], "expected {"),
        ({"things": 3}, "expected {"),
        ({"things": []}, "expected {"),
        ({"prompts": [[0, "a duck"], [0, "a car"]]}, "prompt 2: times must grow, 0 is not after 0"),
        ({"prompts": [[-1, "a duck"]]}, "prompt 1: value 1: .* greater than or equal to 0, got -1"),
        ({"prompts": [[0, 7]]}, "prompt 1: value 2: .* valid string, got 7"),
        ({"prompts": [[0]]}, "prompt 1: "),
        ({"prompts": [[0, "🦆"]]}, "a prompt needs words"),
        ({"prompts": [[n, "a"] for n in range(2000)]}, "at most 1000 items .* not 2000"),
        ({"things": [[], [], []]}, "at most 2 items .* not 3"),
        ({"things": ["left"]}, r"thing 1: expected \{.*, got 'left'"),
        ({"things": [[[0, 0.5]]]}, r"thing 1: point 1: expected \[t, x, y\], got \[0, 0.5\]"),
        ({"things": [[[0, "a", 0.5]]]}, "point 1: value x: .* valid number, got 'a'"),
        ({"things": [[[0, True, 0.5]]]}, "point 1: value x: .* valid number, got True"),
        ({"things": [[[None, 0.5, 0.5]]]}, r"point 1: expected \[t, x, y\]"),
        ({"things": [[], [[0, float("nan"), 0.5]]]}, "thing 2: point 1: value x: .* finite number"),
        ({"things": [[[float("nan"), 0.5, 0.5]]]}, "value t: .* finite number, got nan"),
        ({"things": [[[float("inf"), 0.5, 0.5]]]}, "value t: .* finite number, got inf"),
        ({"things": [[[-1, 0.5, 0.5]]]}, "value t: .* greater than or equal to 0, got -1"),
        ({"things": [[[0, 0.5, 0.5], [1, 1.2, 0.5]]]}, "point 2: value x: .* equal to 1, got 1.2"),
        (
            {"things": [[[1, 0.5, 0.5], [1, 0.6, 0.5]]]},
            "point 2: times must grow, 1 is not after 1",
        ),
        (
            {"things": [[[n, 0.5, 0.5] for n in range(100_000)]]},
            f"thing 1: .* at most {MAX_POINTS} items .* not 100000",
        ),
        ("[" + "1," * 2_500_000 + "1]", "over 4 MB"),
    ],
)
def test_an_invalid_track_file_is_an_error_that_names_the_place(
    tmp_path: Path, content: object, expected: str
) -> None:
    with pytest.raises(UsageError, match=expected) as raised:
        read_track_file(written(tmp_path, content))
    assert "track.json" in str(raised.value)
    assert len(str(raised.value)) < 250 + len(str(tmp_path))


def test_a_missing_or_binary_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_track_file(tmp_path / "track.json")
    (tmp_path / "track.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not JSON"):
        read_track_file(tmp_path / "track.json")


def test_a_track_file_may_have_the_prompts(tmp_path: Path) -> None:
    prompts = [[0, " a duck on grass"], [2.5, "a car"]]
    inputs = read_track_file(written(tmp_path, {"prompts": prompts}))
    assert inputs.prompts == (TimedPrompt(0, "a duck on grass"), TimedPrompt(2.5, "a car"))
    assert inputs.tracks == ()
    assert choose_prompts(None, (), inputs.prompts, 20) == inputs.prompts
    for first, then, of_file, message in (
        ("a duck", (), inputs.prompts, "omit PROMPT"),
        (None, ("a car@2",), inputs.prompts, "a PROMPT before --then"),
        (None, (), (), "expected a PROMPT, or --track"),
    ):
        with pytest.raises(UsageError, match=message):
            choose_prompts(first, then, of_file, 20)


@pytest.mark.parametrize("text", ["", "   ", "\n", "🦆🌊", "...!"])
def test_a_prompt_without_words_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="a prompt needs words"):
        check_prompt(text)


def test_a_prompt_has_a_maximum_length() -> None:
    assert check_prompt("a" * MAX_PROMPT) == "a" * MAX_PROMPT
    assert check_prompt(" 🦆 a duck ") == "🦆 a duck"
    with pytest.raises(UsageError, match="1000 characters, this one has 10000"):
        check_prompt("a duck on " * 1000)


def test_prompts_are_sorted_by_time() -> None:
    lines = parse_prompts("a duck", ["a car@7.5", "me@home, a ball@2"], 20)
    assert lines == (
        TimedPrompt(0, "a duck"),
        TimedPrompt(2, "me@home, a ball"),
        TimedPrompt(7.5, "a car"),
    )


@pytest.mark.parametrize("then", ["a car", "a car@", "@5", "a car@x", "a car@nan", "a car@20"])
def test_a_later_prompt_needs_a_time_within_the_video(then: str) -> None:
    with pytest.raises(UsageError, match='--then: expected "PROMPT@SECONDS"'):
        parse_prompts("a duck", [then], 20)
    with pytest.raises(UsageError, match="--then: expected"):
        parse_prompts("a duck", ["a car@0"], 20)
