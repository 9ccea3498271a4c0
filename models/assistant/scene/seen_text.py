"""Text that was read in a picture, as plain strings: whether it says something."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

TextWithScore = tuple[str, float]  # what a block of lines says, and how sure that is, 0 to 1
LONG = 6  # letters from which one of them may be misread


@dataclass(frozen=True, slots=True)
class SceneReading:
    """What was read for the question at `time`, in seconds.

    `unread` is how many further lines were found, of which `skipped` were not looked at. `problem`
    says why nothing could be read.
    """

    time: float
    text: tuple[TextWithScore, ...]
    unread: int = 0
    skipped: int = 0
    problem: str = ""


def words_of(text: str) -> list[str]:
    """Return the words of `text` in lower case, without punctuation."""
    return re.findall(r"\w+", text.lower())


def says(texts: Iterable[str], phrase: str) -> bool:
    """Return whether `texts` have the words of `phrase` in a row, also across their borders.

    Readers often miss the space between two words, so its place does not count. One letter of a
    long phrase may be misread.
    """
    wanted, read = words_of(phrase), words_of(" ".join(texts))
    joined = "".join(wanted)
    return bool(joined) and any(
        _same("".join(read[start:end]), joined)
        for start in range(len(read))
        for end in _ends(read, start, len(joined))
    )


def _ends(read: Sequence[str], start: int, length: int) -> Iterable[int]:
    """Yield the ends of runs of words from `start` that are about `length` letters long."""
    total = 0
    for end in range(start, len(read)):
        total += len(read[end])
        if total > length + 1:
            return
        if total >= length - 1:
            yield end + 1


def _same(read: str, wanted: str) -> bool:
    if read == wanted:
        return True
    return len(wanted) >= LONG and not wanted.isdigit() and _one_edit(read, wanted)


def _one_edit(one: str, other: str) -> bool:
    """Return whether one letter is missing, added or different."""
    short, long = sorted((one, other), key=len)
    if len(long) - len(short) > 1:
        return False
    same = next((at for at, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), None)
    if same is None:
        return True
    return short[same + (len(short) == len(long)) :] == long[same + 1 :]
