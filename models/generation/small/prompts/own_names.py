"""Names of the user's own pictures: what a picture may be called, so that prompts can say it."""

from models.generation.small.prompts.vocabulary import Vocabulary
from models.generation.small.prompts.words import LONGEST, Part, known_phrases, split_prompt

MAX_NAME = 40  # characters
_LEADING = (Part.DETERMINER, Part.FILLER)
_NAMES = (Part.THING, Part.BACKGROUND)
_SAID = {
    Part.COLOR: "a color",
    Part.SIZE: "a size",
    Part.MOTION: "a motion",
    Part.SPEED: "a speed",
    Part.COUNT: "a number",
}


def own_name(text: str, vocabulary: Vocabulary) -> str:
    """Return `text` as prompts are read: in lower case, without accents, "my" or "the".

    Raises:
        ValueError: it is no name for a picture; the message says why.
    """
    if len(text) > MAX_NAME:
        raise ValueError(f"a name may have {MAX_NAME} characters, this one has {len(text)}")
    known = known_phrases(vocabulary)
    words = split_prompt(text)
    while len(words) > 1 and words[0] in known and known[words[0]].part in _LEADING:
        del words[0]
    while words and not words[-1].isalnum():
        del words[-1]
    name = " ".join(words)
    if not any(letter.isalpha() for letter in name):
        raise ValueError(f'expected a name of letters, as in "mug", got {text.strip()!r}')
    if len(words) > LONGEST:
        raise ValueError(f"a name may have {LONGEST} words, this one has {len(words)}")
    if name in known and known[name].part not in _NAMES:
        said = _SAID.get(known[name].part, "a word of prompts")
        raise ValueError(f'"{name}" is {said} in prompts: choose another name')
    return name


def replaced_kind(name: str, vocabulary: Vocabulary) -> str:
    """Return what a model draws without the user's picture `name`; empty for nothing."""
    phrase = known_phrases(vocabulary).get(name)
    return phrase.value if phrase is not None and phrase.part in _NAMES else ""
