"""What `eyeline generate` is asked for: prompts with their times, and files of tracks.

A file of tracks is a JSON object. `things` has a list of points for each thing that the prompt
names, in its order; a point is `[t, x, y]`: seconds, and a place in [0, 1] from the left and from
the top.

    {"things": [[[0, 0.2, 0.5], [2, 0.8, 0.5]], [[0, 0.5, 0.2]]]}
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.generation.chunk_request import MAX_THINGS
from web.errors import UsageError

POINTS = 10_000  # of a thing
LARGEST = 4_000_000  # bytes of a file of tracks
LONGEST = 1000  # characters of a prompt
FORM = '{"things": [[[t, x, y], ...], ...]}'


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """Where a thing is at `times` (n,), seconds: `places` (n, 2), x and y in [0, 1]."""

    times: NDArray[np.float64]
    places: NDArray[np.float64]

    def at(self, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the places (n, 2) at `times`: straight between points, still before and after."""
        return np.stack([np.interp(times, self.times, axis) for axis in self.places.T], 1)


@dataclass(frozen=True, slots=True)
class Line:
    """What is drawn from `time` on, in seconds."""

    time: float
    text: str


def prompts(first: str, then: Sequence[str], seconds: float) -> tuple[Line, ...]:
    """Return the prompts by their times; each of `then` is `PROMPT@SECONDS`.

    Raises:
        UsageError: a prompt has no words or too many, or a time is not one of the film's.
    """
    lines = [Line(0.0, checked(first))]
    for given in then:
        text, _, told = given.rpartition("@")
        try:
            time = float(told)
        except ValueError:
            time = math.nan
        if not text or not 0 < time < seconds:
            raise UsageError(
                f'--then: expected "PROMPT@SECONDS", with seconds between 0 and {seconds:g}, got '
                f"{_brief(given)}"
            )
        lines.append(Line(time, checked(text)))
    return tuple(sorted(lines, key=lambda line: line.time))


def checked(text: str) -> str:
    """Return `text` as a prompt.

    Raises:
        UsageError: it has no words, or too many characters.
    """
    if len(text) > LONGEST:
        raise UsageError(
            f"a prompt may have {LONGEST} characters, this one has {len(text)}: a few words "
            "for things, their motion and the background are read"
        )
    if not any(character.isalnum() for character in text):
        raise UsageError(
            f'a prompt needs words, got {_brief(text)}: say what to draw, as in "a duck on grass"'
        )
    return text.strip()


def read_tracks(file: Path) -> tuple[Track | None, ...]:
    """Return the tracks in `file`, None for a thing without points.

    Raises:
        UsageError: it cannot be read, or is not as the head of this module says.
    """
    try:
        if file.stat().st_size > LARGEST:
            raise UsageError(f"{file}: over {LARGEST // 1_000_000} MB: a thing has {POINTS} points")
        told = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{file}: not JSON ({error}): expected {FORM}") from error
    things = told.get("things") if isinstance(told, dict) else None
    if not isinstance(things, list):
        raise UsageError(f"{file}: expected {FORM}")
    if not 1 <= len(things) <= MAX_THINGS:
        raise UsageError(f"{file}: expected 1 or {MAX_THINGS} things, got {len(things)}")
    return tuple(_track(f"{file}: thing {n}", points) for n, points in enumerate(things, 1))


def _track(place: str, points: Any) -> Track | None:  # whatever JSON says
    if not isinstance(points, list):
        raise UsageError(f"{place}: expected a list of [t, x, y], got {_brief(points)}")
    if len(points) > POINTS:
        raise UsageError(
            f"{place}: has {len(points)} points, at most {POINTS}: a straight line needs its ends"
        )
    rows = [_point(f"{place}, point {n}", point) for n, point in enumerate(points, 1)]
    for number, (before, after) in enumerate(pairwise(rows), 2):
        if after[0] <= before[0]:
            raise UsageError(
                f"{place}, point {number}: times grow, and {after[0]:g} is not after {before[0]:g}"
            )
    if not rows:
        return None
    table = np.array(rows)
    return Track(table[:, 0], table[:, 1:])


def _point(place: str, point: Any) -> tuple[float, float, float]:  # whatever JSON says
    numbers = isinstance(point, list) and all(type(part) in (int, float) for part in point)
    if not numbers or len(point) != 3:
        raise UsageError(f"{place}: expected [t, x, y], got {_brief(point)}")
    time, x, y = point
    if not 0 <= time < math.inf:
        raise UsageError(f"{place}: expected seconds from 0 on, got {time}")
    if not (0 <= x <= 1 and 0 <= y <= 1):
        raise UsageError(
            f"{place}: outside the picture, which goes from 0 to 1 across and down: [{x}, {y}]"
        )
    return float(time), float(x), float(y)


def _brief(value: object) -> str:
    told = repr(value)
    return told if len(told) <= 60 else told[:59] + "…"
