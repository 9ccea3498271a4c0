"""One scene as a line of text that a small language model can read.

    0:12 red cup, left, table; one person.

The name of the main thing may be uncertain: a `SceneEntry` has candidate names with probabilities,
and their embeddings are mixed (`models.assistant.scene.embedding`). The rest is plain text. All
texts here are part of the prompt that the adapter was trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from models.assistant.scene.seen_text import TextWithScore

SYSTEM = "Each line is a moment of a video. Answer in one short sentence."
COUNTS = ("nobody", "one person", "two people", "three people", "four people", "five people")
MANY_PEOPLE = "many people"


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneEntry:
    """What one frame shows; `time` is in seconds since the start of the stream.

    `names` are candidate names of the main thing with probabilities that sum to 1, the likeliest
    first; empty if nothing can be seen. `others` are further things. `place` is left, right or
    middle, or empty if the thing fills the frame. `actions` are what persons do, see
    `models.assistant.body.signs`. `text` is what was read in the frame, if that was asked for:
    blocks of lines with their scores.
    """

    time: float
    names: tuple[tuple[str, float], ...]
    colour: str = ""
    place: str = ""
    others: tuple[str, ...] = ()
    people: int = 0
    actions: tuple[str, ...] = ()
    text: tuple[TextWithScore, ...] = ()


def format_time(time: float) -> str:
    """Format seconds as 0:07, 12:40 or 1:02:03."""
    minutes, seconds = divmod(int(time), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"


def text_before_name(scene: SceneEntry) -> str:
    """Return the part of the line before the name."""
    color = f" {scene.colour}" if scene.colour else ""
    return f"{format_time(scene.time)}{color}"


def text_after_name(scene: SceneEntry) -> str:
    """Return the part of the line after the name."""
    parts = [part for part in (scene.place, *scene.others) if part]
    rest = "".join(f", {part}" for part in parts)
    return f"{rest}; {people_text(scene.people)}.\n"


def describe(scene: SceneEntry) -> str:
    """Return `scene` for the user, without its time: red cup, left; one person."""
    name = scene.names[0][0] if scene.names else "nothing to be seen"
    line = f"{scene.colour} {name}{text_after_name(scene)}".strip().removesuffix(".")
    seen = ", ".join([line, *scene.actions])
    said = " ".join(f'"{text}"' for text, _ in scene.text)
    return f"{seen}; text {said}" if said else seen


def people_text(count: int) -> str:
    return COUNTS[count] if count < len(COUNTS) else MANY_PEOPLE


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
    """The result of searching the scene log for `word`.

    `name` is the name it was seen as, or empty if it was not seen; `known` is whether the
    vocabulary has the word. Times are in seconds; `now` is whether it is in the newest entry.
    `before` and `after` are the things next to its last occurrence, `nothing` if there are none,
    or empty if the question does not ask about order.
    """

    word: str
    name: str = ""
    first: float = 0.0
    last: float = 0.0
    now: bool = False
    known: bool = True
    before: str = ""
    after: str = ""


def search_result_text(result: SearchResult) -> str:
    """Return `result` as text: mug: cup 0:03 to 0:12, before it dog, after it nothing."""
    order = f", before it {result.before}, after it {result.after}" if result.before else ""
    return f"{_times_text(result)}{order}"


def _times_text(result: SearchResult) -> str:
    if not result.known:
        return f"{result.word} unknown"
    if not result.name:
        return f"{result.word} not seen"
    name = result.name if result.name == result.word else f"{result.word}: {result.name}"
    last = "now" if result.now else format_time(result.last)
    if format_time(result.first) == format_time(result.last):
        return f"{name} {last}"
    return f"{name} {format_time(result.first)} to {last}"


def question_text(question: str, now: float, results: Sequence[SearchResult] = ()) -> str:
    """Return the user's turn after the lines: the time, the search results and the question."""
    seen = ", then ".join(search_result_text(result) for result in results if result.name)
    rest = [search_result_text(result) for result in results if not result.name]
    search = f"Search: {'; '.join([seen, *rest] if seen else rest)}. " if results else ""
    return f"It is {format_time(now)}. {search}{question}"
