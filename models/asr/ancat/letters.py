"""The units that the transducer writes: letters, the apostrophe, and a space before each word."""

import re
from collections.abc import Sequence

from models.asr.ancat.transducer import BLANK

UNITS = "\0 'abcdefghijklmnopqrstuvwxyz"  # the first stands for the blank
SPACE = UNITS.index(" ")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'"})
_SILENT = re.compile(r"[.,;:!?\"()\[\]“”…]")
_DASH = re.compile(r"[-–—/_\s]+")


def encode(text: str) -> list[int]:
    """Return the units of `text`: lower case, without punctuation, a space before each word.

    Raises:
        ValueError: it has a digit or a letter that there is no unit for.
    """
    plain = _DASH.sub(" ", _SILENT.sub("", text.lower().translate(_QUOTES)))
    words = [word.strip("'") for word in plain.split()]
    spelt = "".join(f" {word}" for word in words if word)
    unknown = sorted(set(spelt) - set(UNITS))
    if unknown:
        raise ValueError(f"no unit for {''.join(unknown)!r} in {text!r}: spell it in letters")
    return [UNITS.index(letter) for letter in spelt]


def decode(units: Sequence[int]) -> str:
    """Return the text of `units`; blanks say nothing."""
    return "".join(UNITS[unit] for unit in units if unit != BLANK)
