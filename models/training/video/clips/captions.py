"""Captions of the composed clips, in varied words."""

from collections.abc import Sequence

import numpy as np

from models.generation.small.looks.coloring import COLORS
from models.training.video.clips.grounds import BACKGROUNDS
from models.training.video.clips.kinds import KINDS

Rng = np.random.Generator

MOTION_WORDS: dict[str, tuple[str, ...]] = {
    "left": ("moving left", "going to the left", "that drifts left", "sliding leftwards"),
    "right": ("moving right", "going to the right", "that drifts right", "sliding rightwards"),
    "up": ("rising", "moving up", "going upwards", "that floats up"),
    "down": ("sinking", "moving down", "falling", "going downwards"),
    "circle": ("moving in a circle", "circling", "going round and round"),
    "bounce": ("bouncing", "hopping up and down", "jumping"),
    "wave": ("swinging from side to side", "going back and forth", "swaying"),
    "still": ("standing still", "that does not move", "resting"),
    "free": ("moving about", "wandering", "following a path", "moving around"),
}
SIZE_WORDS: dict[str, tuple[str, ...]] = {
    "": ("",),
    "small": ("small", "small", "little", "tiny"),
    "large": ("large", "large", "big", "huge"),
}
BEFORE = ("", "", "", "a video of ", "a picture of ", "show me ", "please draw ", "a clip with ")
BETWEEN = (" on ", " in front of ", " over ", ", with {} behind it", ", the background is ")
BOTH = (" and ", " with ", " next to ", " beside ", " together with ")


def article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def _pick(rng: Rng, options: Sequence[str]) -> str:
    return options[int(rng.integers(len(options)))]


def caption(
    rng: Rng,
    kinds: Sequence[str],
    motions: Sequence[str],
    background: str,
    sizes: Sequence[str] = ("", ""),
    colors: Sequence[str] = ("", ""),
) -> str:
    """Return a sentence that names `kinds` in order, `background`, and sometimes the motions.

    Words of sizes and colors are always said: a model without its pictures could not guess them.
    """
    things = []
    for kind, motion, size, color in zip(kinds, motions, sizes, colors, strict=False):
        names = KINDS[kind].names
        name = names[0] if rng.random() < 0.6 else _pick(rng, names)
        said = _pick(rng, SIZE_WORDS[size])
        thing = article(" ".join(word for word in (said, color, name) if word))
        named = rng.random() < (0.2 if motion == "free" else 0.65)
        things.append(f"{thing} {_pick(rng, MOTION_WORDS[motion])}" if named else thing)
    shown = _pick(rng, BOTH).join(things)
    grounds = BACKGROUNDS[background].names
    ground = grounds[0] if rng.random() < 0.6 else _pick(rng, grounds)
    return _pick(rng, BEFORE) + _place(rng, shown, ground)


def _place(rng: Rng, shown: str, ground: str) -> str:
    between = _pick(rng, BETWEEN)
    return shown + between.format(ground) if "{}" in between else shown + between + ground


def vocabulary() -> tuple[str, ...]:
    """Return all words of captions in alphabetical order."""
    lines: list[str] = [*BEFORE, *BETWEEN, *BOTH, "a an", *COLORS]
    lines += [word for words in SIZE_WORDS.values() for word in words]
    lines += [word for words in MOTION_WORDS.values() for word in words]
    lines += [name for kind in KINDS.values() for name in kind.names]
    lines += [name for ground in BACKGROUNDS.values() for name in ground.names]
    words = {word.strip(",{}") for line in lines for word in line.lower().split()}
    return tuple(sorted(words - {""}))
