"""Questions about the order of two things, of which perception may have no name for one.

A search for names leaves out words that it does not know, so that a question about two things would
become another one about the thing that is known.
"""

import re

from models.assistant.scene.query_parsing import PERSON_WORDS, QueryTerm, find_name_ids
from models.assistant.scene.scene_log import PEOPLE
from models.assistant.understanding.wanted import Wanted

NOUN = r"(?:an?|the|my|your|some) (?P<{name}>[a-z'-]+(?: [a-z'-]+){{0,2}}?)"
EITHER = re.compile(
    rf"{NOUN.format(name='one')},? or {NOUN.format(name='other')}"
    r"(?= (?:come|came|first|last|earlier|later|there|before|after|which|appear|was|is)\b|$)"
)
ENDS = re.compile(r"\b(?P<word>first|last|earlier|later)\b")
COMPARED = re.compile(
    rf"^(?:and )?(?:did|was|were|has|have|had|is|do) .*?\b{NOUN.format(name='one')} "
    r"(?:(?:come|came|appear|appeared|been|be|go|leave|there|here|shown|seen|right|just|long|"
    rf"shortly|in view) )*(?P<word>before|after) {NOUN.format(name='other')}(?: was| came| did)?$"
)


def parse_pair(words: str) -> tuple[Wanted, str, tuple[QueryTerm, QueryTerm]] | None:
    """Return what plain `words` ask about the order of two things, its word, and the things."""
    either, end = EITHER.search(words), ENDS.search(words)
    if either is not None and end is not None:
        return Wanted.WHICH_FIRST, end["word"], (_term(either["one"]), _term(either["other"]))
    compared = COMPARED.search(words)
    if compared is not None:
        terms = _term(compared["one"]), _term(compared["other"])
        return Wanted.ORDER, compared["word"], terms
    return None


def _term(phrase: str) -> QueryTerm:
    """Return the term of a noun with its adjectives; it may be unknown."""
    words = phrase.split()
    if words[-1] in PERSON_WORDS:
        return PEOPLE
    for at in range(len(words)):
        name = " ".join(words[at:])
        if found := find_name_ids(name):
            return QueryTerm(name, found)
    return QueryTerm(words[-1], frozenset())
