"""A log of many hours stays within its bound, and tells of early moments what it did before."""

from datetime import datetime

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.scene_log import LoggedEntry, SceneLog
from models.assistant.scene.thinning import thinned
from models.assistant.talk.replies import reply
from models.assistant.talk.scene_view import SceneView
from models.vision.class_names import NAMES

INTERVAL = 10.0  # seconds between two entries of a still scene
DAY = ["cup", *["chair"] * 100, "dog", "cat", *["laptop"] * 2000, "book", *["laptop"] * 1500]
ASKED = (
    "When did you first see the cup?",
    "When did you last see the dog?",
    "What came before the cat?",
    "What came after the book?",
    "Did you see a book?",
    "Did you see a horse?",
    "How many times did you see the laptop?",
)


def entry(number: int, name: str, text: str = "") -> LoggedEntry:
    probabilities = np.zeros(len(NAMES), np.float32)
    probabilities[NAMES.index(name)] = 0.9
    time = number * INTERVAL
    read = ((text, 1.0),) if text else ()
    scene = SceneEntry(time=time, names=((name, 1.0),), text=read)
    return LoggedEntry(number, scene, probabilities, time)


def answers(entries: list[LoggedEntry]) -> list[str]:
    view = SceneView(entries, entries[-1].scene.time)
    return [reply(each, view, [], datetime(2026, 1, 1)).text for each in ASKED]


def test_ten_simulated_hours_stay_within_the_bound_and_early_moments_are_answered() -> None:
    log, most = SceneLog(), 400
    whole = [entry(number, name) for number, name in enumerate(DAY)]
    reported = 0
    for each in whole:
        log.entries.append(each)
        if len(log.entries) > most:
            log.keep(thinned(log.entries, most))
        assert [other.block for other in log.since(reported)] == [each.block]
        reported = log.added
        assert len(log.entries) <= most
    assert whole[-1].scene.time > 9.9 * 3600
    assert log.added == len(whole)
    assert answers(log.entries) == answers(whole)
    assert "0:00" in answers(log.entries)[0]


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["cup", "dog", "cat", "ball"]), min_size=60, max_size=200),
    st.integers(40, 60),
    st.sets(st.integers(0, 30), max_size=3),
)
def test_first_and_last_of_each_thing_what_was_read_and_the_newest_half_are_kept(
    shown: list[str], most: int, read: set[int]
) -> None:
    whole = [entry(i, name, "EXIT" if i in read else "") for i, name in enumerate(shown)]
    kept = thinned(whole, most)
    blocks = [each.block for each in kept]
    assert blocks == sorted(set(blocks))
    assert len(kept) <= most
    assert blocks[-(most // 2) :] == list(range(len(whole) - most // 2, len(whole)))
    assert read <= set(blocks)
    for name in set(shown):
        rows = [row for row, each in enumerate(shown) if each == name]
        assert {rows[0], rows[-1]} <= set(blocks)
