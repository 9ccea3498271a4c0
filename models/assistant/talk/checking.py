"""Whether a generated answer says only what the scene log holds: words, times and numbers."""

import re

from models.assistant.scene.scene_entry import COUNTS, describe, format_time
from models.assistant.talk.scene_view import SceneView

SENTENCE = re.compile(r"[A-Z][a-z0-9 ,:;'-]*\.", re.IGNORECASE)  # one, of plain letters
TIME = re.compile(r"\d+:\d\d(?::\d\d)?")
WORD = re.compile(r"[a-z0-9'-]+")
MAX_WORDS = 25
# Words that say nothing of what was seen.
PLAIN = frozenset(
    {
        "a", "an", "the", "i", "it", "is", "are", "was", "were", "be", "been", "has", "have", "had",
        "and", "there", "that", "this", "in", "on", "of", "at", "from", "to", "until", "since",
        "see", "saw", "seen", "shown", "picture", "video", "moment", "now",
    }
)  # fmt: skip


def is_supported(text: str, question: str, view: SceneView) -> bool:
    """Return whether `text`, an answer to `question`, has words and times of `view` only.

    Words of the question may be repeated. Counts of people must be those of an entry.
    """
    scenes = [entry.scene for entry in view.entries]
    known = " ".join([question, *map(describe, scenes)]).lower()
    said = WORD.findall(TIME.sub("", text).lower())
    counts = {COUNTS[scene.people] for scene in scenes if scene.people < len(COUNTS)}
    people = re.findall(r"\b\w+ (?:person|people)\b", text.lower())
    return (
        SENTENCE.fullmatch(text) is not None
        and len(text.split()) <= MAX_WORDS
        and set(said) <= PLAIN.union(WORD.findall(known))
        and set(TIME.findall(text)) <= {format_time(scene.time) for scene in scenes}
        and set(people) <= counts
    )


def tells_more(text: str, *told: str) -> bool:
    """Return whether `text` has words about the scene that none of `told` has."""
    known = PLAIN.union(*(WORD.findall(each.lower()) for each in told))
    return not set(WORD.findall(text.lower())) <= known
