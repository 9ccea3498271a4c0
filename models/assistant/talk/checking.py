"""Whether a generated answer says only what the scene log holds: its things, times and numbers."""

import re

from models.assistant.scene.query_parsing import find_name_ids, parse_query
from models.assistant.scene.scene_entry import COUNTS, format_time
from models.assistant.talk.scene_view import SceneView

SENTENCE = re.compile(r"[A-Z][a-z0-9 ,:;'-]*\.", re.IGNORECASE)  # one, of plain letters
TIME = re.compile(r"\d+:\d\d(?::\d\d)?")
MAX_WORDS = 25


def is_supported(text: str, question: str, view: SceneView) -> bool:
    """Return whether `text`, an answer to `question`, has only things and times of `view`.

    Things that the question names may be repeated. Numbers other than times and the counts of
    people are not supported.
    """
    scenes = [entry.scene for entry in view.entries]
    seen = {name for scene in scenes for name, _ in scene.names[:1]}
    seen |= {name for scene in scenes for name in scene.others}
    allowed = parse_query(question).name_ids.union(*map(find_name_ids, seen))
    counts = {COUNTS[scene.people] for scene in scenes if scene.people < len(COUNTS)}
    found = parse_query(text)
    numbers = re.findall(r"\d+", TIME.sub("", text))
    people = re.findall(r"\b(?:\w+) (?:person|people)\b", text.lower())
    times = {format_time(scene.time) for scene in scenes}
    return (
        SENTENCE.fullmatch(text) is not None
        and len(text.split()) <= MAX_WORDS
        and found.name_ids <= allowed
        and set(TIME.findall(text)) <= times
        and not numbers
        and set(people) <= counts
    )
