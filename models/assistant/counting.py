"""When the small assistant counts things with care: for standing requests, and for questions."""

from collections.abc import Sequence
from dataclasses import replace

from models.assistant.requests.standing_requests import TrackedRequests
from models.assistant.scene.perception import Look, Observation, Pixels
from models.assistant.small_memory import SmallModelMemory
from models.assistant.small_model import SmallModel
from models.assistant.small_state import SmallAssistantState
from models.assistant.understanding.kinds import analyze
from models.assistant.understanding.wanted import Wanted
from models.vision.class_names import COUNTABLE

EVERY = 1.0  # seconds at least between two looks in which things are counted for requests


def observe(
    model: SmallModel,
    states: Sequence[SmallAssistantState],
    frames: Sequence[tuple[Pixels, float]],
) -> list[Observation]:
    """Return what a frame of each stream shows; things are counted if a request is about that."""
    for state, (pixels, time) in zip(states, frames, strict=True):
        memory, groups = state.memory, requested(state.requests.tracked)
        due = bool(groups) and time >= memory.counted_at + EVERY
        memory.counted_at = time if due else memory.counted_at
        memory.counted = groups if due else ()
        memory.looks.add(pixels, time)
    return model.observe([state.memory for state in states], frames)


def requested(tracked: TrackedRequests) -> tuple[frozenset[int], ...]:
    """Return the columns of `NAMES` of which standing requests want a number."""
    targets = (each.request.target for each in tracked.requests)
    return tuple(dict.fromkeys(each.name_ids for each in targets if each.count > 1))


def attend(model: SmallModel, memory: SmallModelMemory, question: str) -> None:
    """Attend to what `question` asks about; count that in the newest frame if it asks how many."""
    model.attend(memory, question)
    form = analyze(question)[2]
    latest, newest = memory.latest, memory.looks.newest
    if form is None or form.wanted is not Wanted.COUNT or latest is None or newest is None:
        return
    groups = {each.name_ids for each in form.terms if each.name_ids & COUNTABLE}
    if not groups or newest[0] != latest.scene.time or not latest.scene.names:
        return
    (seen,) = model.perception.analyze_many([Look(newest[1], newest[0], counted=tuple(groups))])
    memory.recent[-1] = replace(latest, detections=seen.detections)
    entries = memory.log.entries
    if entries and entries[-1].scene.time == latest.scene.time:
        entries[-1] = replace(entries[-1], detections=seen.detections)
