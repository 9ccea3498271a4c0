"""What was seen at one moment, as a line that a small language model can read.

    0:12 red cup, left, table; one person.

The thing's name may be uncertain: a `Moment` carries names with shares, and the connector mixes
their embeddings in its place (`models.assistant.scene.embedding`). Everything else is plain words.
"""

from collections.abc import Sequence
from dataclasses import dataclass

SYSTEM = "Each line is a moment of a video. Answer in one short sentence."
COUNTS = ("nobody", "one person", "two people", "three people", "four people", "five people")
MANY = "many people"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneEntry:
    """One look at a stream; `time` in seconds since it began.

    `names` are the main thing's possible names with shares that sum to 1, the likeliest first;
    none if nothing can be seen. `others` are further things. `place` is left, right, middle,
    or empty where a thing fills the picture.
    """

    time: float
    names: tuple[tuple[str, float], ...]
    colour: str = ""
    place: str = ""
    others: tuple[str, ...] = ()
    people: int = 0


def clock(time: float) -> str:
    """Write seconds as people say them: 0:07, 12:40, 1:02:03."""
    minutes, seconds = divmod(int(time), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def before(moment: SceneEntry) -> str:
    """Return the words of the line that come before the thing's name."""
    colour = f" {moment.colour}" if moment.colour else ""
    return f"{clock(moment.time)}{colour}"


def after(moment: SceneEntry) -> str:
    """Return the words of the line that come after the thing's name."""
    parts = [part for part in (moment.place, *moment.others) if part]
    rest = "".join(f", {part}" for part in parts)
    return f"{rest}; {people(moment.people)}.\n"


def line(moment: SceneEntry) -> str:
    """Return `moment` without its time, for a person: red cup, left; one person."""
    named = moment.names[0][0] if moment.names else "nothing to be seen"
    return f"{moment.colour} {named}{after(moment)}".strip().removesuffix(".")


def people(count: int) -> str:
    """Write how many people there are."""
    return COUNTS[count] if count < len(COUNTS) else MANY


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """What a search of all that was seen found for `word` of a question.

    `name` is what it was seen as, empty if it was not; `known` tells whether the eyes know the
    word. Times are in seconds; `now` tells that it is in the newest moment. `before` and `after`
    are the things next to its last sight, `nothing` if there are none, empty if not asked for.
    """

    word: str
    name: str = ""
    first: float = 0.0
    last: float = 0.0
    now: bool = False
    known: bool = True
    before: str = ""
    after: str = ""


def found(find: SearchResult) -> str:
    """Return `find` in words: mug: cup 0:03 to 0:12, before it dog, after it nothing."""
    beside = f", before it {find.before}, after it {find.after}" if find.before else ""
    return f"{_sight(find)}{beside}"


def _sight(find: SearchResult) -> str:
    if not find.known:
        return f"{find.word} unknown"
    if not find.name:
        return f"{find.word} not seen"
    named = find.name if find.name == find.word else f"{find.word}: {find.name}"
    last = "now" if find.now else clock(find.last)
    if clock(find.first) == clock(find.last):
        return f"{named} {last}"
    return f"{named} {clock(find.first)} to {last}"


def asked(question: str, now: float, finds: Sequence[SearchResult] = ()) -> str:
    """Return what the user says after the lines, with what a search for its words found."""
    there = ", then ".join(found(find) for find in finds if find.name)
    rest = [found(find) for find in finds if not find.name]
    search = f"Search: {'; '.join([there, *rest] if there else rest)}. " if finds else ""
    return f"It is {clock(now)}. {search}{question}"
