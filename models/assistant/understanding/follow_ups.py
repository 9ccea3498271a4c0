"""Questions that are only understood from the turns before them: and before that? what about now?

The conversation is read again from its text: what each question asked for, and which things it and
its answer named. So any model may have given the earlier answers.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from models.assistant.interface import Exchange
from models.assistant.scene.query_parsing import QueryTerm, parse_query
from models.assistant.understanding.forms import parse_form
from models.assistant.understanding.kinds import TextKind, analyze, kind_of
from models.assistant.understanding.times import last_clock_time
from models.assistant.understanding.wanted import Form, Scope, Wanted

MAX_EXCHANGES = 8  # that are read again
JOINING = re.compile(r"^(?:(?:and|but|so|or|also|ok|then(?= \w)) )+")
SPECIAL = (
    (
        "sure",
        re.compile(
            r"^(?:really|seriously|no really|sure|is that (?:right|true|so|correct)|"
            r"are you (?:\w+ )?(?:sure|certain|positive)|how (?:sure|certain|confident) are you.*)$"
        ),
    ),
    (
        "why",
        re.compile(
            r"^(?:why|why not|why is that|how come|how so|how do you know(?: that)?|"
            r"what makes you .*)$"
        ),
    ),
    (
        "else",
        re.compile(r"^(?:what|who|anything|anyone|something|someone|nothing|where) else\b"),
    ),
)
NOW = re.compile(r"^(?:(?:what|how) about |what is (?:it|there|that) )?(?:right )?now$")
THAT = r"(?: (?:that|it|this|them|then|him|her))?$"
EARLIER = re.compile(
    rf"^(?:what |who |which )?(?:\w+ )*(?:before|previous|earlier){THAT}|"
    r"^(?:the )?previous(?: one| thing)?$"
)
LATER = re.compile(
    rf"^(?:what |who |which )?(?:\w+ )*(?:after|next|afterwards|then|later){THAT}|"
    r"^since (?:then|that)$"
)
OTHER = re.compile(
    r"\bother (?:one|ones|thing|person)\b|^(?:the )?other$|\bsecond (?:one|thing|person)\b"
)
ABOUT = re.compile(r"^(?:(?:what|how) about|tell me (?:more )?about) ")
PRONOUN = re.compile(r"\b(?:it|they|them|he|she|him|that one|this one)\b")
POINTED = re.compile(r"\b(was|were|did|is) (?:that|this|those)\b")
BARE = re.compile(r"^(?P<ask>when|where|what colour|how long|how often|how many times)$")
ABOUT_ANSWER = frozenset(
    {
        Wanted.NAME, Wanted.CHOICE, Wanted.ORDER, Wanted.WHICH_FIRST, Wanted.ENDS, Wanted.LIST,
        Wanted.AT, Wanted.CHANGE, Wanted.SIDE,
    }
)  # fmt: skip
KEEPS_TERMS = frozenset(
    {
        Wanted.PRESENCE, Wanted.WHEN, Wanted.WHERE, Wanted.COLOUR, Wanted.DURATION, Wanted.TIMES,
        Wanted.ORDER, Wanted.IS_COLOUR, Wanted.IS_SIDE,
    }
)  # fmt: skip
OF_NOW = frozenset(
    {
        Wanted.PRESENCE, Wanted.WHERE, Wanted.PEOPLE, Wanted.WHO, Wanted.EMPTY, Wanted.COLOUR,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ConversationContext:
    """What the last turns were about: the last question's form, and the things it named.

    The first of `topics` is what `it` means. `question` is in plain words.
    """

    form: Form | None = None
    topics: tuple[QueryTerm, ...] = ()
    question: str = ""
    answer: str = ""
    time: float | None = None  # the last that the answer names, in seconds


@dataclass(frozen=True, slots=True)
class Resolved:
    """A follow-up as plain words with their kind and form, or a `special` one of its own."""

    words: str
    kind: TextKind
    form: Form | None = None
    special: str = ""  # sure, why, else, other or unclear


def read_context(conversation: Sequence[Exchange]) -> ConversationContext:
    """Return what the last turns of `conversation` were about."""
    context = ConversationContext()
    for exchange in conversation[-MAX_EXCHANGES:]:
        kind, words, form = analyze(exchange.question)
        if kind is TextKind.FOLLOW_UP:
            resolved = resolve(words, form, context)
            words, form, kind = resolved.words, resolved.form, resolved.kind
            if resolved.special in ("sure", "why"):
                continue
        topics = _topics(words, form, exchange.answer)
        if kind in (
            TextKind.NOW,
            TextKind.PAST,
            TextKind.COUNT,
            TextKind.ACTION,
            TextKind.TEXT,
            TextKind.FOLLOW_UP,
        ) or (kind is TextKind.UNKNOWN and topics):
            time = (
                last_clock_time(exchange.answer) if form and form.wanted in ABOUT_ANSWER else None
            )
            context = ConversationContext(
                form, topics or context.topics, words, exchange.answer, time
            )
        elif kind not in (TextKind.REMARK, TextKind.THANKS, TextKind.UNKNOWN):
            context = replace(context, form=None)
    return context


def resolve(
    words: str, form: Form | None, context: ConversationContext, shown: str = ""
) -> Resolved:
    """Return the follow-up `words` as a whole question; `shown` is the main thing in view."""
    rest = JOINING.sub("", words) or words
    special = next((name for name, pattern in SPECIAL if pattern.search(rest)), "")
    if special:
        return Resolved(rest, TextKind.FOLLOW_UP, special=special)
    if NOW.match(rest):
        return _resolved(rest, _about_now(context.form))
    if OTHER.search(rest):
        return _other(rest, context)
    topics = context.topics or _named(shown)
    if LATER.match(rest) or EARLIER.match(rest):
        return _beside(rest, context, topics)
    return _about_things(rest, form, context, topics)


def _beside(words: str, context: ConversationContext, topics: Sequence[QueryTerm]) -> Resolved:
    """Return the question for what came before or after the topic."""
    if not topics:
        return Resolved(words, TextKind.FOLLOW_UP, special="unclear")
    word = "before" if EARLIER.match(words) else "after"
    form = _form(Wanted.ORDER, Scope.PAST, topics[0], word=word)
    return _resolved(words, replace(form, anchor=context.time))


def _about_things(
    words: str, form: Form | None, context: ConversationContext, topics: Sequence[QueryTerm]
) -> Resolved:
    """Return the question with the things that it names, or that its pronoun stands for."""
    query = parse_query(words)
    known = _known(query.terms)
    fragment = form is None and (known or query.persons) and len(words.split()) < 5
    if ABOUT.match(words) or fragment:
        return _about(words, context, query.terms, persons=query.persons)
    if known and not PRONOUN.search(words):
        return _again(words)
    return _substituted(words, topics)


def _substituted(words: str, topics: Sequence[QueryTerm]) -> Resolved:
    """Return `words` with the topic in place of a pronoun."""
    if not topics:
        return Resolved(words, TextKind.FOLLOW_UP, special="unclear")
    the = "the person" if topics[0].word in ("people", "person") else f"the {topics[0].word}"
    bare = BARE.match(words)
    if bare is not None:
        be = "was" if bare["ask"] in ("when", "how long") else "is"
        return _again(f"{bare['ask']} {be} {the}")
    changed = PRONOUN.sub(the, words, count=1)
    changed = POINTED.sub(rf"\1 {the}", changed, count=1) if changed == words else changed
    if changed == words:
        return Resolved(
            words, TextKind.FOLLOW_UP, parse_form(words), "" if parse_form(words) else "unclear"
        )
    return _again(changed)


def _again(words: str) -> Resolved:
    """Return the kind and form of whole `words`."""
    kind, plain_words, form = analyze(words)
    if kind is TextKind.FOLLOW_UP:
        form = form or parse_form(plain_words)
        kind = TextKind.UNKNOWN if form is None else kind_of(form)
    return Resolved(plain_words, kind, form)


def _about(
    words: str, context: ConversationContext, terms: tuple[QueryTerm, ...], *, persons: bool
) -> Resolved:
    """Return the last question with other things: what about the dog?"""
    if not terms and not persons:
        return Resolved(words, TextKind.FOLLOW_UP, special="unclear")
    last = context.form
    if last is None or last.wanted not in KEEPS_TERMS or (persons and last.wanted is Wanted.COLOUR):
        return _resolved(
            words, Form(wanted=Wanted.PRESENCE, scope=Scope.BOTH, terms=terms, persons=persons)
        )
    return _resolved(words, replace(last, terms=terms, persons=persons and not terms))


def _other(words: str, context: ConversationContext) -> Resolved:
    others = context.topics[1:]
    if not others or context.form is None:
        return Resolved(words, TextKind.FOLLOW_UP, special="other")
    last = context.form
    wanted = last.wanted if last.wanted in KEEPS_TERMS else Wanted.PRESENCE
    return _resolved(words, _form(wanted, Scope.BOTH, others[0], word=last.word))


def _about_now(last: Form | None) -> Form:
    if last is None or last.wanted not in OF_NOW:
        return Form(wanted=Wanted.NAME, scope=Scope.NOW)
    return replace(last, scope=Scope.NOW)


def _form(wanted: Wanted, scope: Scope, term: QueryTerm, *, word: str = "") -> Form:
    if term.word in ("people", "person"):
        return Form(wanted=wanted, scope=scope, persons=True, word=word)
    return Form(wanted=wanted, scope=scope, terms=(term,), word=word)


def _resolved(words: str, form: Form) -> Resolved:
    return Resolved(words, kind_of(form), form)


def _topics(words: str, form: Form | None, answer: str) -> tuple[QueryTerm, ...]:
    """Return the things that a question and its answer are about, the main one first."""
    asked = (
        _named(words)
        if form is None
        else (*_known(form.terms), *(_people() if form.persons else ()))
    )
    told = _named(answer)
    first, then = (
        (told, asked) if form is not None and form.wanted in ABOUT_ANSWER else (asked, told)
    )
    found = {term.word: term for term in reversed((*first, *then))}
    return tuple(sorted(found.values(), key=lambda term: _place(term, (*first, *then))))


def _place(term: QueryTerm, terms: Sequence[QueryTerm]) -> int:
    return next(at for at, each in enumerate(terms) if each.word == term.word)


def _named(text: str) -> tuple[QueryTerm, ...]:
    """Return the things that `text` names, and people."""
    query = parse_query(text)
    counted = re.search(r"\b(?:person|people|someone|nobody|man|woman)\b", text.lower()) is not None
    return (*_known(query.terms), *(_people() if counted else ()))


def _known(terms: Sequence[QueryTerm]) -> tuple[QueryTerm, ...]:
    return tuple(term for term in terms if term.name_ids)


def _people() -> tuple[QueryTerm, ...]:
    return (QueryTerm("people", frozenset()),)
