"""Colors as adjectives: in German before the noun with its endings, elsewhere after it."""

from models.assistant.phrasebook.dictionary import shared

UNCHANGED = {  # whatever they are said of
    "de": frozenset(("lila", "rosa", "orange")),
    "es": frozenset(("naranja", "rosa")),
    "fr": frozenset(("orange", "marron")),
    "it": frozenset(("blu", "viola", "rosa")),
}
FEMININE = {"blanc": "blanche", "violet": "violette"}  # French
PLURAL = {  # Spanish and Italian, of the masculine
    "marrón": "marrones", "bianco": "bianchi", "grigio": "grigi", "bianca": "bianche",
    "grigia": "grigie",
}  # fmt: skip
DEFINITE, INDEFINITE = "definite", "indefinite"  # what comes before a German adjective


def adjective(colour: str, language: str, gender: str, *, several: bool) -> str:
    """Return the color of a noun in Spanish, French or Italian."""
    word = shared("colour")[colour][language]
    if word in UNCHANGED[language]:
        return word
    if gender == "f":
        word = _feminine(word, language)
    return _plural(word, language) if several else word


def german_adjective(
    colour: str, gender: str, article: str = INDEFINITE, *, several: bool, object_: bool
) -> str:
    """Return the color of a German noun after a definite article, or after another or none."""
    word = shared("colour")[colour]["de"]
    if word in UNCHANGED["de"]:
        return word
    if several:
        ending = "en" if article == DEFINITE else "e"
    elif gender == "m" and object_:
        ending = "en"
    elif article == DEFINITE:
        ending = "e"
    else:
        ending = {"m": "er", "f": "e", "n": "es"}[gender]
    return f"{word}{ending}"


def _feminine(word: str, language: str) -> str:
    if language == "fr":
        return FEMININE.get(word, word if word.endswith("e") else f"{word}e")
    return f"{word[:-1]}a" if word.endswith("o") else word


def _plural(word: str, language: str) -> str:
    if word in PLURAL:
        return PLURAL[word]
    match language:
        case "fr":
            return word if word.endswith("s") else f"{word}s"
        case "es":
            return f"{word}s" if word[-1] in "aeo" else f"{word}es"
        case _:
            return f"{word[:-1]}{'e' if word.endswith('a') else 'i'}"
