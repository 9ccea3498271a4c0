"""Boxes in the text of an answer become a relevance map."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from models.assistant.located import CELLS, PROMPT, relevance_of_boxes

SIZE = (504, 280)


def test_a_box_is_marked_in_its_place() -> None:
    text = '```json\n[{"bbox_2d": [252, 0, 504, 140], "label": "cup"}]\n```'
    found = relevance_of_boxes(text, SIZE)
    assert found is not None
    assert found.shape == CELLS
    expected = np.zeros(CELLS, np.float32)
    expected[:9, 16:] = 1
    np.testing.assert_array_equal(found, expected)


def test_several_boxes_are_marked_and_small_ones_are_not_lost() -> None:
    text = '[{"bbox_2d": [0, 0, 1, 1]}, {"bbox_2d": [500.5, 279, 503, 280]}]'
    found = relevance_of_boxes(text, SIZE)
    assert found is not None
    assert (found[0, 0], found[-1, -1], found.sum()) == (1, 1, 2)


def test_text_without_a_box_in_the_picture_has_no_map() -> None:
    for text in (
        "On the left.",
        "[]",
        '[{"bbox_2d": [1, 2, 3]}]',
        '[{"bbox_2d": [600, 0, 700, 50]}]',
        '[{"bbox_2d": [50, 50, 50, 60]}]',
        '[{"bbox_2d": [90, 0, 10, 50]}]',
    ):
        assert relevance_of_boxes(text, SIZE) is None, text


@given(st.lists(st.integers(-1000, 2000), min_size=4, max_size=4))
def test_any_box_is_cut_at_the_edges(edges: list[int]) -> None:
    found = relevance_of_boxes(f'{{"bbox_2d": {edges}}}', SIZE)
    inside = max(edges[0], 0) < min(edges[2], SIZE[0]) and max(edges[1], 0) < min(edges[3], SIZE[1])
    assert (found is not None) == inside


def test_the_prompt_names_the_question() -> None:
    assert "Where is my {cup}?" in PROMPT.format(question="Where is my {cup}?")
