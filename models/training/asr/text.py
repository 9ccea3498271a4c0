"""Text of the corpus: sentences from packaged sources, and synthetic video questions.

Sources are read from the paths of their packages, or from folders of the caller: Debian's
`wordnet-base` (examples of usage in WordNet's glosses) and `fortunes`.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

SHORTEST, LONGEST = 3, 28  # words of a sentence
SPOKEN = re.compile(r"[A-Za-z ,.'?!;:-]+")  # no digits or symbols: they have several readings
EXAMPLE = re.compile(r'"([^"]+)"')
BRACKETS = re.compile(r"\([^)]*\)")
SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")
# Capitals, spaced-out lines, drawings, attributions: not sentences.
UNUSUAL = re.compile(r"[A-Z]{3}|\.\.|--|  |\b[A-Z]\.")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence with its final punctuation, source and license."""

    text: str
    source: str
    licence: str


def wordnet(folder: Path) -> Iterator[Sentence]:
    """Yield the usage examples in WordNet's `data.*` files; phrases are made sentences."""
    for file in sorted(folder.glob("data.*")):
        for line in file.read_text("latin-1").splitlines():
            for example in EXAMPLE.findall(line.partition(" | ")[2]):
                yield from _usable(example, "wordnet", "WordNet-3.0")


def definitions(folder: Path) -> Iterator[Sentence]:
    """Yield the definitions in WordNet's `data.*` files, without text in brackets."""
    for file in sorted(folder.glob("data.*")):
        for line in file.read_text("latin-1").splitlines():
            gloss = EXAMPLE.sub("", line.partition(" | ")[2])
            for text in BRACKETS.sub("", gloss).split(";"):
                yield from _usable(text, "wordnet", "WordNet-3.0")


def fortunes(folder: Path) -> Iterator[Sentence]:
    """Yield the sentences of all fortunes in Debian's files."""
    for file in sorted(path for path in folder.iterdir() if not path.suffix):
        for fortune in file.read_text("utf-8", "replace").split("\n%\n"):
            prose = fortune.partition("\n\t\t--")[0]
            if "\t" in prose:
                continue  # a poem, a dialogue or a table
            for sentence in SENTENCE.split(" ".join(prose.split())):
                yield from _usable(sentence, "fortunes", "BSD-3-Clause and quotations")


def _usable(text: str, source: str, licence: str) -> Iterator[Sentence]:
    text = text.strip().rstrip(";:,-")
    words = text.split()
    if not SHORTEST <= len(words) <= LONGEST or not SPOKEN.fullmatch(text):
        return
    if UNUSUAL.search(text):
        return
    text = text[0].upper() + text[1:]
    yield Sentence(text if text[-1] in ".?!" else text + ".", source, licence)


@cache
def _questions() -> dict[str, list[str]]:
    """Return patterns of requests, and the words for their slots."""
    read: dict[str, list[str]] = json.loads((Path(__file__).parent / "questions.json").read_text())
    return read


def template(rng: np.random.Generator) -> Sentence:
    """Return one synthetic request to a video assistant."""
    known = _questions()

    def one(slot: str) -> str:
        choices = known[slot]
        return choices[int(rng.integers(len(choices)))]

    text = one("patterns").replace("{things}", _plural(one("thing")))
    for slot in known:
        while "{" + slot + "}" in text:
            text = text.replace("{" + slot + "}", one(slot), 1)
    return Sentence(text, "templates", "project")


def _plural(noun: str) -> str:
    return noun + ("es" if noun.endswith(("s", "x", "h")) else "s")


def utterances(
    books: Sequence[Sentence], rng: np.random.Generator, *, synthetic: float = 0.25
) -> Iterator[tuple[Sentence, ...]]:
    """Yield utterances of one to three sentences, endlessly.

    Every sentence of `books` is used once, in random order, before any repeats.

    Raises:
        ValueError: there are no books, and `synthetic` is below 1.
    """
    if not books and synthetic < 1:
        raise ValueError("no sentences found: install wordnet-base or fortunes")
    order: list[int] = []
    while True:
        chosen: list[Sentence] = []
        wanted = int(rng.integers(8, 30))  # words
        while len(chosen) < 3 and sum(len(s.text.split()) for s in chosen) < wanted:
            if rng.random() < synthetic:
                chosen.append(template(rng))
            else:
                order = order or rng.permutation(len(books)).tolist()
                chosen.append(books[order.pop()])
        yield tuple(chosen)
