"""What a model is shown for a question: the last looks, what is remembered, both, or nothing.

More history hurts the answers of a model to questions about now, see SimpleStream (arXiv
2604.02317), and costs time; so a question gets what it is about, and both only if that is not sure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from models.assistant.interface import Exchange
from models.assistant.understanding.follow_ups import Resolved, read_context, resolve
from models.assistant.understanding.kinds import TextKind, analyze
from models.assistant.understanding.scope import scope_of
from models.assistant.understanding.wanted import Form, Scope, Wanted

NOT_SEEN = frozenset(
    {
        TextKind.GREETING, TextKind.THANKS, TextKind.FAREWELL, TextKind.SELF, TextKind.ABILITY,
        TextKind.TIME, TextKind.JOKE, TextKind.HISTORY,
    }
)  # fmt: skip
COMPARED = re.compile(
    r"\b(?:same|different|differs?|changed?|missing|gone|compared?|than|since|everything|summary|"
    r"summari[sz]e|all|again|another|new|any ?more|no longer)\b"
)
PRESENT = re.compile(
    r"\b(?:is|are|am|do|does|can|now|this|these|here|look|looks|read|describe|in view|have here|"
    r"has got|have got)\b"
)
BEGINS_NOW = re.compile(r"^(?:and )?(?:is|are|am|do|does|has|have|can)\b")
ABOUT_ALL = frozenset({Wanted.CHANGE, Wanted.TIMES})


@dataclass(frozen=True, slots=True)
class ScopedQuestion:
    """The part of the stream that a question is about, and the words to search it with."""

    scope: Scope
    words: str


def read_question(text: str, conversation: Sequence[Exchange] = ()) -> ScopedQuestion:
    """Return what `text` is about; a follow-up is read with the `conversation` before it."""
    kind, words, form = analyze(text)
    if kind is TextKind.FOLLOW_UP:
        resolved = resolve(words, form, read_context(conversation))
        search = _whole(text, resolved, conversation)
        if resolved.special:
            return ScopedQuestion(Scope.BOTH, search)
        return ScopedQuestion(_scope(resolved.kind, resolved.words, resolved.form), search)
    return ScopedQuestion(_scope(kind, words, form), text)


def _whole(text: str, resolved: Resolved, conversation: Sequence[Exchange]) -> str:
    """Return the words of a follow-up, and of what it is about."""
    if resolved.special or resolved.form is None:
        return " ".join([*(each.question for each in conversation[-1:]), text])
    missing = [term.word for term in resolved.form.terms if term.word not in resolved.words]
    return " ".join([resolved.words, *missing])


def _scope(kind: TextKind, words: str, form: Form | None) -> Scope:
    if kind in NOT_SEEN:
        return Scope.NONE
    if kind in (TextKind.LANGUAGE, TextKind.REQUEST):
        return Scope.BOTH
    found = scope_of(words) if form is None else form.scope
    if found is Scope.PAST:
        return Scope.BOTH if BEGINS_NOW.search(words) and COMPARED.search(words) else found
    if COMPARED.search(words) or (form is not None and form.wanted in ABOUT_ALL):
        return Scope.BOTH
    if found is Scope.NOW and form is None and not PRESENT.search(words):
        return Scope.BOTH  # there is no tense to go by
    return found
