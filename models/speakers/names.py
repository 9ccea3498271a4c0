"""Names that people give: themselves in what they say, or a speaker by number. English: pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.speakers import questions

MAX_NAME = 40  # characters
MAX_CHARACTERS = 400  # of a text that may give names

# What may follow "I am" or "speaker 1 is" and is no name, or begins something that is none.
_OTHER_WORDS = """
american australian austrian belgian brazilian british canadian catholic chinese christian danish
dutch english european finnish french german god greek hungarian indian irish italian japanese
jewish korean mexican muslim norwegian polish portuguese romanian russian scottish spanish swedish
swiss turkish ukrainian vegan welsh i ok okay not sorry sure fine here so just very really too also
only the a an in at on from my your his her our their this that these those me you him them us it
he she they we nobody somebody someone anyone everyone never no yes now again still always mr mrs
ms dr what who where which speaker monday tuesday wednesday thursday friday saturday sunday today
tomorrow yesterday
"""
# Further words that may follow "speaker 1 is", where names are typed without capitals, too.
_ADJECTIVES = """
loud louder quiet quieter silent gone away back late early wrong right good bad better best nice
kind funny angry happy sad tired bored busy ready done finished new old older young younger tall
short big small male female muted unmuted deaf mute clear unclear interesting annoying correct
incorrect drunk sick asleep awake alone first last next missing present absent unknown different
same out off up down left both closer far near slow fast alive dead hungry cold hot mad crazy cool
great awesome polite rude shy smart stupid
"""
_NO_NAMES = frozenset(_OTHER_WORDS.split())
_SAID_OF_PEOPLE = frozenset(_ADJECTIVES.split())
_CARDINALS = "one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = {word: number for number, word in enumerate(_CARDINALS.split(), 1)}
_ORDINALS = {word: number for number, word in enumerate(questions.ORDINALS, 1)}
_NUMBER = rf"(?:\d{{1,4}}|{'|'.join(_NUMBERS)})"
_SPEAKER = (
    rf"(?:the )?(?:(?:speaker|voice|person) (?:number |no\.? ?|#)?(?P<number>{_NUMBER})|"
    rf"(?P<ordinal>{'|'.join(_ORDINALS)}) (?:speaker|voice))"
)
_TITLE = r"(?:(?:[Dd]r|[Mm]rs?|[Mm]s|[Pp]rof)\.? )?"
_WORD = r"[^\W\d_][\w'’-]*"
_NAME = rf"(?P<name>{_TITLE}{_WORD}(?: {_WORD}){{0,3}})"
_CALL = re.compile(rf"(?:call|name|rename|label) {_SPEAKER}(?: to| as|:|,)? {_NAME}", re.IGNORECASE)
_CALLED = re.compile(
    rf"{_SPEAKER}(?: is called| is named|(?:'s|’s) name is| should be called) {_NAME}",
    re.IGNORECASE,
)
_IS = re.compile(rf"{_SPEAKER}(?: is|'s|’s|:| =) {_NAME}", re.IGNORECASE)
_IS_SPEAKER = re.compile(rf"{_NAME} is {_SPEAKER}", re.IGNORECASE)
_POLITE = re.compile(
    r"^(?:(?:please|and|so|ok|okay|no|well|hey|actually|eyeline|the|by the way),? )+|"
    r",? (?:please|thanks|thank you|by the way|now)$",
    re.IGNORECASE,
)
_PREPOSITIONS = "van von der den de la le da di du del dos bin ibn al el ter zu"
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")
_PARTICLES = frozenset(_PREPOSITIONS.split())
_END = r"(?=\s*(?:[.,!?;]|$|and\b|from\b|here\b|speaking\b|by the way\b))"
_SELF = rf"(?P<name>{_TITLE}{_WORD}(?: {_WORD}){{0,2}}?)"
_INTRODUCTIONS = (
    re.compile(rf"\b(?:[Mm]y|[Tt]he) name(?: is|['’]s) {_SELF}{_END}"),
    re.compile(rf"(?:^|[.,!?;] ?|\b(?i:you can|please|just|people|they|and) )[Cc]all me "
               rf"{_SELF}{_END}"),
    re.compile(rf"\b[Tt]his is {_SELF},? (?:speaking|here)\b"),
    re.compile(rf"\b(?:I am|I'm|I’m) {_SELF}{_END}"),
    re.compile(rf"\b[Ii]t['’]?s me,? {_SELF}{_END}"),
)  # fmt: skip
_OF_OTHERS = re.compile(
    r"\b(?:not|never|don['’]t|said|says?|if|when|that|called|her|his|their) *$", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class GivenName:
    """`name` of the speaker with `number`."""

    name: str
    number: int


@dataclass(frozen=True, slots=True)
class Introduction:
    """Somebody says a name of their own, at the word with index `word` of what was said."""

    name: str
    word: int


def clean_name(text: str) -> str:
    """Return `text` as a name: on one line, and without characters that turn its direction.

    Names go into subtitles, in which a line break ends what belongs to it.
    """
    return " ".join(_CONTROLS.sub(" ", text).split())[:MAX_NAME]


def names_by_number(text: str) -> tuple[GivenName, ...]:
    """Return the names that `text` gives speakers: "Speaker 1 is Anna, and speaker 2 is Bob".

    It is no such text if a part of it is another sentence. After "is", words that are said of
    people are no names, such as "talking"; names may be typed without capitals.
    """
    text = _without_politeness(text.strip().rstrip(".! "))
    if text.endswith("?") or len(text) > MAX_CHARACTERS:
        return ()
    parts = re.split(r"[,;.]? and (?=[^,;]*\bspeaker\b)|[;,]\s+|(?<=[^\W\d_]{3})\.\s+", text)
    given = [_given(_without_politeness(part.rstrip(".! "))) for part in parts if part.strip()]
    return tuple(each for each in given if each) if all(given) else ()


def introduction(words: Sequence[str]) -> Introduction | None:
    """Return how the speaker of `words`, which keep their spaces, introduces himself or herself.

    Only words with a capital are a name: speech recognition writes names so.
    """
    text = "".join(words)
    for pattern in _INTRODUCTIONS:
        for found in pattern.finditer(text):
            name = found["name"]
            alone = _is_name(name, capitals=True) and name.lower() not in _SAID_OF_PEOPLE
            if alone and not _OF_OTHERS.search(text[: found.start()]):
                return Introduction(_written(name), _word_at(words, found.start("name")))
    return None


def _without_politeness(text: str) -> str:
    before = ""
    while before != text:
        before, text = text, _POLITE.sub("", text).strip()
    return text


def _given(text: str) -> GivenName | None:
    for pattern in (_CALL, _CALLED, _IS, _IS_SPEAKER):
        found = pattern.fullmatch(text)
        if found is None:
            continue
        name, spoken = found["name"], pattern in (_IS, _IS_SPEAKER)
        if not _is_name(name) or (spoken and _said_of_people(name)):
            return None
        return GivenName(_written(name), _number(found))
    return None


def _number(found: re.Match[str]) -> int:
    if found["ordinal"]:
        return _ORDINALS[found["ordinal"].lower()]
    number = found["number"].lower()
    return _NUMBERS.get(number) or int(number)


def _is_name(text: str, *, capitals: bool = False) -> bool:
    """Return whether `text` may be a name; with `capitals` only if it is written with them."""
    first, *rest = re.sub(rf"^{_TITLE}", "", text).split() or [""]
    begun = all(_is_capital(each) or each.lower() in _PARTICLES for each in rest)
    plain = first.lower() in _NO_NAMES or re.search(r"n['’]t$", first) is not None
    if plain or len(text) > MAX_NAME or any(each.lower() in _NO_NAMES for each in rest):
        return False
    return begun and _is_capital(first) if capitals else begun or (len(rest) < 2 and text.islower())


def _said_of_people(name: str) -> bool:
    """Return whether `name` is rather something else that is said of a person."""
    words = name.split()
    plain = any(each.lower() in _SAID_OF_PEOPLE for each in words)
    return plain or (words[0].islower() and (len(words) > 1 or words[0].endswith("ing")))


def _is_capital(word: str) -> bool:
    return word[:1].isupper() or not (word[:1].isupper() or word[:1].islower())


def _written(name: str) -> str:
    """Return `name` with capitals, as typed names may have none."""
    return " ".join(
        part if part.lower() in _PARTICLES else part[:1].upper() + part[1:] for part in name.split()
    )


def _word_at(words: Sequence[str], place: int) -> int:
    """Return the index of the word that has the character at `place` of the joined text."""
    end = 0
    for index, word in enumerate(words):
        end += len(word)
        if place < end:
            return index
    return len(words) - 1
