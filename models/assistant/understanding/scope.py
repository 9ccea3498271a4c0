"""Which part of the stream a question is about: now, the past, or both.

More history hurts the answers of a model to questions about now, see SimpleStream (arXiv
2604.02317), so what is retrieved for a question may go by its scope.
"""

import re

from models.assistant.understanding.wanted import Scope

WHERE_IS = re.compile(r"^(?:and )?where(?:abouts)? (?:is|are)\b")
WHEN = re.compile(r"^(?:and )?when(?:ever)? (?!is\b|are\b|do\b|does\b|will\b)")
UP_TO_NOW = re.compile(r"\bjust now\b|\b(?:until|up to|till) now\b")
NOW = re.compile(r"\b(?:now|currently|at the moment|still|at present|this moment)\b")
PERFECT = re.compile(r"\b(?:have|has)\b(?!.*\bgot\b)|\b(?:so far|ever|already|in total|yet)\b")
PAST = re.compile(
    r"\b(?:was|were|did|had|saw|came|went|showed|appeared|happened|earlier|previously|ago|"
    r"yesterday|before|after|first|last|once|recently|used to|changed|disappeared)\b|"
    r"(?<!the )(?<!your )(?<!my )(?<!on )\bleft\b(?! (?:side|hand|of))"
)


def scope_of(words: str) -> Scope:
    """Return which part of the stream plain `words` ask about.

    The perfect tense asks about all of it, and so does where something is, that may be gone.
    """
    if WHERE_IS.search(words):
        return Scope.BOTH
    if WHEN.search(words):
        return Scope.PAST
    if NOW.search(words) and not UP_TO_NOW.search(words):
        return Scope.NOW
    if PERFECT.search(words):
        return Scope.BOTH
    return Scope.PAST if PAST.search(words) else Scope.NOW
