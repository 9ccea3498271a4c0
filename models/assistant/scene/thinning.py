"""Keeps a scene log within a number of entries: what tells least of the oldest ones goes.

The newer half is never thinned. Of the older, entries go that show the same as those before and
after; if that is not enough, others, evenly, but not the first and the last of each thing, nor what
was read. So when something was seen first and last, and what came before and after, stays right.
"""

from collections.abc import Hashable, Sequence

import numpy as np

from models.assistant.scene.scene_log import SEEN_PROBABILITY, LoggedEntry
from models.assistant.scene.scene_making import PERSON_SCORE
from models.vision.class_names import NAMES, PERSON

KEPT = 0.75  # of the most entries that may be kept, so that a log is thinned now and then only


def thinned(entries: Sequence[LoggedEntry], most: int) -> list[LoggedEntry]:
    """Return `entries` if they are at most `most`, else three quarters of `most` of them."""
    if len(entries) <= most:
        return list(entries)
    excess = len(entries) - max(1, int(most * KEPT))
    old = len(entries) - most // 2
    shown = [_shown(entry) for entry in entries[: old + 1]]
    told = _ends(entries)
    free = [row for row in range(1, old) if row not in told]
    same = [row for row in free if shown[row - 1] == shown[row] == shown[row + 1]]
    gone = set(_evenly(same, excess))
    for rows in (free, range(1, old)):  # the first are enough, unless much was read
        gone |= set(_evenly([row for row in rows if row not in gone], excess - len(gone)))
    return [entry for row, entry in enumerate(entries) if row not in gone]


def _shown(entry: LoggedEntry) -> Hashable:
    """Return what `entry` tells; what was read in it is like nothing else."""
    scene = entry.scene
    boxes = sorted(each.name for each in entry.detections if each.score >= PERSON_SCORE)
    read = entry.block if scene.text else None
    about = (entry.main, scene.colour, scene.place, scene.others, scene.people, scene.actions)
    return (*about, tuple(boxes), read)


def _ends(entries: Sequence[LoggedEntry]) -> set[int]:
    """Return the rows of the first and the last entry of each thing, and of those with text."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    for row, entry in enumerate(entries):
        persons = [PERSON] if entry.scene.people else []
        boxes = (each.name for each in entry.detections if each.score >= PERSON_SCORE)
        faint = (NAMES[each] for each in np.flatnonzero(entry.probabilities >= SEEN_PROBABILITY))
        scene = entry.scene
        for name in (entry.main, *scene.others, *persons, *scene.actions, *boxes, *faint):
            first.setdefault(name, row)
            last[name] = row
    read = {row for row, entry in enumerate(entries) if entry.scene.text}
    return read.union(first.values(), last.values())


def _evenly(rows: Sequence[int], count: int) -> list[int]:
    """Return at most `count` of `rows`, evenly."""
    if count <= 0:
        return []
    if len(rows) <= count:
        return list(rows)
    return [rows[at] for at in np.linspace(0, len(rows) - 1, count).round().astype(int)]
