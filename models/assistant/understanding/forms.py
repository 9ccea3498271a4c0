"""The form of a question about what is or was in view: what it asks for, of which things, when.

Words are those of `plain_words`. A question that has no form here is not about the scene, or asks
for something that perception does not know.
"""

import re
from dataclasses import replace

from models.assistant.scene.query_parsing import QueryTerm, find_kin_ids, parse_query
from models.assistant.understanding.pairs import parse_pair
from models.assistant.understanding.patterns import compiled
from models.assistant.understanding.scene_patterns import (
    COLOUR_STATED,
    ME,
    NAMES,
    NOT_NAMES,
    PATTERNS,
    PRESENCE,
    SIDE_STATED,
    YES_NO,
)
from models.assistant.understanding.scope import scope_of
from models.assistant.understanding.times import parse_time
from models.assistant.understanding.wanted import Form, Scope, Wanted
from models.vision.colors import COLORS

_PATTERNS = tuple((wanted, compiled(patterns)) for wanted, patterns in PATTERNS)
_NAMES, _NOT_NAMES, _PRESENCE, _YES_NO = map(compiled, (NAMES, NOT_NAMES, PRESENCE, YES_NO))
_ME = compiled(ME)
_SIDE_STATED, _COLOUR_STATED = compiled(SIDE_STATED), compiled(COLOUR_STATED)
_SHOWN_AT = re.compile(r"\b(?:see|saw|seen|was|were|there|view|visible|shown?|happened|did)\b")
_VIEW = re.compile(
    r"\b(?:in front of|in|on|of|at|before) (?:the |your |my |this )?"
    r"(?:camera|picture|image|video|room|view|screen|frame|scene)\b"
)
_GONE = re.compile(r"\b(?:gone|(?<!the )left|disappeared|vanished|away)$")
_PASSED = re.compile(r"\b(?:passed|came|went|drove|walked|appeared|arrived)\b")
_EXCLUDED = re.compile(
    r"\bneither\b|\b(?:that|which|who) (?:is|are|was|were) not\b|"
    r"\b(?:but|except|besides|apart from|other than) (?:the|an?|this|that)\b"
)
_THING = re.compile(r"\b(?:thing|object|in|on|front|view)\b")
_ABOUT_KNOWN = frozenset({Wanted.BESIDE, Wanted.IS_ON, Wanted.IS_HELD})
_ABOUT_TERMS = frozenset({Wanted.WHERE, Wanted.COLOUR, Wanted.TIMES})


def parse_form(words: str) -> Form | None:
    """Return the form of plain `words`; None if they are no question about the scene."""
    query = parse_query(_VIEW.sub("", words).strip())
    persons = query.persons or _ME.search(words) is not None
    asked = Form(wanted=Wanted.AT, scope=scope_of(words), terms=query.terms, persons=persons)
    time = parse_time(words)
    if time is not None and re.match(r"when|how", words) is None and _SHOWN_AT.search(words):
        terms = query.terms if known(query.terms) else ()
        return replace(asked, scope=Scope.PAST, terms=terms, time=time[0], ago=time[1])
    pair = parse_pair(_VIEW.sub("", words).strip())
    if pair is not None:
        return replace(asked, wanted=pair[0], word=pair[1], scope=Scope.PAST, terms=pair[2])
    for wanted, pattern in _PATTERNS:
        match = pattern.search(words)
        if match is None:
            continue
        form = replace(asked, wanted=wanted, word=_word(match))
        if wanted is Wanted.COUNT and _PASSED.search(words):
            form = replace(form, scope=Scope.PAST)
        if _complete(form, words):
            return form
    if _EXCLUDED.search(words) is not None:
        return None  # the thing that is named is not asked for
    return _yes_no(words, asked) or _name(words, asked)


def known(terms: tuple[QueryTerm, ...]) -> bool:
    """Return whether perception has a name for one of `terms`."""
    return any(term.name_ids for term in terms)


