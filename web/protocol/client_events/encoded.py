"""Decoding of JSON and base64 text of clients, bounded in time.

A call of C code keeps every other thread of the process waiting until it returns, so what a
worker's thread decodes must be cut into short calls, or be known to be quick.
"""

import binascii
from typing import Any

from pydantic_core import from_json

MAX_COMMAS = 50_000  # in one JSON text: values that are not the only one cost a comma, and 0.1 us
PIECE = 1 << 20  # characters of base64, decoded in a millisecond


def check_json(text: str | bytes) -> None:
    """Check that `text` can be parsed quickly if it is JSON: strings are quick, many values slow.

    Raises:
        ValueError: it has too many values.
    """
    commas = text.count(",") if isinstance(text, str) else text.count(b",")
    if commas > MAX_COMMAS:
        raise ValueError(f"a message may have {MAX_COMMAS} commas, this one has {commas}")


def parse_json(text: str) -> Any:
    """Return the JSON value in `text`.

    Raises:
        ValueError: it is not JSON, or has too many values or levels.
    """
    check_json(text)
    try:
        return from_json(text)
    except TypeError as error:
        raise ValueError("half of a character") from error  # a surrogate that is alone


def decode_base64(text: str) -> bytes:
    """Return the bytes that `text` encodes, which has no white space.

    Raises:
        ValueError: it is not base64.
    """
    last = max(0, len(text) - 1) // PIECE * PIECE
    pieces = []
    for start in range(0, last, PIECE):
        piece = text[start : start + PIECE]
        if piece.endswith("="):
            raise ValueError("excess data after padding")
        pieces.append(binascii.a2b_base64(piece, strict_mode=True))
    pieces.append(binascii.a2b_base64(text[last:], strict_mode=True))
    return b"".join(pieces)
