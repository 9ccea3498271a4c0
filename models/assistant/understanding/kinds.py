"""What kind of text the user said: a greeting, a question about now, a request to draw, ...

The kinds are told apart by patterns over plain words (`plain_words`), in order; what a question
about the scene asks for is found by `forms`. tests/data/dialogue has phrasings that the patterns
were written with, and others that they are measured on.
"""

import re
from enum import StrEnum

from models.assistant.requests.parsing import parse_request
from models.assistant.scene.query_parsing import parse_query
from models.assistant.understanding import patterns, social_patterns, text_questions
from models.assistant.understanding.forms import known, parse_form
from models.assistant.understanding.languages import foreign_language
from models.assistant.understanding.patterns import compiled
from models.assistant.understanding.plain_words import is_greeting, plain, without_greeting
from models.assistant.understanding.wanted import Form, Scope, Wanted


class TextKind(StrEnum):
    """A kind of text."""

    GREETING = "greeting"
    THANKS = "thanks"
    FAREWELL = "farewell"
    SELF = "self"
    ABILITY = "ability"
    TIME = "time"
    JOKE = "joke"
    TEXT = "text"  # that can be read in the picture
    ACTION = "action"
    COUNT = "count"  # of things
    FEELING = "feeling"
    HISTORY = "history"  # earlier words
    DRAW = "draw"
    LANGUAGE = "language"
    REQUEST = "request"  # to watch for something
    NOW = "now"
    PAST = "past"
    FOLLOW_UP = "follow_up"
    REMARK = "remark"
    UNKNOWN = "unknown"


SHORT = 12  # words of a remark that ends with a question mark: you see no dog, do you?
MAX_CHARACTERS = 2000  # of a text that are read
NOTHING = re.compile(r"(?!)")
# Patterns of kinds that are not about what is in view, and patterns of their exceptions, in order.
SPOKEN = tuple(
    (kind, compiled(found), compiled(exceptions) if exceptions else NOTHING)
    for kind, found, exceptions in (
        (TextKind.LANGUAGE, social_patterns.LANGUAGE, ()),
        (TextKind.FAREWELL, social_patterns.FAREWELL, ()),
        (TextKind.THANKS, social_patterns.THANKS, ()),
        (TextKind.GREETING, social_patterns.GREETING, ()),
        (TextKind.JOKE, social_patterns.JOKE, social_patterns.NOT_JOKE),
        (TextKind.HISTORY, social_patterns.HISTORY, social_patterns.NOT_HISTORY),
        (TextKind.TIME, patterns.TIME, patterns.NOT_TIME),
        (TextKind.DRAW, patterns.DRAW, patterns.NOT_DRAW),
        (TextKind.FEELING, patterns.FEELING, ()),
        (TextKind.TEXT, text_questions.PATTERNS, text_questions.EXCEPTIONS),
        (TextKind.ABILITY, social_patterns.ABILITY, social_patterns.NOT_ABILITY),
        (TextKind.SELF, social_patterns.SELF, social_patterns.NOT_SELF),
        (TextKind.ACTION, patterns.ACTION, patterns.NOT_ACTION),
        (TextKind.COUNT, patterns.COUNT, patterns.NOT_COUNT),
    )
)
FOLLOWS = compiled(patterns.FOLLOW_UP)
REMARK = compiled(social_patterns.REMARK)
PRONOUN = compiled(patterns.PRONOUN)
PRONOUN_QUESTION = compiled(patterns.PRONOUN_QUESTION)
DEICTIC = compiled(patterns.DEICTIC)  # points at what is in view, not back at what was said
EXPLETIVE = compiled(patterns.EXPLETIVE)
JOINED = re.compile(r"^(?:and|but|what about|how about)\b")
COUNTED = frozenset(  # how many, and known
    {Wanted.PEOPLE, Wanted.TIMES, Wanted.LIST, Wanted.COUNT, Wanted.ON}
)
SHRUGGED = re.compile(r"^never ?mind(?: that| it)?$")


def classify(text: str) -> TextKind:
    """Return the kind of `text`."""
    return analyze(text)[0]


def analyze(text: str) -> tuple[TextKind, str, Form | None]:
    """Return the kind of `text`, its plain words without a greeting, and its form if it has one."""
    text = text[:MAX_CHARACTERS]
    words = plain(text)
    if foreign_language(text):
        return TextKind.LANGUAGE, words, None
    if parse_request(text) is not None and not SHRUGGED.search(words):
        return TextKind.REQUEST, words, None
    rest = without_greeting(words)
    if is_greeting(words) and not rest:
        return TextKind.GREETING, words, None
    kind, words, form = _analyze_plain(rest or words)
    if kind is TextKind.REMARK and text.rstrip().endswith("?") and len(words.split()) > SHORT:
        kind = TextKind.UNKNOWN  # a question with a long beginning
    return kind, words, form


def _analyze_plain(words: str) -> tuple[TextKind, str, Form | None]:
    form = parse_form(words)
    kind = _spoken(words, form)
    if kind is not None:
        return kind, words, None
    if _follows(words, form):
        return TextKind.FOLLOW_UP, words, form
    if form is not None:
        return kind_of(form), words, form
    return TextKind.REMARK if REMARK.search(words) else TextKind.UNKNOWN, words, None


def kind_of(form: Form) -> TextKind:
    """Return the kind of a question about the scene."""
    if form.wanted is Wanted.COUNT:
        return TextKind.COUNT
    present = form.scope is Scope.NOW or (form.wanted is Wanted.WHERE and form.scope is Scope.BOTH)
    return TextKind.NOW if present else TextKind.PAST


def _spoken(words: str, form: Form | None) -> TextKind | None:
    """Return the kind of `words` if it is one that is not about what is in view."""
    for kind, found, exception in SPOKEN:
        if found.search(words) and not exception.search(words):
            counted = kind is TextKind.COUNT and form is not None and form.wanted in COUNTED
            return None if counted else kind
    return None


def _follows(words: str, form: Form | None) -> bool:
    """Return whether `words` are only understood from the turns before them."""
    query = parse_query(words)
    if form is not None and form.wanted in (Wanted.NAME, Wanted.LIST) and DEICTIC.search(words):
        return False
    if EXPLETIVE.search(words):
        return False
    if FOLLOWS.search(words):
        return form is None or not known(query.terms) or JOINED.search(words) is not None
    if PRONOUN.search(words) is None:
        return False
    if form is not None and form.wanted is Wanted.ORDER:
        return True
    alone = not known(query.terms) and not query.persons
    return alone and PRONOUN_QUESTION.search(words) is not None