def _word(match: re.Match[str]) -> str:
    """Return the word of a form that its pattern found."""
    groups = match.groupdict()
    for name in ("count", "things"):
        if groups.get(name):
            return name
    named = ("word", "word2", "support", "end", "close")
    return next((groups[each] for each in named if groups.get(each)), "")


def _complete(form: Form, words: str) -> bool:
    """Return whether the form has what it asks about."""
    about = bool(form.terms) or form.persons
    if form.wanted in _ABOUT_TERMS:
        return about
    if form.wanted in (Wanted.ENDS, *_ABOUT_KNOWN):
        return known(form.terms) == (form.wanted is not Wanted.ENDS)
    match form.wanted:
        case Wanted.WHEN:
            return (
                known(form.terms)
                or form.persons
                or (bool(form.terms) and form.scope is not Scope.NOW)
            )
        case Wanted.ORDER:
            return about and not words.endswith(" before")
        case Wanted.WHICH_FIRST:
            return len(form.terms) + form.persons > 1
        case Wanted.DURATION:
            watched = r"\byou\b.*\b(?:watch|look|been|on|run|see)"
            return about or re.search(watched, words) is not None
        case Wanted.COUNT:
            return _countable(form, words)
        case _:
            return True


def _countable(form: Form, words: str) -> bool:
    """Return whether it is known what is counted: a thing, not what it has, as legs of a dog."""
    if form.word == "things":
        return not known(form.terms)
    if not known(form.terms) and not any(find_kin_ids(each.word) for each in form.terms):
        return form.persons and bool(form.word)
    after = rf"\bhow many (?:[\w'-]+ ){{0,3}}?{re.escape(form.terms[0].word)}\b"
    owner = (
        r"\bhow many [\w'-]+ (?:does|do|did|has|have|had|are on|is on) (?:the|a|an|this|that|my)\b"
    )
    if not re.search(r"\bhow many\b", words):
        return True
    return re.search(after, words) is not None and re.search(owner, words) is None


def _yes_no(words: str, asked: Form) -> Form | None:
    """Return the form of a question for yes or no."""
    if _YES_NO.search(words) is None or not (asked.terms or asked.persons):
        return None
    several = len(asked.terms) + asked.persons > 1
    if known(asked.terms) and several and re.search(r"\bor\b", words):
        return replace(asked, wanted=Wanted.CHOICE)
    colour = _COLOUR_STATED.search(words)
    if known(asked.terms) and colour is not None:
        things = tuple(term for term in asked.terms if term.word not in COLORS)
        return replace(
            asked, wanted=Wanted.IS_COLOUR, terms=things or asked.terms, word=colour["what"]
        )
    side = _SIDE_STATED.search(words)
    if side is not None:
        return replace(asked, wanted=Wanted.IS_SIDE, word=side["word"])
    if _PRESENCE.search(words) is None:
        return None
    return replace(asked, wanted=Wanted.PRESENCE, word=_presence_word(words, several=several))


def _presence_word(words: str, *, several: bool) -> str:
    """Return what a question for presence adds: that it points, asks for absence, or for more."""
    if re.match(r"(?:and )?(?:is|are) (?:this|that|it|these|those) ", words):
        return "this"
    if _GONE.search(words):
        return "gone"
    return "and" if several and re.search(r"\band\b", words) else ""


def _name(words: str, asked: Form) -> Form | None:
    """Return the form of a question for what is in view."""
    if _NAMES.search(words) is None or _NOT_NAMES.search(words):
        return None
    definite = re.match(r"what (?:is|are|was|were) (?:the|an?|my|your) ", words)
    if definite is not None and _THING.search(words) is None:
        return None
    terms = tuple(term for term in asked.terms if term.name_ids)
    wanted = Wanted.LIST if asked.scope is Scope.PAST else Wanted.NAME
    return replace(asked, wanted=wanted, terms=terms, persons=False)
