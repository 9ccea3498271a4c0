"""When each letter of a clip was said, as far as it is known: a guide for the first steps.

Without one, an encoder spends its first hours on finding out that letters follow each other: the
sum over all ways of spreading a text says hardly anything while all of them are equally wrong.
What is known is where words end, which `ends.py` wrote down for the clips it aligned; letters
are spread evenly over their word.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.asr.ancat.letters import to_units

FRAME_20MS = 0.02  # seconds: what the ends are counted in
MAX_LETTER = 0.11  # seconds of a letter: what a word's span has beyond that is a pause before it
UNKNOWN = np.nan

Times = NDArray[np.float64]  # seconds from the clip's start at which each unit has been said


def read(file: Path) -> dict[str, list[tuple[int, int]]]:
    """Return what is known of each clip, by its path; without a file nothing is.

    A pair is where a word ends: letters of the text, with a space before it, and frames of 20 ms.
    """
    if not file.exists():
        return {}
    entries = (json.loads(line) for line in file.read_text().splitlines())
    return {entry["path"]: [(n, end) for n, end in entry["ends"]] for entry in entries}


def times(text: str, ends: list[tuple[int, int]] | None) -> Times:
    """Return when each unit of `text` has been said, UNKNOWN where that is not known."""
    units = to_units(text)
    unknown = np.full(len(units), UNKNOWN)
    if not ends:
        return unknown
    said: list[float] = []
    spell: list[int] = []
    spaced, letters, before = " " + text, 0, 0.0
    for until, frame in ends:
        word = to_units(spaced[letters:until])
        end = max(frame * FRAME_20MS, before)
        start = max(before, end - MAX_LETTER * len(word))
        said += [start + (end - start) * (k + 1) / len(word) for k in range(len(word))]
        spell += word
        letters, before = until, end
    return np.array(said) if spell == units else unknown


def targets(units: tuple[int, ...], said: Times, frames: int, frame: float) -> list[int] | None:
    """Return the unit that each of `frames` frames of `frame` seconds should write.

    Most write the blank, 0. There is room for one unit at a frame; it waits where that is taken.
    Where the times are not all known there is no answer.
    """
    if np.isnan(said).any():
        return None
    row, free = [0] * frames, 0
    for unit, time in zip(units, said.tolist(), strict=True):
        place = max(free, int(time / frame))
        if place >= frames:
            break
        row[place], free = unit, place + 1
    return row
