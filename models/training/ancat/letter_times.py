"""End times of a clip's letters, if known: a guide for the first steps of training.

Without it, an encoder spends its first hours on learning that letters follow each other: the sum
over all alignments carries little information while all of them are equally wrong. `word_ends`
gives the ends of words in aligned clips; letters are spread evenly over their word.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.asr.ancat.letters import to_units

FRAME_20MS = 0.02  # seconds: the unit of word ends
MAX_LETTER = 0.11  # seconds of a letter; the rest of a word's span is a pause before it
UNKNOWN = np.nan

Times = NDArray[np.float64]  # seconds from the start of the clip to the end of each unit


def read(file: Path) -> dict[str, list[tuple[int, int]]]:
    """Return the known word ends of each clip, by its path; none without the file.

    A pair is the end of a word: letters of the text, with a space before it, and frames of 20 ms.
    """
    if not file.exists():
        return {}
    entries = (json.loads(line) for line in file.read_text().splitlines())
    return {entry["path"]: [(n, end) for n, end in entry["ends"]] for entry in entries}


def times(text: str, ends: list[tuple[int, int]] | None) -> Times:
    """Return the end time of each unit of `text`, or UNKNOWN."""
    units = to_units(text)
    unknown = np.full(len(units), UNKNOWN)
    if not ends:
        return unknown
    unit_times: list[float] = []
    spell: list[int] = []
    spaced, letters, before = " " + text, 0, 0.0
    for until, frame in ends:
        word = to_units(spaced[letters:until])
        end = max(frame * FRAME_20MS, before)
        start = max(before, end - MAX_LETTER * len(word))
        unit_times += [start + (end - start) * (k + 1) / len(word) for k in range(len(word))]
        spell += word
        letters, before = until, end
    return np.array(unit_times) if spell == units else unknown


def targets(
    units: tuple[int, ...], unit_times: Times, frames: int, frame: float
) -> list[int] | None:
    """Return the unit that each of `frames` frames of `frame` seconds should write.

    Most write the blank, 0. A frame has room for one unit; others move to later frames. Return None
    unless all times are known.
    """
    if np.isnan(unit_times).any():
        return None
    row, free = [0] * frames, 0
    for unit, time in zip(units, unit_times.tolist(), strict=True):
        place = max(free, int(time / frame))
        if place >= frames:
            break
        row[place], free = unit, place + 1
    return row
