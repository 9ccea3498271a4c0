"""The memory of one stream for the small model: keys and values, the scene log, the last minute."""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf

import numpy as np
import torch

from models.assistant.scene.novelty import NoveltyState
from models.assistant.scene.perception import Observation
from models.assistant.scene.recent_looks import RecentLooks
from models.assistant.scene.scene_log import LoggedEntry, SceneLog
from models.assistant.scene.seen_text import SceneReading
from models.memory.prefill import RekvState

NOT_STORED = -1  # the block of an observation that is not stored yet
RECENT = 60.0  # seconds for which all observations are kept, stored or not
MAX_READINGS = 8  # questions that may wait for their answer


@dataclass(slots=True, eq=False)
class SmallModelMemory:
    """The memory of one stream; `recent` are all observations of the last minute.

    A question may refer to a time that has passed, because speech recognition takes a while.
    `attended` are the names of the last question, see `SmallModel.attend`. `looks` are the pictures
    of the last looks, `readings` what was read in them for the last questions. `watched_at` is when
    they were last read for standing requests, in seconds, `counted_at` when things were last
    counted for them, and `counted` which are in the next look.
    """

    rekv: RekvState
    log: SceneLog
    recent: deque[Observation] = field(default_factory=deque)
    attended: frozenset[int] = frozenset()
    novelty: NoveltyState = field(default_factory=NoveltyState)
    looks: RecentLooks = field(default_factory=RecentLooks)
    readings: deque[SceneReading] = field(default_factory=lambda: deque(maxlen=MAX_READINGS))
    watched_at: float = -inf
    counted: tuple[frozenset[int], ...] = ()
    counted_at: float = -inf

    @property
    def latest(self) -> Observation | None:
        return self.recent[-1] if self.recent else None

    def reading_at(self, time: float) -> SceneReading | None:
        """Return what was read for the question at `time`; None if text was not searched."""
        return next((each for each in reversed(tuple(self.readings)) if each.time == time), None)


def newest_entry(memory: SmallModelMemory) -> LoggedEntry | None:
    """Return the newest observation, stored or not, as an entry without a block."""
    latest = memory.latest
    return None if latest is None else entry_of(NOT_STORED, latest, latest.scene.time)


def observation_of(entry: LoggedEntry) -> Observation:
    return Observation(
        entry.scene, torch.from_numpy(entry.probabilities), detections=entry.detections
    )


def entry_of(block: int, observation: Observation, stored_at: float) -> LoggedEntry:
    probabilities = observation.probabilities.numpy().astype(np.float32)
    return LoggedEntry(block, observation.scene, probabilities, stored_at, observation.detections)


def seen_entries(
    memory: SmallModelMemory, now: float
) -> tuple[list[LoggedEntry], Observation | None]:
    """Return what was seen up to `now`, and the newest observation if it is not stored.

    That is the last of the entries, too.
    """
    readable = [block.id for block in memory.rekv.store.table.blocks if not block.lost]
    entries = memory.log.entries_until(now, readable)
    newest = _newest(memory, entries, now)
    if newest is not None:
        entries = [*entries, entry_of(NOT_STORED, newest, now)]
    return entries, newest


def _newest(
    memory: SmallModelMemory, entries: Sequence[LoggedEntry], now: float
) -> Observation | None:
    """Return the newest observation up to `now`, if it is newer than the last of `entries`."""
    if not entries:
        return None
    recent = [seen for seen in tuple(memory.recent) if seen.scene.time <= now]
    newer = recent and recent[-1].scene.time > entries[-1].scene.time
    return recent[-1] if newer else None
