"""Seeded damage to text, for fuzz tests of parsers."""

import random
import re
from collections.abc import Callable

NUMBERS = ["", "-1", "0", "1e9", "65536", "4294967296", "9" * 30, "9" * 5000, "٣", "0x10", "NaN"]
TOKENS = ["", " ", ":", "=", "/", ";", "a=", "m=", "\x00", "é", "\u2028", "a=mid:0", "IN IP4", "*"]


def replace_number(text: str, rng: random.Random) -> str:
    found = list(re.finditer(r"\d+", text))
    spot = rng.choice(found) if found else None
    return text if spot is None else text[: spot.start()] + rng.choice(NUMBERS) + text[spot.end() :]


def replace_character(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return text[:place] + chr(rng.randrange(1, 0x250)) + text[place + 1 :]


def insert_token(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return text[:place] + rng.choice(TOKENS) + text[place:]


def cut_piece(text: str, rng: random.Random) -> str:
    place = rng.randrange(len(text))
    return text[:place] + text[place + rng.randrange(1, 40) :]


def cut_end(text: str, rng: random.Random) -> str:
    return text[: rng.randrange(len(text))]


def change_lines(text: str, rng: random.Random) -> str:
    """Delete, double, or swap lines."""
    lines = text.split("\n")
    first, second = rng.randrange(len(lines)), rng.randrange(len(lines))
    match rng.randrange(3):
        case 0:
            del lines[first]
        case 1:
            lines.insert(second, lines[first])
        case _:
            lines[first], lines[second] = lines[second], lines[first]
    return "\n".join(lines)


def cut_line(text: str, rng: random.Random) -> str:
    """End a line early."""
    lines = text.split("\n")
    place = rng.randrange(len(lines))
    lines[place] = lines[place][: rng.randrange(len(lines[place]) + 1)]
    return "\n".join(lines)


MUTATIONS: list[Callable[[str, random.Random], str]] = [
    replace_number,
    replace_character,
    insert_token,
    cut_piece,
    cut_end,
    change_lines,
    change_lines,
    cut_line,
]


def mutated(text: str, rng: random.Random) -> str:
    """Return `text` after one to four mutations."""
    for _ in range(rng.randint(1, 4)):
        if text:
            text = rng.choice(MUTATIONS)(text, rng)
    return text
