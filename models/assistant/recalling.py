"""Which moments of the memory a text is about, for those who ask about it outside."""

from models.assistant.scene.query_parsing import parse_query
from models.assistant.scene.scene_log import LoggedEntry, select_entries, with_text
from models.assistant.small_memory import SmallModelMemory, seen_entries
from models.assistant.understanding.kinds import TextKind, classify


def recalled(
    memory: SmallModelMemory, text: str, until: float, since: float, count: int
) -> list[LoggedEntry]:
    """Return at most `count` entries that `text` is about, in order of time.

    If it asks about text, half of them are those in which text was read.
    """
    entries = [each for each in seen_entries(memory, until)[0] if each.scene.time >= since]
    said = with_text(entries)[-(count // 2) :] if classify(text) is TextKind.TEXT else []
    others = select_entries(entries, parse_query(text), count=max(1, count - len(said)))
    chosen = {entry.scene.time: entry for entry in (*others, *said)}
    return [chosen[time] for time in sorted(chosen)]
