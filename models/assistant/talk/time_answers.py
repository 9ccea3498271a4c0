"""Answers about when things were seen: times, order, durations, changes and lists."""

from models.assistant.scene.query_parsing import QueryTerm
from models.assistant.scene.scene_entry import format_time
from models.assistant.scene.scene_log import PEOPLE
from models.assistant.talk.scene_view import (
    UNNAMED,
    SceneAnswer,
    SceneView,
    confidence_of,
    contents,
    main_thing,
    subject,
    unseen,
)
from models.assistant.talk.wording import duration, listed, sentence, span
from models.assistant.understanding.wanted import Form, Wanted

MAX_LISTED = 8
TIMES = ("never", "once", "twice")


def when(view: SceneView, form: Form) -> SceneAnswer:
    """Return when a thing was seen, first or last if the question says so."""
    term = _term(form)
    rows = view.rows(term)
    if not rows:
        return SceneAnswer(unseen(term))
    first, last = rows[0], rows[-1]
    what = "someone" if term is PEOPLE else subject(term)
    sure = confidence_of(view, rows, term)
    if form.word == "first":
        return SceneAnswer(
            f"I first saw {what} at {format_time(view.time(first))}.", (first,), sure
        )
    if view.is_now(last):
        begin = view.runs(rows)[-1][0]
        text = f"I see {what} now, since {format_time(view.time(begin))}."
        return SceneAnswer(text, (begin, last), sure)
    if form.word == "last":
        return SceneAnswer(f"I last saw {what} at {format_time(view.time(last))}.", (last,), sure)
    runs = view.runs(rows)[-3:]
    times = listed([span(view.time(start), view.time(end)) for start, end in runs])
    return SceneAnswer(f"I saw {what} {times}.", tuple(row for run in runs for row in run), sure)


def order(view: SceneView, form: Form) -> SceneAnswer:
    """Return what came before or after a thing, or which of two things came first."""
    after = form.word in ("after", "following")
    terms = _terms(form)
    if len(terms) > 1:
        return _compared(view, terms[0], terms[1], after=after)
    term = terms[0]
    rows = view.main_rows(term)
    if form.anchor is not None:  # the moment that the last answer named
        rows = [row for row in range(len(view.entries)) if int(view.time(row)) <= form.anchor]
    if not rows:
        return SceneAnswer(unseen(term))
    row = view.neighbor(rows[-1], 1 if after else -1)
    the = "that" if term is PEOPLE else _the(term)
    if row is None:
        return SceneAnswer(
            sentence(
                f"nothing {'came after' if after else 'before'} {the}{' yet' if after else ''}"
            ),
            (rows[-1],),
        )
    return SceneAnswer(
        sentence(f"{main_thing(view.entries[row])}, at {format_time(view.time(row))}"),
        (row, rows[-1]),
    )


def which_first(view: SceneView, form: Form) -> SceneAnswer:
    """Return which of two things was seen first, or last."""
    terms = _terms(form)[:2]
    latest = form.word in ("last", "later")
    found = [(view.main_rows(term), term) for term in terms]
    if any(not rows for rows, _ in found):
        return _one_unseen(view, found, latest=latest)
    (one, other) = sorted(found, key=lambda pair: pair[0][-1 if latest else 0], reverse=latest)
    times = [format_time(view.time(rows[-1 if latest else 0])) for rows, _ in (one, other)]
    word = "last" if latest else "first"
    text = f"{_the(one[1])} came {word}, at {times[0]}; {_the(other[1])} was there at {times[1]}"
    return SceneAnswer(sentence(text), tuple(sorted((one[0][0], other[0][0]))))


def ends(view: SceneView, form: Form) -> SceneAnswer:
    """Return the first or the last thing of all."""
    rows = view.mains()
    if not rows:
        return SceneAnswer("I have not seen anything that I have a name for.")
    if form.word in ("first", "earliest", "oldest"):
        row = rows[0]
        first, time = main_thing(view.entries[row]), format_time(view.time(row))
        text = f"the first thing that I saw was {first}, at {time}"
        return SceneAnswer(sentence(text), (row,))
    row = len(view.entries) - 1
    seen = contents(view.entries[row]) or "nothing: the picture is dark or empty"
    return SceneAnswer(sentence(f"the last that I saw is {seen}"), (row,))


def list_all(view: SceneView, form: Form) -> SceneAnswer:
    """Return the main things that were seen, with the time of the first look at each."""
    rows = view.mains()
    if not rows:
        return SceneAnswer("I have not seen anything that I have a name for.")
    shown = rows[:MAX_LISTED]
    parts = [f"{main_thing(view.entries[row])} ({format_time(view.time(row))})" for row in shown]
    rest = len(rows) - len(shown)
    more = [f"{rest} other thing{'' if rest == 1 else 's'}"] if rest else []
    counted = f"{len(rows)} kinds of things: " if form.word == "count" and len(rows) > 1 else ""
    return SceneAnswer(sentence(f"I have seen {counted}{listed([*parts, *more])}"), tuple(shown))


