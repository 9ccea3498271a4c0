"""Real Video-LLM architectures with tiny random weights, as a session's assistant."""

from pathlib import Path

import numpy as np
import pytest
import torch

from models.assistant.interface import NOTHING_YET, AssistantAnswer, MetRequest
from models.assistant.scene.perception import Pixels
from models.assistant.video_llm_assistant import VideoLlmAssistant, VideoLlmConfig, VideoLlmState
from models.assistant.video_llm_loading import cache_slots, load
from models.errors import WeightsError
from models.language.head_set import FILE as HEADS
from models.language.head_set import write_head_set
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from models.vision.video_llm.llava_onevision import read_llava_onevision
from tests.models.assistant.test_small_model import DOG, Reading
from tests.models.assistant.test_small_model import picture as drawn
from tests.models.vision.video_llm import checkpoints

SMALL = VideoLlmConfig(max_tokens=6, max_moments=2, rekv=RekvConfig(window=200, blocks=3))


@pytest.fixture(params=["llava_onevision", "qwen25_vl"])
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
    assert text(assistant.answer(state, "What?", 0.0)) == NOTHING_YET
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
    model = read_llava_onevision(tmp_path)
    rekv = Rekv(model.decoder, model.opening, SMALL.rekv)
    plain = rekv.init_state()
    for second in (0, 2, 4):
        tokens = model.encode_frames(torch.from_numpy(noise(second))[None])[0]
        plain, _ = rekv.step(plain, [Frame(tokens, second, second)])
    retrieved = rekv.retrieve(plain, model.tokenizer.encode_user_text("What?"))
    generated = rekv.reply(
        retrieved, model.prompt("What?"), max_tokens=6, stop={model.tokenizer.end}
    )
    expected = "".join(model.tokenizer.decode_stream(generated))
    assert text(assistant.answer(state, "What?", 9.0)) == expected


@pytest.mark.slow
def test_a_folder_with_a_set_of_heads_stores_those_that_retrieve(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    sizes = []
    for share in (0.0, 0.5):
        write_head_set(tmp_path / HEADS, [[0.1, 1.0]] * 3, share, recent=10)
        assistant = load(tmp_path, Reading(), SMALL)
        state = assistant.init_state(None)
        shown(assistant, state, 6)
        assert text(assistant.answer(state, "What?", 9.0))
        sizes.append(state.rekv.store.sizes.ram)
    assert sizes[1] * 2 == sizes[0] > 0


def test_caches_of_a_fixed_size_hold_the_window_and_a_question() -> None:
    assert cache_slots(RekvConfig(), 14, 196) == 15_552  # 14 + 15,000 + 2 * 256, in steps of 64
    assert cache_slots(RekvConfig(window=100), 14, 196) == 13_120  # 2 * 14 + 64 * 196 + 512


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
