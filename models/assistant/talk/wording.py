"""Parts of English sentences for answers."""

from collections.abc import Sequence

from models.assistant.requests.targets import MASS
from models.assistant.scene.scene_entry import format_time

MANY = 4  # people, from which on some are hidden or counted twice
PLURALS = {"person": "people", "mouse": "mice", "sheep": "sheep", "fish": "fish", "deer": "deer"}
NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def with_article(name: str, colour: str = "") -> str:
    """Return a cup, an orange cup, scissors or bread."""
    phrase = f"{colour} {name}".strip()
    if name in MASS or is_plural(name):
        return phrase
    return f"{'an' if phrase[0] in 'aeiou' else 'a'} {phrase}"


def is_plural(name: str) -> bool:
    return name.endswith("people") or (name.endswith("s") and not name.endswith(("ss", "us", "is")))


def plural(name: str) -> str:
    """Return cups, buses, mice or scissors."""
    if name in PLURALS:
        return PLURALS[name]
    if is_plural(name) or name in MASS:
        return name
    if name.endswith(("s", "x", "ch", "sh")):
        return f"{name}es"
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return f"{name[:-1]}ies"
    return f"{name}s"


def people(count: int) -> str:
    """Return nobody, one person, two people or about five people, which are often miscounted."""
    if count < 1:
        return "nobody"
    number = NUMBERS[count] if count < len(NUMBERS) else str(count)
    about = "about " if count >= MANY else ""
    return "one person" if count == 1 else f"{about}{number} people"


def counted(number: int, name: str) -> str:
    """Return no cups, one cup or two cups."""
    said = NUMBERS[number] if number < len(NUMBERS) else number
    return f"{said} {name if number == 1 else plural(name)}"


def listed(parts: Sequence[str], last: str = "and") -> str:
    """Return a, b and c."""
    if len(parts) < 2:
        return "".join(parts)
    return f"{', '.join(parts[:-1])} {last} {parts[-1]}"


def sentence(text: str) -> str:
    """Return `text` with a capital letter and a full stop."""
    closed = text if text.endswith((".", "!", "?", '."', '?"', '!"')) else f"{text}."
    return closed[:1].upper() + closed[1:]


def span(first: float, last: float, *, now: bool = False) -> str:
    """Return at 0:03, from 0:03 to 0:12, or since 0:03."""
    start, end = format_time(first), format_time(last)
    if now:
        return f"since {start}"
    return f"at {start}" if start == end else f"from {start} to {end}"


def duration(seconds: float) -> str:
    """Return 8 seconds, 2 minutes or an hour and 5 minutes."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} second{'' if whole == 1 else 's'}"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} minute{'' if minutes == 1 else 's'}"
    hours, rest = divmod(minutes, 60)
    head = f"{hours} hour{'' if hours == 1 else 's'}"
    return f"{head} and {rest} minute{'' if rest == 1 else 's'}" if rest else head
