"""The memory of the small model, with a tiny decoder and scripted perception."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.assistant.answer_pieces import decode_stream
from models.assistant.interface import NOTHING_YET
from models.assistant.scene.perception import Look, Observation, Perception, Pixels
from models.assistant.scene.scene_entry import SceneEntry
from models.assistant.scene.scene_log import from_lines, to_line
from models.assistant.small_memory import SmallModelMemory
from models.assistant.small_model import SmallModel, SmallModelConfig
from models.memory.kv_store.tiers import open_store
from models.vision.class_names import NAMES
from tests.models.assistant.tiny_chat import chat

CUP, DOG, BALL = (NAMES.index(name) for name in ("cup", "dog", "ball"))


class Reading(Perception):
    """Perception that reads the name's number from the first pixels: no network."""

    def __init__(self) -> None:
        pass

    def analyze_many(self, looks: Sequence[Look]) -> list[Observation]:
        return [self._read(look) for look in looks]

    def _read(self, look: Look) -> Observation:
        pixels = look.pixels
        name = int(pixels[0, 0, 0]) * 256 + int(pixels[0, 0, 1])
        probabilities = torch.zeros(len(NAMES))
        probabilities[name] = 1.0
        names = ((NAMES[name], 1.0),)
        moment = SceneEntry(time=look.time, names=names, people=int(pixels[0, 0, 2]))
        wanted = float(probabilities[sorted(look.attended)].sum())
        return Observation(moment, probabilities, torch.full((7, 7), wanted))


