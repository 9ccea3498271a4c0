"""Answers about text in the picture: what was read now or before, and whether it says something."""

from collections.abc import Sequence

from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.seen_text import TextWithScore, says, words_of
from models.assistant.talk.fixed_sentences import CANNOT_READ
from models.assistant.talk.scene_view import SceneAnswer, SceneView
from models.assistant.talk.wording import counted, listed, sentence
from models.assistant.understanding.text_questions import TextQuestion, parse_text_question
from models.assistant.understanding.wanted import Scope

NOTHING = "I see no text that I can read."
ILLEGIBLE = (
    "I see no text that I can read. There may be some that is too small, too blurred or too far "
    "away: hold it closer, and still."
)
FAILED = (
    "I cannot read text now: the networks that read are missing or fail. The log of the service "
    "says why."
)
NEVER = "I have not read any text: I read when you ask what something says."
SURE = 0.9  # score from which what was read is stated, not only supposed
MAX_BLOCKS = 10  # that are quoted
MAX_MOMENTS = 3  # of the past


def text_answer(words: str, view: SceneView, *, reads: bool) -> SceneAnswer:
    """Return the answer to plain `words`, a question about text; `reads` is whether it is read."""
    question = parse_text_question(words)
    rows = [row for row, entry in enumerate(view.entries) if entry.scene.text]
    if view.reading is not None and question.scope is not Scope.PAST:
        return _of_now(view, question)
    if not reads and not rows:
        return SceneAnswer(f"{CANNOT_READ}.")
    return _of_past(view, question, rows)


def _of_now(view: SceneView, question: TextQuestion) -> SceneAnswer:
    """Return what was read for the question."""
    reading, last = view.reading, len(view.entries) - 1
    assert reading is not None
    text = reading.text
    if reading.problem:
        return SceneAnswer(FAILED)
    if not text:
        no = "No. " if question.yes_no or question.phrase else ""
        return SceneAnswer(f"{no}{ILLEGIBLE if reading.unread else NOTHING}", (last,))
    sure = min(score for _, score in text)
    if question.count:
        number = sum(len(words_of(each)) for each, _ in text)
        said = f"I read {counted(number, 'word')}: {_quoted(text)}"
        return SceneAnswer(f"{sentence(said)}{_skipped(reading.skipped)}", (last,), sure)
    if question.phrase:
        return SceneAnswer(_whether(text, question.phrase), (last,), sure)
    head = "Yes. " if question.yes_no else ""
    chosen = _with_digits(text) if question.number else text
    if question.number and not chosen:
        return SceneAnswer(f"I see no number. {_stated(text)}", (last,), sure)
    return SceneAnswer(f"{head}{_stated(chosen)}{_skipped(reading.skipped)}", (last,), sure)


def _skipped(lines: int) -> str:
    """Return the sentence about the lines that were not read: they are too many."""
    return f" There is more text: {counted(lines, 'further line')}." if lines else ""


def _whether(text: Sequence[TextWithScore], phrase: str) -> str:
    """Return whether `text` says `phrase`, and what says it."""
    if not says([each for each, _ in text], phrase):
        return f"No. {_stated(text)}"
    found = [each for each in text if says([each[0]], phrase)] or text
    return f"Yes. {_stated(found)}"


def _of_past(view: SceneView, question: TextQuestion, rows: list[int]) -> SceneAnswer:
    """Return what was read before; without repeats, the last of several times."""
    if question.phrase:
        found = [row for row in rows if says(_texts(view, row), question.phrase)]
        if not found and rows:
            return SceneAnswer(f"No, I have not read that. {_told(view, rows)}", tuple(rows[-1:]))
        rows = found
    if not rows:
        return SceneAnswer(NEVER)
    head = "Yes. " if (question.yes_no or question.phrase) and not question.when else ""
    shown = _last_different(view, rows)
    return SceneAnswer(f"{head}{_told(view, rows)}", tuple(shown), _score(view, shown))


def _told(view: SceneView, rows: Sequence[int]) -> str:
    """Return when each different text was read."""
    parts = [
        f"at {format_time(view.time(row))} I read {_quoted(view.entries[row].scene.text)}"
        for row in _last_different(view, rows)
    ]
    return sentence(listed(parts))


def _last_different(view: SceneView, rows: Sequence[int]) -> list[int]:
    """Return the last rows that have different text."""
    found: dict[tuple[str, ...], int] = {tuple(_texts(view, row)): row for row in rows}
    return sorted(found.values())[-MAX_MOMENTS:]


def _score(view: SceneView, rows: Sequence[int]) -> float:
    return min(score for row in rows for _, score in view.entries[row].scene.text)


def _texts(view: SceneView, row: int) -> list[str]:
    return [text for text, _ in view.entries[row].scene.text]


def _with_digits(text: Sequence[TextWithScore]) -> list[TextWithScore]:
    return [each for each in text if any(character.isdigit() for character in each[0])]


def _stated(text: Sequence[TextWithScore]) -> str:
    """Return what was read, with doubt where that is due."""
    sure = [each for each in text if each[1] >= SURE]
    unsure = [each for each in text if each[1] < SURE]
    if not sure:
        return sentence(f"I am not sure, but I think I read {_quoted(unsure)}")
    stated = sentence(f"I read {_quoted(sure)}")
    if not unsure:
        return stated
    return f"{stated} {sentence(f'I am less sure of {_quoted(unsure)}')}"


def _quoted(text: Sequence[TextWithScore]) -> str:
    shown = [f'"{each}"' for each, _ in text[:MAX_BLOCKS]]
    rest = len(text) - len(shown)
    return listed([*shown, *([f"{rest} more"] if rest else [])])
