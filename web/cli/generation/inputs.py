"""Inputs of `eyeline generate`: prompts with their times, and files of tracks and prompts.

A track file is a JSON object. `things` has a list of points for each thing in the prompt, in its
order; a point is `[t, x, y]`: seconds, and a position in [0, 1] from the left and from the top.
`prompts` may have the prompts with their times; then the command line has none.

    {"prompts": [[0, "a duck on grass"], [8, "a duck on stars"]],
     "things": [[[0, 0.2, 0.5], [2, 0.8, 0.5]], [[0, 0.5, 0.2]]]}

The points are checked as those of the Realtime protocol, except that their times have no limit.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from models.generation.chunk_request import MAX_THINGS
from web.errors import UsageError
from web.protocol.client_events.generation_messages import Point

MAX_SIZE = 4_000_000  # bytes of a track file
MAX_PROMPT = 1000  # characters
MAX_PROMPTS = 1000  # of a track file
MAX_POINTS = 50_000  # of a thing: a quarter of an hour of a pointer that moves all the time
FORMAT = '{"prompts": [[t, "..."], ...], "things": [[[t, x, y], ...], ...]}'


@dataclass(frozen=True, slots=True, eq=False)
class TimedTrack:
    """The `positions` (n, 2) of a thing at `times` (n,) in seconds; x and y are in [0, 1]."""

    times: NDArray[np.float64]
    positions: NDArray[np.float64]

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the positions (n, 2) at `times`, interpolated; constant before and after."""
        return np.stack([np.interp(times, self.times, axis) for axis in self.positions.T], 1)


@dataclass(frozen=True, slots=True)
class TimedPrompt:
    """The prompt from `time` on, in seconds."""

    time: float
    text: str


def parse_prompts(first: str, then: Sequence[str], seconds: float) -> tuple[TimedPrompt, ...]:
    """Return the prompts by time; each of `then` is `PROMPT@SECONDS`.

    Raises:
        UsageError: a prompt has no words or is too long, or a time is outside the video.
    """
    prompts = [TimedPrompt(0.0, check_prompt(first))]
    for argument in then:
        text, _, suffix = argument.rpartition("@")
        try:
            time = float(suffix)
        except ValueError:
            time = math.nan
        if not text or not 0 < time < seconds:
            raise UsageError(
                f'--then: expected "PROMPT@SECONDS", with seconds between 0 and {seconds:g}, got '
                f"{_brief(argument)}"
            )
        prompts.append(TimedPrompt(time, check_prompt(text)))
    return tuple(sorted(prompts, key=lambda prompt: prompt.time))


def choose_prompts(
    first: str | None, then: Sequence[str], of_file: Sequence[TimedPrompt], seconds: float
) -> tuple[TimedPrompt, ...]:
    """Return the prompts by time: those of the command line, or of the track file.

    Raises:
        UsageError: there are none or both, or one of the command line is invalid.
    """
    if first is None:
        if then or not of_file:
            raise UsageError(
                "expected a PROMPT before --then and the options"
                if then
                else "expected a PROMPT, or --track with a file that has prompts"
            )
        return tuple(of_file)
    if of_file:
        raise UsageError("the track file has prompts: omit PROMPT, or remove them from the file")
    return parse_prompts(first, then, seconds)


def check_prompt(text: str) -> str:
    """Return `text` as a prompt.

    Raises:
        UsageError: it has no words, or too many characters.
    """
    if len(text) > MAX_PROMPT:
        raise UsageError(
            f"a prompt may have {MAX_PROMPT} characters, this one has {len(text)}: a few words "
            "for the things, their motion and the background are enough"
        )
    if not any(character.isalnum() for character in text):
        raise UsageError(
            f'a prompt needs words, got {_brief(text)}: describe the video, as in "a duck on grass"'
        )
    return text.strip()


def _point_fields(row: Any) -> dict[str, Any]:  # any JSON value
    if not isinstance(row, list) or len(row) != 3 or None in row:
        raise ValueError("expected [t, x, y]")
    return dict(zip(("t", "x", "y"), row, strict=True))


class FilePoint(Point):
    """A point whose time has no upper limit, unlike that of a message."""

    t: float = Field(ge=0, allow_inf_nan=False)


FileTime = Annotated[float, Field(ge=0, allow_inf_nan=False)]
FileRow = Annotated[FilePoint, BeforeValidator(_point_fields)]


class TrackFile(BaseModel):
    """The content of a track file."""

    prompts: list[tuple[FileTime, str]] = Field([], max_length=MAX_PROMPTS)
    things: list[Annotated[list[FileRow], Field(max_length=MAX_POINTS)]] = Field(
        [], max_length=MAX_THINGS
    )

    @model_validator(mode="after")
    def _check_any(self) -> Self:
        if not (self.prompts or self.things):
            raise ValueError(f"expected {FORMAT}")
        return self


@dataclass(frozen=True, slots=True, eq=False)
class TimedInputs:
    """The prompts of a track file, and its tracks: None for a thing without points."""

    prompts: tuple[TimedPrompt, ...] = ()
    tracks: tuple[TimedTrack | None, ...] = ()


def read_track_file(file: Path) -> TimedInputs:
    """Return the prompts and tracks in `file`.

    Raises:
        UsageError: the file cannot be read, or is not a track file; the message names the place.
    """
    try:
        if file.stat().st_size > MAX_SIZE:
            raise UsageError(
                f"{file}: over {MAX_SIZE // 1_000_000} MB: a thing may have {MAX_POINTS} points"
            )
        content = TrackFile.model_validate_json(file.read_bytes(), strict=True)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UsageError(f"{file}: {_problem(error)}") from error
    prompts = [TimedPrompt(time, _file_prompt(file, text)) for time, text in content.prompts]
    _check_times([prompt.time for prompt in prompts], f"{file}: prompt")
    return TimedInputs(
        tuple(prompts),
        tuple(_track(f"{file}: thing {n}", points) for n, points in enumerate(content.things, 1)),
    )


def _file_prompt(file: Path, text: str) -> str:
    try:
        return check_prompt(text)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from error


def _check_times(times: Sequence[float], place: str) -> None:
    for number, (before, after) in enumerate(pairwise(times), 2):
        if after <= before:
            raise UsageError(
                f"{place} {number}: times must grow, {after:g} is not after {before:g}"
            )


def _problem(error: ValidationError) -> str:
    """Return the place and the reason of the first error."""
    problem = error.errors(include_url=False)[0]
    kind, value = problem["type"], _brief(problem["input"])
    if kind == "json_invalid":
        return f"not JSON ({problem['ctx']['error']}): expected {FORMAT}"
    first, *steps = problem["loc"] or ("",)
    names = ("prompt", "value") if first == "prompts" else ("thing", "point", "value")
    place = "".join(
        f"{name} {step + 1 if isinstance(step, int) else step}: "
        for name, step in zip(names, steps, strict=False)
    )
    if kind in ("model_type", "list_type", "missing"):
        return f"{place}expected {FORMAT}, got {value}"
    reason = problem["msg"].removeprefix("Value error, ")
    return f"{place}{reason}" if kind.startswith("too_") else f"{place}{reason}, got {value}"


def _track(place: str, points: Sequence[FilePoint]) -> TimedTrack | None:
    times = [point.t for point in points]
    _check_times(times, f"{place}, point")
    if not points:
        return None
    return TimedTrack(np.array(times), np.array([(point.x, point.y) for point in points]))


def _brief(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
