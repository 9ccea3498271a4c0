"""Pseudo-words: a word if the classifier is sure, else a mixture."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from models.assistant.scene.embedding import NOTHING, embed, mixture
from models.assistant.scene.scene_entry import (
    SceneEntry,
    format_time,
    question_text,
    text_after_name,
    text_before_name,
)
from tests.models.assistant.tiny_chat import chat

CHAT = chat()


def line(scene: SceneEntry, name: str) -> torch.Tensor:
    parts = (text_before_name(scene), f" {name}", text_after_name(scene))
    return torch.cat([CHAT.decoder.embed(CHAT.encode(part)) for part in parts])


def test_a_sure_moment_reads_as_its_words() -> None:
    scene = SceneEntry(
        time=72, names=(("cup", 1.0),), colour="red", place="left", others=("table",), people=1
    )
    assert (
        text_before_name(scene) + " cup" + text_after_name(scene)
        == "1:12 red cup, left, table; one person.\n"
    )
    torch.testing.assert_close(embed(CHAT, scene), line(scene, "cup"))


def test_a_picture_of_nothing_says_so() -> None:
    scene = SceneEntry(time=0, names=())
    torch.testing.assert_close(embed(CHAT, scene), line(scene, NOTHING))


def test_an_unsure_name_is_mixed_by_its_shares_token_by_token() -> None:
    mixed = mixture(CHAT, (("cup", 0.75), ("cat", 0.25)))
    cup, cat = (CHAT.decoder.embed(CHAT.encode(f" {name}")) for name in ("cup", "cat"))
    torch.testing.assert_close(mixed, 0.75 * cup + 0.25 * cat)
    torch.testing.assert_close(mixed[1], cup[1])  # both have a c


def test_where_a_shorter_name_has_no_token_the_others_fill_its_share() -> None:
    mixed = mixture(CHAT, (("bottle", 0.6), ("ox", 0.4)))
    bottle = CHAT.decoder.embed(CHAT.encode(" bottle"))
    assert len(mixed) == len(bottle)
    torch.testing.assert_close(mixed[3:], bottle[3:])


@given(st.floats(0, 1e6))
def test_a_formatted_time_says_the_second_that_was_meant(time: float) -> None:
    parts = [int(part) for part in format_time(time).split(":")]
    seconds = 0
    for part in parts:
        seconds = seconds * 60 + part
    assert seconds == int(time)
    assert all(part < 60 for part in parts[1:])


def test_a_question_knows_what_time_it_is() -> None:
    assert question_text("Where is my cup?", 3723.9) == "It is 1:02:03. Where is my cup?"