def at(view: SceneView, form: Form) -> SceneAnswer:
    """Return what was in view at a time."""
    time = view.now - form.time if form.ago else form.time
    rows = [row for row, entry in enumerate(view.entries) if entry.scene.time <= time]
    if not rows or time > view.now:
        start = format_time(view.time(0))
        return SceneAnswer(f"I was not watching then: I have been since {start}.")
    row = rows[-1]
    entry, when_ = view.entries[row], format_time(time)
    if form.terms and form.terms[0].name_ids:
        there = row in view.rows(form.terms[0], yes_no=True)
        head = f"Yes, at {when_} I saw" if there else f"No, at {when_} I saw"
        return SceneAnswer(f"{head} {contents(entry) or 'nothing'}.", (row,))
    return SceneAnswer(
        f"At {when_} I saw {contents(entry) or 'nothing: it was dark or empty'}.", (row,)
    )


def how_long(view: SceneView, form: Form) -> SceneAnswer:
    """Return for how long a thing was in view, or since when the stream is watched."""
    terms = _terms(form)
    if not terms:
        start = view.time(0)
        return SceneAnswer(f"I have been watching for {duration(view.now - start)}.", (0,))
    rows = view.rows(terms[0])
    if not rows:
        return SceneAnswer(unseen(terms[0]))
    first, last = view.runs(rows)[-1]
    if view.is_now(last):
        since = view.time(first)
        text = f"for {duration(view.now - since)} so far, since {format_time(since)}"
    else:
        until = view.time(min(last + 1, len(view.entries) - 1))
        text = (
            f"about {duration(until - view.time(first))}, {span(view.time(first), view.time(last))}"
        )
    return SceneAnswer(sentence(text), (first, last), confidence_of(view, rows, terms[0]))


def how_often(view: SceneView, form: Form) -> SceneAnswer:
    """Return how many times a thing came into view."""
    term = _term(form)
    rows = view.rows(term)
    if not rows:
        return SceneAnswer(unseen(term))
    runs = view.runs(rows)
    count = TIMES[len(runs)] if len(runs) < len(TIMES) else f"{len(runs)} times"
    times = listed([span(view.time(a), view.time(b)) for a, b in runs[-MAX_LISTED:]])
    return SceneAnswer(sentence(f"{count}, {times}"), tuple(a for a, _ in runs[-MAX_LISTED:]))


def change(view: SceneView, form: Form) -> SceneAnswer:
    """Return the last change of the main thing."""
    del form
    last = len(view.entries) - 1
    before = view.neighbor(last, -1)
    while before is None and last > 0:
        last -= 1
        before = view.neighbor(last, -1)
    if before is None:
        seen, since = contents(view.newest) or "nothing", format_time(view.time(0))
        return SceneAnswer(f"Nothing has changed: {seen} since {since}.", (0,))
    now, time = view.entries[before + 1], format_time(view.time(before + 1))
    text = (
        f"at {time} the view changed from {main_thing(view.entries[before])} to {main_thing(now)}"
    )
    return SceneAnswer(sentence(text), (before, before + 1))


def _compared(view: SceneView, one: QueryTerm, other: QueryTerm, *, after: bool) -> SceneAnswer:
    """Return whether `one` came before, or after, `other`."""
    found = [(view.main_rows(term), term) for term in (one, other)]
    if any(not rows for rows, _ in found):
        return _one_unseen(view, found)
    first, second = found[0][0][0], found[1][0][0]
    yes = (first > second) == after and first != second
    head, times = "Yes" if yes else "No", [format_time(view.time(row)) for row in (first, second)]
    text = f"{head}, {_the(one)} was there at {times[0]}, {_the(other)} at {times[1]}."
    return SceneAnswer(text, tuple(sorted({first, second})))


def _one_unseen(
    view: SceneView, found: list[tuple[list[int], QueryTerm]], *, latest: bool = False
) -> SceneAnswer:
    """Return what is known of the order if a thing was not recognized: nothing is before the first.

    If the other was there at the start, it came first, and last if it is the newest.
    """
    missing = " ".join(unseen(term) for rows, term in found if not rows)
    seen = [(rows[-1 if latest else 0], term) for rows, term in found if rows]
    if not seen:
        return SceneAnswer(missing)
    row, term = seen[0]
    time, end = format_time(view.time(row)), len(view.entries) - 1 if latest else 0
    text = f"{_the(term)} came at {time}"
    if row == end:
        which = ("last", "after") if latest else ("first", "before")
        text = f"{_the(term)} came {which[0]}, at {time}: I saw nothing {which[1]} it"
    return SceneAnswer(f"{sentence(text)} {missing}", (row,))


def _terms(form: Form) -> list[QueryTerm]:
    people = [PEOPLE] if form.persons and PEOPLE not in form.terms else []
    return [*form.terms, *people]


def _term(form: Form) -> QueryTerm:
    return _terms(form)[0]


def _the(term: QueryTerm) -> str:
    if term.word == UNNAMED:
        return "that"
    return "the person" if term is PEOPLE else f"the {term.word}"


ANSWERS = {
    Wanted.WHEN: when,
    Wanted.ORDER: order,
    Wanted.WHICH_FIRST: which_first,
    Wanted.ENDS: ends,
    Wanted.LIST: list_all,
    Wanted.AT: at,
    Wanted.DURATION: how_long,
    Wanted.TIMES: how_often,
    Wanted.CHANGE: change,
}