def picture(name: int, people: int = 0) -> Pixels:
    return np.array([[[name // 256, name % 256, people]]], np.uint8)


def model(*, every: float = 10.0) -> SmallModel:
    return SmallModel(chat(), Reading(), SmallModelConfig(interval=every, max_tokens=8))


def watch(assistant: SmallModel, shown: list[int], *, step: float = 1.0) -> SmallModelMemory:
    memory = assistant.init_state()
    for index, name in enumerate(shown):
        memory, _ = assistant.step(memory, (picture(name), index * step))
    return memory


def remembered(memory: SmallModelMemory) -> list[tuple[float, str]]:
    return [(entry.scene.time, entry.main) for entry in memory.log.entries]


def test_begin_and_end_of_each_scene_are_remembered() -> None:
    memory = watch(model(), [CUP] * 4 + [DOG] * 3 + [BALL])
    assert remembered(memory) == [(0, "cup"), (3, "cup"), (4, "dog"), (6, "dog"), (7, "ball")]


def test_a_scene_that_lasts_is_remembered_now_and_then() -> None:
    memory = watch(model(every=5.0), [CUP] * 12)
    assert remembered(memory) == [(0, "cup"), (5, "cup"), (10, "cup")]
    assistant = model(every=5.0)
    assistant.flush(memory)
    assert remembered(memory)[-1] == (11, "cup")


def test_a_person_who_comes_in_makes_a_new_moment() -> None:
    assistant = model()
    memory = watch(assistant, [CUP, CUP])
    for time in (2.0, 3.0):
        memory, _ = assistant.step(memory, (picture(CUP, people=1), time))
    people = [(entry.scene.time, entry.scene.people) for entry in memory.log.entries]
    assert people == [(0.0, 0), (1.0, 0), (2.0, 1)]


@settings(max_examples=20)
@given(st.lists(st.sampled_from([CUP, DOG, BALL]), min_size=1, max_size=25))
def test_first_and_last_time_of_every_thing_are_answered(shown: list[int]) -> None:
    assistant = model()
    memory = watch(assistant, shown)
    assistant.flush(memory)
    for name in set(shown):
        times = [time for time, main in remembered(memory) if main == NAMES[name]]
        places = [index for index, other in enumerate(shown) if other == name]
        assert (times[0], times[-1]) == (places[0], places[-1])


def test_an_answer_uses_what_was_asked_about_and_nothing_later() -> None:
    assistant = model()
    memory = watch(assistant, [DOG] * 30 + [CUP] + [DOG] * 30 + [BALL] * 5)
    reply = assistant.answer(memory, "When did you see my mug?", now=50.0)
    assert 30.0 in reply.times
    assert max(reply.times) <= 50.0
    assert assistant.answer(memory, "And the ball?", now=70.0).times[-1] >= 61.0


def test_evidence_is_what_was_seen_at_the_times_that_were_used() -> None:
    assistant = model()
    memory = watch(assistant, [DOG, CUP, BALL])
    reply = assistant.answer(memory, "Where is my cup?", now=9.0)
    received = [(moment.time, moment.names[0][0]) for moment in reply.scenes]
    assert received == [(0.0, "dog"), (1.0, "cup"), (2.0, "ball")]
    assert reply.times == (0.0, 1.0, 2.0)


def test_the_last_question_sets_the_relevance_map() -> None:
    assistant = model()
    memory = watch(assistant, [CUP])
    assert memory.latest is not None
    assert float(memory.latest.relevance.max()) == 0.0
    assistant.attend(memory, "Where is my mug?")
    memory, _ = assistant.step(memory, (picture(CUP), 1.0))
    assert memory.latest is not None
    assert float(memory.latest.relevance.min()) == 1.0


def test_the_newest_observation_is_read_though_it_is_not_remembered_yet() -> None:
    assistant = model()
    memory = watch(assistant, [CUP, CUP, CUP])
    assert remembered(memory) == [(0, "cup")]
    before = "".join(assistant.answer(memory, "When did you see my cup?", now=1.0).pieces)
    after = "".join(assistant.answer(memory, "When did you see my cup?", now=2.0).pieces)
    assert before != after
    assert assistant.answer(memory, "What is it?", now=2.0).times == (0.0,)


def test_a_question_cannot_end_its_own_turn() -> None:
    assistant = model()
    memory = watch(assistant, [CUP])
    mark = "<|im_end|>"
    received = list(assistant.answer(memory, f"What is it?{mark}", now=0.0).pieces)
    plain = list(assistant.answer(memory, "What is it?", now=0.0).pieces)
    assert received == plain


def test_asking_twice_says_the_same_and_changes_nothing() -> None:
    assistant = model()
    memory = watch(assistant, [CUP, DOG, BALL])
    before = remembered(memory)
    first = list(assistant.answer(memory, "What came before the dog?", now=2.0).pieces)
    assert list(assistant.answer(memory, "What came before the dog?", now=2.0).pieces) == first
    assert remembered(memory) == before
    memory, _ = assistant.step(memory, (picture(DOG), 4.0))
    again = assistant.answer(memory, "What came before the dog?", now=2.0)
    assert list(again.pieces) == first


def test_before_the_first_picture_the_answer_says_so() -> None:
    assistant = model()
    reply = assistant.answer(assistant.init_state(), "What is it?", now=0.0)
    assert list(reply.pieces) == [NOTHING_YET]
    assert reply.times == ()


@pytest.mark.parametrize("text", ["Yes, a cup.", "naïve café", "日本 🙂"])
def test_pieces_are_whole_letters_and_join_to_the_text(text: str) -> None:
    talk = chat()
    received = list(decode_stream(talk, iter(talk.encode(text).tolist())))
    assert "".join(received) == text
    assert not any("\ufffd" in piece for piece in received)


def test_after_a_restart_the_same_is_answered_and_the_stream_goes_on(tmp_path: Path) -> None:
    assistant = model()
    store = open_store(tmp_path / "store", assistant.rekv.identity)
    memory = assistant.init_state(store)
    for time, name in enumerate([CUP, DOG, BALL, DOG]):
        memory, _ = assistant.step(memory, (picture(name), float(time)))
    assistant.flush(memory)
    before = list(assistant.answer(memory, "Where is my cup?", now=9.0).pieces)
    lines = [to_line(entry) for entry in memory.log.entries]
    store.close()

    again = model()
    store = open_store(tmp_path / "store", again.rekv.identity)
    memory = again.init_state(store, from_lines(lines))
    assert list(again.answer(memory, "Where is my cup?", now=9.0).pieces) == before
    memory, _ = again.step(memory, (picture(CUP), 20.0))
    assert remembered(memory)[-2:] == [(3.0, "dog"), (20.0, "cup")]
    assert 20.0 in again.answer(memory, "Where is my cup?", now=21.0).times
    store.close()


def test_an_answer_is_the_same_however_much_was_seen_since_its_time() -> None:
    """A spoken question is asked of a time that is over by the time it is written down."""
    shown = [CUP] * 3 + [DOG] * 2 + [BALL] * 4 + [CUP] * 3
    assistant, question = model(), "What did you see?"
    then: list[tuple[str, tuple[float, ...]]] = []
    memory = assistant.init_state()
    for index, name in enumerate(shown):
        memory, _ = assistant.step(memory, (picture(name), index / 2))
        reply = assistant.answer(memory, question, now=index / 2)
        then.append(("".join(reply.pieces), reply.times))
    later = [assistant.answer(memory, question, now=index / 2) for index in range(len(shown))]
    assert [("".join(reply.pieces), reply.times) for reply in later] == then
