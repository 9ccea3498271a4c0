"""The units of the transducer: letters, the apostrophe, and a space before each word."""

import re
from collections.abc import Sequence

from models.asr.ancat.transducer import BLANK

UNITS = "\0 'abcdefghijklmnopqrstuvwxyz"  # the first is the blank
SPACE = UNITS.index(" ")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "`": "'"})
_SILENT = re.compile(r"[.,;:!?\"()\[\]“”…]")
_DASH = re.compile(r"[-–—/_\s]+")


def to_units(text: str) -> list[int]:
    """Return the units of `text`: lower case, without punctuation, a space before each word.

    Raises:
        ValueError: it has a digit, or a letter that is not a unit.
    """
    plain = _DASH.sub(" ", _SILENT.sub("", text.lower().translate(_QUOTES)))
    words = [word.strip("'") for word in plain.split()]
    spelt = "".join(f" {word}" for word in words if word)
    unknown = sorted(set(spelt) - set(UNITS))
    if unknown:
        raise ValueError(f"no unit for {''.join(unknown)!r} in {text!r}: spell it in letters")
    return [UNITS.index(letter) for letter in spelt]


def to_text(units: Sequence[int]) -> str:
    """Return the text of `units`, without blanks."""
    return "".join(UNITS[unit] for unit in units if unit != BLANK)
