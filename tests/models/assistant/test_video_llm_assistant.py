"""Real Video-LLM architectures with tiny random weights, as a session's assistant."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from models.assistant.interface import NOTHING_YET, AssistantAnswer, Exchange, MetRequest
from models.assistant.scene.perception import Pixels
from models.assistant.video_llm_assistant import VideoLlmAssistant, VideoLlmConfig, VideoLlmState
from models.assistant.video_llm_loading import cache_slots, load
from models.errors import WeightsError
from models.language.head_set import FILE as HEADS
from models.language.head_set import write_head_set
from models.language.tokenizer import ChatTokenizer
from models.memory.rekv import Rekv, RekvConfig
from models.memory.retrieved_context import RetrievedContext
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.llava_onevision import read_llava_onevision
from tests.models.assistant.test_small_model import DOG, Reading
from tests.models.assistant.test_small_model import picture as drawn
from tests.models.vision.video_llm import checkpoints

SMALL = VideoLlmConfig(max_tokens=6, max_moments=2, rekv=RekvConfig(window=200, blocks=3))


@pytest.fixture(params=["llava_onevision", "qwen25_vl", "qwen3_vl", "smolvlm"])
def assistant(request: pytest.FixtureRequest, tmp_path: Path) -> VideoLlmAssistant:
    folder = tmp_path / "model"
    folder.mkdir()
    getattr(checkpoints, request.param)(folder)
    return load(folder, Reading(), SMALL)


def noise(seed: int) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (60, 80, 3), dtype=np.uint8)


def text(answer: AssistantAnswer) -> str:
    return "".join(answer.pieces)


def shown(
    assistant: VideoLlmAssistant, state: VideoLlmState, count: int, *, start: int = 0
) -> list[int]:
    reported = []
    for second in range(start, start + count):
        state, seen = assistant.analyze_frame(state, noise(second), float(second))
        reported += [moment.number for moment in seen.remembered]
    return reported


@pytest.mark.slow
def test_a_frame_is_remembered_at_the_pace_of_the_model(assistant: VideoLlmAssistant) -> None:
    state = assistant.init_state(None)
    assert text(assistant.answer(state, "What is it?", 0.0)) == NOTHING_YET
    reported = shown(assistant, state, 8)
    assert len(reported) == 4
    answer = assistant.answer(state, "What is there?", 10.0)
    assert text(answer)
    assert 0 < len(answer.moments) <= 2
    assert {s.number for s in answer.moments} <= set(reported)
    assert [s.time for s in answer.moments] == sorted(s.time for s in answer.moments)


@pytest.mark.slow
def test_an_answer_knows_nothing_after_its_time(assistant: VideoLlmAssistant) -> None:
    state = assistant.init_state(None)
    shown(assistant, state, 4)
    before = text(assistant.answer(state, "What is there?", 3.0))
    shown(assistant, state, 6, start=4)
    assert text(assistant.answer(state, "What is there?", 3.0)) == before


@pytest.mark.slow
def test_a_question_about_now_is_read_after_the_last_frames_alone(
    assistant: VideoLlmAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    assistant.config = replace(assistant.config, looks=2, max_moments=9)
    state = assistant.init_state(None)
    shown(assistant, state, 14)
    blocks = state.rekv.store.table.blocks
    opening = len(assistant.model.opening)
    past = assistant.answer(state, "What did I show first?", 99.0)
    both = assistant.answer(state, "Where is it?", 99.0)
    assert (past.scope, both.scope) == ("past", "both")
    german = assistant.answer(state, "Warum ist das so?", 99.0)
    assert (both.language, german.language) == ("en", "de")
    assert {10.0, 12.0} <= {moment.time for moment in both.moments}
    assert len(past.moments) >= 3
    monkeypatch.setattr(Rekv, "retrieve", None)  # there is no retrieval pass
    now = assistant.answer(state, "What do you see?", 99.0)
    assert (now.scope, [moment.time for moment in now.moments]) == ("now", [10.0, 12.0])
    prompt = len(assistant.model.prompt("What do you see?"))
    assert now.prompt_tokens == opening + sum(each.tokens for each in blocks[-2:]) + prompt
    where = len(assistant.model.prompt("Where is it?"))
    assert both.prompt_tokens - where > now.prompt_tokens - prompt
    assert [m.time for m in assistant.answer(state, "What is it?", 7.0).moments] == [4.0, 6.0]
    thanks = assistant.answer(state, "Thank you!", 99.0)
    assert (thanks.scope, thanks.moments) == ("none", ())
    assert thanks.prompt_tokens == opening + len(assistant.model.prompt("Thank you!"))
    assert text(assistant.answer(assistant.init_state(None), "Hello!", 0.0)) != NOTHING_YET


@pytest.mark.slow
def test_without_scopes_every_question_reads_both(tmp_path: Path) -> None:
    checkpoints.smolvlm(tmp_path)
    assistant = load(tmp_path, Reading(), replace(SMALL, scoped=False, looks=2, max_moments=9))
    state = assistant.init_state(None)
    shown(assistant, state, 14)
    for asked in ("What do you see?", "What did I show first?", "Thank you!"):
        answer = assistant.answer(state, asked, 99.0)
        assert answer.scope == "both"
        assert {10.0, 12.0} < {moment.time for moment in answer.moments}


def test_a_follow_up_is_read_after_the_conversation_and_searched_with_its_subject(
    assistant: VideoLlmAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = assistant.model
    searched: list[str] = []
    encode = type(model.tokenizer).encode_user_text

    def note(self: ChatTokenizer, words: str, gap: str = "") -> Tensor:
        searched.append(words)
        return encode(self, words, gap)

    state = assistant.init_state(None)
    shown(assistant, state, 4)
    said = [
        Exchange("Hello " * 300, "Hi."),
        Exchange("Did you see a cup?", "Yes, at 0:02."),
        Exchange("Are you sure?", ""),
    ]
    prompts: list[Tensor] = []
    reply = assistant.rekv.reply

    def replied(retrieved: RetrievedContext, prompt: Tensor, **more: Any) -> Iterator[int]:
        prompts.append(prompt)
        return reply(retrieved, prompt, **more)

    monkeypatch.setattr(assistant.rekv, "reply", replied)
    monkeypatch.setattr(type(model.tokenizer), "encode_user_text", note)
    answer = assistant.answer(state, "What colour was it?", 9.0, said)
    assert text(answer)
    assert answer.scope == "past"
    assert searched[0] == "what colour was the cup"
    turns = [("Did you see a cup?", "Yes, at 0:02.")]  # the first does not fit, the last has none
    (prompt,) = prompts
    assert torch.equal(prompt, model.prompt("What colour was it?", turns))
    assert len(prompt) > len(model.prompt("What colour was it?"))


def test_a_memory_goes_on_in_its_folder(assistant: VideoLlmAssistant, tmp_path: Path) -> None:
    state = assistant.init_state(tmp_path / "memory")
    shown(assistant, state, 6)
    before = text(assistant.answer(state, "What is there?", 9.0))
    until = assistant.seen_until(state)
    assistant.close(state)
    again = assistant.init_state(tmp_path / "memory")
    assert assistant.seen_until(again) == until == 4.0
    assert text(assistant.answer(again, "What is there?", 9.0)) == before
    assistant.close(again)


def test_the_answer_is_that_of_the_memory_it_is_made_of(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    assistant = load(tmp_path, Reading(), SMALL)
    state = assistant.init_state(None)
    shown(assistant, state, 6)
    model = read_llava_onevision(ModelFolder(tmp_path))
    rekv = Rekv(model.decoder, model.opening, SMALL.rekv)
    plain = rekv.init_state()
    for second in (0, 2, 4):
        frame = model.read_frame(torch.from_numpy(noise(second)), float(second))
        plain, _ = rekv.step(plain, [frame])
    asked = "What did I show?"
    retrieved = rekv.retrieve(plain, model.tokenizer.encode_user_text(asked))
    generated = rekv.reply(retrieved, model.prompt(asked), max_tokens=6, stop={model.tokenizer.end})
    expected = "".join(model.tokenizer.decode_stream(generated))
    assert text(assistant.answer(state, asked, 9.0)) == expected


@pytest.mark.slow
def test_a_folder_with_a_set_of_heads_stores_those_that_retrieve(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    sizes = []
    for share in (0.0, 0.5):
        write_head_set(tmp_path / HEADS, [[0.1, 1.0]] * 3, share, recent=10)
        assistant = load(tmp_path, Reading(), SMALL)
        state = assistant.init_state(None)
        shown(assistant, state, 6)
        assert text(assistant.answer(state, "What is it?", 9.0))
        sizes.append(state.rekv.store.sizes.ram)
    assert sizes[1] * 2 == sizes[0] > 0


def test_caches_of_a_fixed_size_hold_the_window_and_a_question() -> None:
    assert cache_slots(RekvConfig(), 14, 196, 0) == 15_552  # 14 + 15,000 + 2 * 256, in steps of 64
    config = RekvConfig(window=100)
    assert cache_slots(config, 14, 196, 0) == 13_120  # 2 * 14 + 64 * 196 + 512
    assert cache_slots(config, 14, 196, 640) == 13_760


def test_standing_requests_are_watched_for_with_the_small_perception(
    assistant: VideoLlmAssistant,
) -> None:
    state = assistant.init_state(None)
    state, answer = assistant.note_request(state, "Tell me when you see a dog.", 0.0)
    assert answer is not None
    assert assistant.standing_requests(state) == ("Tell me when you see a dog.",)
    met: list[MetRequest] = []
    for second in range(6):
        state, seen = assistant.analyze_frame(
            state, np.tile(drawn(DOG), (60, 80, 1)), float(second)
        )
        met += seen.met_requests
    assert [n.request for n in met] == ["Tell me when you see a dog."]
    assert assistant.standing_requests(state) == ()


@pytest.mark.slow
def test_the_subject_of_an_answer_is_where_the_model_says(
    assistant: VideoLlmAssistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = assistant.init_state(None)
    shown(assistant, state, 3)
    reply = assistant.answer(state, "where is it?", 5.0)
    assert text(reply)
    assert reply.locate() is None, "random weights write no boxes"
    said = iter(['[{"bbox_2d": [0, 0, 20, 20]}]'])
    monkeypatch.setattr(type(assistant.model.tokenizer), "decode_stream", lambda *_: said)
    found = reply.locate()
    if assistant.model.located_in is None:
        assert found is None
    else:
        assert found is not None
        assert found[0, 0] == 1


def test_a_folder_of_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "gpt2"}')
    with pytest.raises(WeightsError, match="gpt2"):
        load(tmp_path, Reading())
