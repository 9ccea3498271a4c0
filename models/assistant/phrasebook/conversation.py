"""A conversation in another language, for an assistant that reads and writes English."""

from collections.abc import Sequence
from dataclasses import replace

from models.asr.languages.codes import language_code
from models.assistant.interface import AssistantAnswer, Exchange, MetRequest
from models.assistant.phrasebook.answers import in_language
from models.assistant.phrasebook.dictionary import LANGUAGES, with_english_nouns
from models.assistant.phrasebook.patterns import phrases
from models.assistant.phrasebook.questions import in_english, read_foreign
from models.assistant.requests.session_requests import SessionRequests, update_requests
from models.assistant.requests.standing_requests import RequestTracker
from models.assistant.understanding.languages import foreign_language, without_language


def answer_like(question: str, answer: str, before: Sequence[Exchange] = ()) -> tuple[str, str]:
    """Return an English `answer` in the language of `question`, and the code of its language.

    A question that nothing tells the language of has that of the conversation `before`.
    """
    found = read_foreign(question)
    if found is not None:
        return in_language(answer, found.language)
    if before and without_language(question):
        kept = language_of(question, before)
        return in_language(answer, kept) if kept in LANGUAGES else (answer, "en")
    return answer, "en"


def prepare() -> None:
    """Read the tables and compile the patterns, a few tenths of a second once for a process.

    Without it the first question waits for that.
    """
    for language in LANGUAGES:
        for clauses in (False, True):
            phrases(language, clauses=clauses)
        in_language("I see a cup.", language)
    language_of("What do you see?")


def language_of(text: str, before: Sequence[Exchange] = ()) -> str:
    """Return the code of the language of `text`, en unless it is clearly another.

    If nothing tells it, it is that of the last question `before` that has one.
    """
    for said in (text, *(each.question for each in reversed(before))):
        found = read_foreign(said)
        if found is not None:
            return found.language
        other = foreign_language(said)
        if other is not None or not without_language(said):
            return (other and language_code(other.name)) or "en"
    return "en"


def exchange(turn: Exchange) -> Exchange:
    """Return a turn with the question in English, and the things that the answer names, too."""
    found = read_foreign(turn.question)
    if found is None:
        return turn
    return Exchange(found.english, with_english_nouns(turn.answer, found.language))


def note_request(
    tracker: RequestTracker, state: SessionRequests, text: str, time: float
) -> AssistantAnswer | None:
    """Add or end requests if `text` asks for that; return the reply, or None for a question."""
    reply = update_requests(tracker, state, in_english(text), time, text)
    if reply is None:
        return None
    said, language = answer_like(text, reply)
    return AssistantAnswer(iter([said]), language=language)


def told(met: Sequence[MetRequest]) -> tuple[MetRequest, ...]:
    """Return what is announced about requests that are met, in the languages of the requests."""
    return tuple(_told(each) for each in met)


def _told(met: MetRequest) -> MetRequest:
    text, language = answer_like(met.request, met.text)
    return replace(met, text=text, language=language)
