"""How likely somebody who pauses has said what they wanted to: from the words so far. Pure.

A logistic function of three things: the mark that the recognizer puts behind the last word, its
probability of that word with its mark, and whether the word wants another one. The first two say
how it sounded, too: a recognizer that hears a voice stay up puts no full stop. The last knows
English words only.

Made by models.training.turn_end; models/checkpoints/turn-end.md has its figures.
"""

import json
import math
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

from models.asr.words import RecognizedWord, join_words

WEIGHTS = Path(__file__).parents[1] / "checkpoints" / "turn-end.json"
MARKS = ("...", ".", "?", "!", ",", "-")
FULL_WIDTH = str.maketrans("。？！，、", ".?!,,")  # of Chinese and Japanese
MIN_SURE = 0.02
OPEN_WORDS = (
    "a an the my your our their and or but because if when while than so of to from into "
    "i he she we they is are was were i'm you're he's she's we're they're there's uh um er"
)
UNFINISHED = frozenset(OPEN_WORDS.split())


def features(text: str, sure: float) -> dict[str, float]:
    """Return the features of what was said so far; `sure` is the last word's probability."""
    text = text.strip().translate(FULL_WIDTH).replace("…", "...")
    mark = next((mark for mark in MARKS if text.endswith(mark)), "none")
    words = re.findall(r"[\w']+", text.lower())
    unfinished = bool(words) and words[-1] in UNFINISHED and mark != "?"
    return {
        "bias": 1.0,
        f"mark {mark}": 1.0,
        "sure": math.log(max(MIN_SURE, sure)),
        "unfinished": float(unfinished),
    }


def probability(found: Mapping[str, float], weights: Mapping[str, float]) -> float:
    """Return the logistic function of the weighted features."""
    score = sum(value * weights.get(name, 0.0) for name, value in found.items())
    return 1 / (1 + math.exp(-score))


@cache
def shipped_weights() -> Mapping[str, float]:
    weights: dict[str, float] = json.loads(WEIGHTS.read_text())
    return weights


def completeness(words: Sequence[RecognizedWord]) -> float:
    """Return the probability in [0, 1] that `words` are all that somebody wants to say."""
    if not words:
        return 0.0
    found = features(join_words(list(words)), words[-1].probability)
    return probability(found, shipped_weights())
