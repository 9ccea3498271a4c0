"""Nouns and small words of the languages that questions are understood in, both ways."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from models.assistant.talk.wording import plural

LANGUAGES = ("de", "es", "fr", "it")  # in the order of the columns of the tables
TABLES = Path(__file__).parent / "tables"
UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
DOUBLED = re.compile(r"([bcdfglmnptvz])\1")  # as often misheard; not s: rosso is not rosa


@dataclass(frozen=True, slots=True)
class Noun:
    """A noun of one language; `english` is its English singular."""

    english: str
    gender: str  # m, f or n
    singular: str
    plural: str


@dataclass(frozen=True, slots=True)
class NounPhrase:
    """A noun with what comes before it; `determiner` is a, the, my, your, this or empty."""

    english: str
    determiner: str = ""
    colour: str = ""
    plural: bool = False

    def __str__(self) -> str:
        """The English: a red cup, the cups, someone."""
        noun = plural(self.english) if self.plural else self.english
        words = f"{self.colour} {noun}".strip()
        if self.determiner not in ("", "a"):
            return f"{self.determiner} {words}"
        if self.plural or plural(self.english) == self.english or self.english in NO_ARTICLE:
            return words
        return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


NO_ARTICLE = frozenset(("someone", "somebody", "nobody", "something", "nothing", "me", "bread"))


def lines(table: str) -> list[str]:
    """Return the lines of a table without comments."""
    text = (TABLES / f"{table}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def folded(text: str, language: str) -> str:
    """Return `text` in lower-case words of a to z, without accents and double consonants."""
    text = text.lower()
    if language == "de":
        text = unicodedata.normalize("NFC", text).translate(UMLAUTS)
    letters = unicodedata.normalize("NFKD", text)
    plain = "".join(each for each in letters if not unicodedata.combining(each))
    return DOUBLED.sub(r"\1", " ".join(re.findall(r"[a-z0-9]+", plain)))


@cache
def shared(kind: str) -> dict[str, dict[str, str]]:
    """Return the words of a kind that all languages have, by English, then by language."""
    found = {}
    for line in lines("words"):
        name, _, rest = line.partition(" ")
        if name == kind:
            english, *others = rest.split("|")
            found[english] = dict(zip(LANGUAGES, others, strict=True))
    return found


@cache
def small_words(language: str, kind: str) -> tuple[str, ...]:
    """Return the fillers or determiners of a language, folded, the longest first."""
    head = f"{language} {kind} "
    found = (line.removeprefix(head) for line in lines("words") if line.startswith(head))
    words = (folded(word.replace("_", " "), language) for line in found for word in line.split())
    return tuple(sorted(words, key=len, reverse=True))


@cache
def nouns(language: str) -> dict[str, Noun]:
    """Return the nouns of a language by their English."""
    return {noun.english: noun for noun, _ in _read_nouns(language)}


@cache
def _by_word(language: str, *, alone: bool = True) -> dict[str, tuple[str, bool]]:
    """Return the English of each folded word, and whether it is a plural; the first noun wins.

    Words that stand `alone` are no nouns: `personne` is nobody, and `une personne` a person.
    """
    found: dict[str, tuple[str, bool]] = {}
    for english, others in shared("someone").items() if alone else ():
        found.setdefault(folded(others[language], language), (english, False))
    for noun, more in _read_nouns(language):
        found.setdefault(folded(noun.singular, language), (noun.english, False))
        found.setdefault(folded(noun.plural, language), (noun.english, True))
        for word in more:
            several = noun.english != "person" or word not in ("Mensch", "gente", "gens")
            ends = word.endswith(("s", "en", "i", "e")) and noun.english in ("person", "plant pot")
            found.setdefault(folded(word, language), (noun.english, several and ends))
    return found


def with_english_nouns(text: str, language: str) -> str:
    """Return `text` with the English of the nouns that it names."""

    def english(found: re.Match[str]) -> str:
        noun, several = _by_word(language).get(folded(found[0], language), (found[0], False))
        return plural(noun) if several else noun

    return re.sub(r"[^\W\d_]+(?:-[^\W\d_]+)*", english, text)


def _read_nouns(language: str) -> list[tuple[Noun, list[str]]]:
    column = LANGUAGES.index(language)
    found = []
    for line in lines("nouns"):
        english, *columns = line.split("|")
        first, *more = columns[column].split(", ")
        gender, _, words = first.partition(" ")
        parts = words.split(" ")
        half = len(parts) // 2
        one, several = (" ".join(some).replace("_", " ") for some in (parts[:half], parts[half:]))
        found.append((Noun(english, gender, one, several), more))
    return found


def colour_of(word: str, language: str) -> str:
    """Return the English color of a folded word, in any of its endings; empty if it is none."""
    stems = {
        folded(others[language], language).rstrip("aeo"): english
        for english, others in shared("colour").items()
    }
    fits = [each for each in stems if re.fullmatch(rf"{each}\w{{0,3}}", word)]
    return stems[max(fits, key=len)] if fits else ""


def read_noun_phrase(words: str, language: str, *, noun: bool = False) -> NounPhrase | None:
    """Return the noun phrase that folded `words` are; None if the noun is not known.

    With `noun` it is no word that stands alone, as someone.
    """
    determiner = ""
    for kind in ("my", "your", "this", "a", "the"):
        head = next((h for h in small_words(language, kind) if words.startswith(f"{h} ")), None)
        if head is not None:
            determiner, words = kind, words.removeprefix(f"{head} ")
            break
    rest, colour = words, ""
    known = _by_word(language, alone=not (determiner or noun))
    if rest not in known:
        parts = words.split()
        colours = [colour_of(part, language) for part in parts]
        colour = next(filter(None, colours), "")
        rest = " ".join(part for part, is_ in zip(parts, colours, strict=True) if not is_)
    if rest not in known:
        return None
    english, several = known[rest]
    return NounPhrase(english, determiner, colour, several)
