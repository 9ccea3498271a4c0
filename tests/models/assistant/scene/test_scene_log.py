"""What is taken from the log for a question, and what never is."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.scene.query_parsing import ParsedQuery, parse_query
from models.assistant.scene.scene_entry import (
    SceneEntry,
    SearchResult,
    question_text,
    search_result_text,
)
from models.assistant.scene.scene_log import (
    LoggedEntry,
    SceneLog,
    from_lines,
    search,
    select_entries,
    to_line,
)
from models.vision.class_names import NAMES

THINGS = st.lists(
    st.tuples(st.sampled_from(["cup", "dog", "ball", "clock"]), st.integers(0, 2)), max_size=60
)


def entries(things: list[tuple[str, int]]) -> list[LoggedEntry]:
    made = []
    for index, (name, people) in enumerate(things):
        probabilities = np.zeros(len(NAMES), np.float32)
        if name in NAMES:
            probabilities[NAMES.index(name)] = 0.8
        moment = SceneEntry(time=float(index), names=((name, 1.0),), people=people)
        made.append(LoggedEntry(index, moment, probabilities, moment.time))
    return made


@given(THINGS, st.integers(1, 12), st.sampled_from(["Where is my cup?", "Who is there?", "Hm?"]))
def test_selected_entries_are_in_order_of_time_and_limited(
    things: list[tuple[str, int]], count: int, question: str
) -> None:
    chosen = select_entries(entries(things), parse_query(question), count=count)
    times = [entry.scene.time for entry in chosen]
    assert times == sorted(set(times))
    assert len(chosen) == min(len(things), count) or len(chosen) < count
    assert not things or chosen[-1].scene.time == len(things) - 1  # the newest, always


@given(THINGS, st.integers(8, 12))
def test_the_first_and_last_entry_of_the_subject_are_among_them(
    things: list[tuple[str, int]], count: int
) -> None:
    places = [index for index, (name, _) in enumerate(things) if name == "cup"]
    chosen = {
        e.block
        for e in select_entries(entries(things), parse_query("Where is my mug?"), count=count)
    }
    assert not places or {places[0], places[-1]} <= chosen


def test_entries_just_before_and_after_are_included() -> None:
    things = (
        [("dog", 0)] * 20 + [("ball", 0)] + [("cup", 0)] * 3 + [("clock", 0)] + [("dog", 0)] * 20
    )
    names = {
        e.main
        for e in select_entries(entries(things), parse_query("What came before the cup?"), count=8)
    }
    assert names >= {"ball", "cup", "clock"}


def test_a_thing_never_seen_takes_nothing_for_itself() -> None:
    things = [("dog", 0)] * 5 + [("ball", 0)] * 5
    for question in ("Did you see a cup?", "Hm?"):
        chosen = select_entries(entries(things), parse_query(question), count=6)
        assert [entry.block for entry in chosen] == [0, 5, 9]  # begins of scenes, and the newest


def test_persons_are_found_by_their_number() -> None:
    things = [("dog", 0)] * 30
    things[7] = ("dog", 2)
    assert 7 in {
        e.block for e in select_entries(entries(things), parse_query("Was anyone here?"), count=4)
    }


def test_later_entries_and_forgotten_blocks_are_not_used() -> None:
    log = SceneLog(entries([("cup", 0)] * 10))
    assert [e.block for e in log.entries_until(4.5, range(2, 8))] == [2, 3, 4]
    assert [e.block for e in log.entries_until(None, [9])] == [9]


def test_words_of_a_question_are_known_by_other_names() -> None:
    def names(question: str) -> set[str]:
        return {NAMES[column] for column in parse_query(question).name_ids}

    assert names("Have you seen my mug?") == {"cup"}
    assert names("Two German shepherds!") == {"dog"}
    assert names("Where did I put the remote control, or the books?") == {"remote control", "book"}
    assert {"dog", "cat", "fish"} <= names("Is there an animal?")
    assert "dog" not in names("Is there any fruit?")
    assert names("Is there an orange cup?") == {"cup"}
    assert names("What is on the screen?") == set()
    assert parse_query("What is it?") == ParsedQuery(frozenset(), persons=False)
    assert parse_query("Who came in?").persons


def prompt_text(question: str, things: list[tuple[str, int]]) -> list[str]:
    return [search_result_text(find) for find in search(entries(things), parse_query(question))]


def test_a_search_returns_the_first_and_last_entry_of_each_thing_asked_about() -> None:
    things = [("dog", 0), ("cup", 0), ("dog", 0), ("cup", 2), ("ball", 0)]
    assert prompt_text("When did you last see my mug?", things) == ["mug: cup 0:01 to 0:03"]
    assert prompt_text("What came first, the dog or the ball?", things) == [
        "dog 0:00 to 0:02",
        "ball now",
    ]
    assert prompt_text("Is there an animal?", things) == ["animal: dog 0:00 to 0:02"]
    assert prompt_text("Was anyone here?", things) == ["people 0:03"]
    assert prompt_text("Is there a clock?", things) == ["clock not seen"]
    assert prompt_text("What is this?", things) == []


def test_a_search_for_before_or_after_returns_the_neighbors_of_the_last_entry() -> None:
    things = [("dog", 0), ("cup", 0), ("cup", 0), ("ball", 0), ("cup", 0), ("cup", 0)]
    beside = "cup 0:01 to now, before it ball, after it nothing"
    assert prompt_text("What came before the cup?", things) == [beside]
    assert prompt_text("What did I hold after the ball?", things) == [
        "ball 0:03, before it cup, after it cup"
    ]


def test_order_goes_by_where_a_thing_is_the_main_one_not_beside_another() -> None:
    things = entries([("dog", 0), ("person", 1), ("ball", 2), ("clock", 0)])
    (find,) = search(things, parse_query("What came after the person?"))
    assert (find.first, find.last, find.before, find.after) == (1.0, 1.0, "dog", "ball")


def test_the_prompt_tells_finds_in_order_of_time_and_then_what_is_missing() -> None:
    finds = search(entries([("dog", 0), ("cup", 0)]), parse_query("A ball, a cup or a dog?"))
    text = question_text("A ball, a cup or a dog?", 9.0, finds)
    assert (
        text == "It is 0:09. Search: dog 0:00, then cup now; ball not seen. A ball, a cup or a dog?"
    )
    assert question_text("Hm?", 9.0) == "It is 0:09. Hm?"


def test_a_word_outside_the_vocabulary_is_reported_as_unknown() -> None:
    assert prompt_text("Is there a clarinet in the picture?", [("dog", 0)]) == ["clarinet unknown"]
    assert prompt_text("What came before my passport?", [("dog", 0)]) == ["passport unknown"]
    assert prompt_text("What is in the picture?", [("dog", 0)]) == []


def test_a_presupposed_thing_is_found_even_if_hardly_seen() -> None:
    things = entries([("dog", 0), ("ball", 0), ("dog", 0)])
    things[1].probabilities[NAMES.index("cup")] = 0.04
    (sure,) = search(things, parse_query("Did you see a cup?"))
    assert sure == SearchResult(word="cup")
    (newest,) = search(things[:2], parse_query("Is there a cup?"))
    assert newest.now
    (older,) = search(things, parse_query("Is there a cup?"))
    assert not older.name
    (supposed,) = search(things, parse_query("What came after the cup?"))
    assert (supposed.first, supposed.last, supposed.now) == (1.0, 1.0, False)
    things[2].probabilities[NAMES.index("cup")] = 0.3
    (better,) = search(things, parse_query("What came after the cup?"))
    assert (better.first, better.now) == (2.0, True)


@given(THINGS, st.sampled_from(["cup", "dog", "ball", "clock"]))
def test_a_search_equals_a_scan_of_every_entry(things: list[tuple[str, int]], name: str) -> None:
    (find,) = search(entries(things), parse_query(f"Is there a {name}?"))
    places = [float(index) for index, (other, _) in enumerate(things) if other == name]
    assert bool(find.name) == bool(places)
    if places:
        assert (find.first, find.last) == (places[0], places[-1])
        assert find.now == (places[-1] == len(things) - 1)


@given(THINGS)
def test_a_scene_log_is_read_back_as_it_was_written(things: list[tuple[str, int]]) -> None:
    written = entries(things)
    read = from_lines(to_line(entry) for entry in written).entries
    assert [entry.scene for entry in read] == [entry.scene for entry in written]
    for one, other in zip(read, written, strict=True):
        assert one.block == other.block
        np.testing.assert_allclose(one.probabilities, other.probabilities, atol=1e-3)


def test_a_line_cut_short_costs_only_itself() -> None:
    lines = [to_line(entry) for entry in entries([("cup", 0), ("dog", 1), ("ball", 0)])]
    for cut in range(len(lines[1])):
        read = from_lines([lines[0], lines[1][:cut], lines[2]]).entries
        assert [entry.main for entry in read] == ["cup", "ball"]
