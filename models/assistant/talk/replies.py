"""The answer to what the user says: of the scene, of the conversation, or small talk."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from models.assistant.interface import NOTHING_YET, Exchange
from models.assistant.scene.query_parsing import QueryTerm, find_name_ids, parse_query
from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_log import PEOPLE
from models.assistant.talk import (
    box_answers,
    history,
    place_answers,
    present_answers,
    relation_answers,
    small_talk,
    time_answers,
)
from models.assistant.talk.scene_view import (
    UNNAMED,
    SceneAnswer,
    SceneView,
    closest,
    confidence_of,
    contents,
    doubtful,
    main_thing,
    subject,
    unseen,
)
from models.assistant.talk.text_answers import text_answer
from models.assistant.talk.wording import is_plural, listed, sentence, span
from models.assistant.understanding.follow_ups import (
    PRONOUN,
    ConversationContext,
    Resolved,
    read_context,
    resolve,
)
from models.assistant.understanding.kinds import EXPLETIVE, TextKind, analyze
from models.assistant.understanding.wanted import Form, Wanted

ABOUT_THING = re.compile(
    r"^(?:(?:what can you )?tell (?:me|us) (?:\w+ )*about|talk about|say something about) "
)
PRESUMING = frozenset(  # that a thing was seen: what is asked about may have another name
    {
        Wanted.WHEN,
        Wanted.WHERE,
        Wanted.COLOUR,
        Wanted.IS_COLOUR,
        Wanted.ORDER,
        Wanted.WHICH_FIRST,
        Wanted.DURATION,
        Wanted.COUNT,
    }
)
OF_THE_PAST = frozenset({Wanted.WHEN, Wanted.ORDER, Wanted.WHICH_FIRST, Wanted.DURATION})
ANSWERS = {
    **present_answers.ANSWERS,
    **place_answers.ANSWERS,
    **time_answers.ANSWERS,
    **box_answers.ANSWERS,
    **relation_answers.ANSWERS,
}


def reply(
    text: str,
    view: SceneView | None,
    conversation: Sequence[Exchange],
    now: datetime,
    *,
    reads: bool = False,
) -> SceneAnswer:
    """Return the answer to `text`; `view` is None before the first frame.

    `reads` is whether text in the picture can be read.
    """
    kind, words, form = analyze(text)
    if kind is TextKind.FOLLOW_UP:
        context = read_context(conversation)
        resolved = resolve(words, form, context, view.newest.main if view else "")
        if resolved.special:
            return _special(resolved, view, context)
        kind, words, form = resolved.kind, resolved.words, resolved.form
    if kind is TextKind.TEXT:
        return SceneAnswer(NOTHING_YET) if view is None else text_answer(words, view, reads=reads)
    if kind is TextKind.ABILITY:
        return SceneAnswer(small_talk.ability(words, reads=reads))
    if form is not None:
        return SceneAnswer(NOTHING_YET) if view is None else _of_scene(view, form)
    if kind is TextKind.UNKNOWN and view is not None:
        known = _of_known_thing(_without_pronoun(words, conversation), view)
        if known is not None:
            return known
    return SceneAnswer(_spoken(kind, text, words, view, conversation, now))


def _of_scene(view: SceneView, form: Form) -> SceneAnswer:
    """Return the answer; about the closest thing that was seen, if one is asked about was not."""
    instead = _meant(view, form) if form.wanted in PRESUMING else {}
    terms = tuple(instead[each][0] if each in instead else each for each in form.terms)
    answer: SceneAnswer = ANSWERS[form.wanted](view, replace(form, terms=terms))
    if not instead:
        return answer
    unknown = " ".join(unseen(each) for each in instead)
    what = listed([called for _, called in instead.values()])
    return replace(answer, text=f"{unknown} If you mean {what}: {answer.text}")


def _meant(view: SceneView, form: Form) -> dict[QueryTerm, tuple[QueryTerm, str]]:
    """Return what may be meant by the terms that were not seen, and what to call it.

    That is the closest thing that was seen; or, of the past, the one thing that was never
    recognized, if one term is missing.
    """
    found = {each: closest(view, each) for each in form.terms}
    instead = {
        each: (other, f"the {other.word}")
        for each, other in found.items()
        if other is not None and other not in form.terms
    }
    missing = [
        each
        for each in form.terms
        if each is not PEOPLE and each not in instead and not view.rows(each)
    ]
    entry = doubtful(view) if form.wanted in OF_THE_PAST and len(missing) == 1 else None
    if entry is not None:
        other = QueryTerm(UNNAMED, find_name_ids(entry.main))
        instead[missing[0]] = other, main_thing(entry)
    return instead


def _spoken(
    kind: TextKind,
    text: str,
    words: str,
    view: SceneView | None,
    conversation: Sequence[Exchange],
    now: datetime,
) -> str:
    """Return the answer to what is no question about the scene."""
    match kind:
        case TextKind.TIME:
            return small_talk.clock(words, now)
        case TextKind.HISTORY:
            return history.answer(words, conversation)
        case TextKind.LANGUAGE:
            return small_talk.language(text)
        case TextKind.REMARK:
            return small_talk.remark(text, view)
        case TextKind.REQUEST:
            return small_talk.request()
        case TextKind.JOKE:
            told = sum(analyze(each.question)[0] is TextKind.JOKE for each in conversation)
            return small_talk.joke(told)
        case _:
            pass
    if kind in small_talk.FIXED:
        return small_talk.FIXED[kind](words)
    return small_talk.SEEN.get(kind, small_talk.unknown)(words, view)


def _without_pronoun(words: str, conversation: Sequence[Exchange]) -> str:
    """Return the thing that `it` means in `words`; `words` if there is no such word in them."""
    refers = PRONOUN.search(words) is not None and EXPLETIVE.search(words) is None
    topics = read_context(conversation).topics if refers else ()
    return topics[0].word if topics else words


def _of_known_thing(words: str, view: SceneView) -> SceneAnswer | None:
    """Return what is known about the thing in `words`, if the question asks for something else."""
    terms = [each for each in parse_query(words).terms if each.name_ids]
    if not terms:
        return None
    # The words need not mean that it was there.
    found = ((each, view.rows(each, yes_no=True)) for each in terms)
    term, rows = next((each for each in found if each[1]), (terms[0], []))
    if ABOUT_THING.search(words):
        return place_answers.about(view, term, rows) if rows else SceneAnswer(unseen(term))
    if not rows:
        return SceneAnswer(
            f"I have not recognized {subject(term)}, and I could not tell that anyway."
        )
    first, last = view.runs(rows)[-1]
    times = span(view.time(first), view.time(last), now=view.is_now(last))
    saw = "have seen" if view.is_now(last) else "saw"
    them = "them" if is_plural(term.word) else "it"
    text = f"I cannot tell that about the {term.word}. I {saw} {them} {times}."
    return SceneAnswer(text, (first, last))


def _special(
    resolved: Resolved, view: SceneView | None, context: ConversationContext
) -> SceneAnswer:
    """Return the answer to a follow-up about the last answer itself."""
    if view is None:
        return SceneAnswer(NOTHING_YET)
    if context.form is None and not context.answer:
        return SceneAnswer("I am not sure what you mean: ask me about what the camera shows.")
    match resolved.special:
        case "sure":
            return _how_sure(view, context)
        case "why":
            return SceneAnswer(
                "I go by what I recognize in the pictures, and by when I saw it: nothing else."
            )
        case "else":
            return _else(view, context)
        case "other":
            return SceneAnswer(f"I know of no other. {_sight(view)}")
        case _:
            return SceneAnswer(f"I am not sure what that refers to. {_sight(view)}")


def _how_sure(view: SceneView, context: ConversationContext) -> SceneAnswer:
    for topic in context.topics:
        rows = view.rows(topic) if topic.name_ids else []
        sure = confidence_of(view, rows, topic)
        if sure is not None:
            row = max(rows, key=lambda each: confidence_of(view, [each], topic) or 0.0)
            at = format_time(view.time(row))
            return SceneAnswer(
                f"I am {round(100 * sure)} % sure of the {topic.word}, at {at}. I can be wrong.",
                (row,),
                sure,
            )
    return SceneAnswer("Not entirely: I go by small models, which can be wrong.")


def _else(view: SceneView, context: ConversationContext) -> SceneAnswer:
    last = len(view.entries) - 1
    told = [topic.word for topic in context.topics]
    told += ["person"] if "people" in told else []
    rest = contents(view.newest, without=told)
    if not rest:
        return SceneAnswer("Nothing else that I recognize.", (last,))
    return SceneAnswer(sentence(f"I also see {rest}"), (last,))


def _sight(view: SceneView) -> str:
    return sentence(f"I see {contents(view.newest) or 'nothing now'}")
