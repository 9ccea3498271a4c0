"""SmolVLM2 with tiny random weights, against transformers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.errors import WeightsError
from models.memory.rekv import Rekv, RekvConfig
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.smolvlm import TEMPLATE, read_smolvlm
from tests.models.memory.tiny_memory import kv_caches
from tests.models.vision.video_llm import checkpoints

IMAGE, PER_FRAME = 299, 4
QUESTION = "What is it?"
F32 = 1e-4  # float32 through five layers, in another order; scores are around 1


def video(count: int, side: int = 56) -> Tensor:
    rng = torch.Generator().manual_seed(4)
    return torch.randn(count, 3, side, side, generator=rng)


def prompt_tokens(model: VideoLlm, count: int) -> Tensor:
    """Return the tokens that the reference reads: a frame a second, and the question."""
    tokenizer = model.tokenizer
    parts = [model.opening]
    for second in range(count):
        label = f"\nFrame from 00:{second:02}:<fake_token_around_image><global-img>"
        parts += [
            tokenizer.encode_template(label),
            torch.full((PER_FRAME,), IMAGE),
            tokenizer.encode_template("<fake_token_around_image>"),
        ]
    asked = f"\n\n{QUESTION}<end_of_utterance>\nAssistant:"
    return torch.cat([*parts, tokenizer.encode_template(asked)])


def reference_scores(reference: Any, model: VideoLlm, count: int) -> Tensor:
    with torch.no_grad():
        scores: Tensor = reference(
            input_ids=prompt_tokens(model, count)[None], pixel_values=video(count)[None]
        ).logits[0]
    return scores


@pytest.mark.parametrize("side", [56, 84])
def test_frames_become_tokens_as_in_the_reference(tmp_path: Path, side: int) -> None:
    reference = checkpoints.smolvlm(tmp_path, side=side)
    model = read_smolvlm(ModelFolder(tmp_path))
    with torch.no_grad():
        (expected,) = reference.get_image_features(video(3, side)[None]).pooler_output
    found = model.frames.encode_images(video(3, side))
    assert found.shape == (3, (side // 28) ** 2, 32)
    torch.testing.assert_close(found.flatten(0, 1), expected, atol=F32, rtol=F32)


@pytest.mark.parametrize("tied", [True, False])
def test_a_remembered_video_is_asked_about_as_the_reference_reads_it(
    tmp_path: Path, tied: bool
) -> None:
    reference = checkpoints.smolvlm(tmp_path, tied=tied)
    model = read_smolvlm(ModelFolder(tmp_path))
    assert model.decoder.config.tied is tied
    rekv = Rekv(model.decoder, model.opening, RekvConfig(window=1000, blocks=64))
    state = rekv.init_state()
    for second, encoded in enumerate(model.frames.encode_images(video(5))):
        state, _ = rekv.step(state, [model.frame_of(encoded, float(second))])
    prompt = model.prompt(QUESTION)
    expected = reference_scores(reference, model, 5)[-len(prompt) :]
    words = model.tokenizer.encode_user_text(QUESTION)
    for context in (rekv.retrieve(state, words), rekv.latest(state, 9)):
        found = model.decoder.scores(model.decoder.read(prompt, kv_caches(context)))
        torch.testing.assert_close(found, expected, atol=F32, rtol=F32)
    assert expected.std() > 0.3


def test_camera_frames_are_seen_with_their_times(tmp_path: Path) -> None:
    checkpoints.smolvlm(tmp_path)
    model = read_smolvlm(ModelFolder(tmp_path))
    frame = model.read_frame(torch.zeros(48, 64, 3, dtype=torch.uint8), 754.0)
    label = model.tokenizer.encode_template(
        "\nFrame from 12:34:<fake_token_around_image><global-img>"
    )
    assert len(frame.tokens) == len(label) + PER_FRAME + 1
    assert torch.equal(frame.tokens[: len(label)], model.decoder.embed(label))
    assert len(frame.tokens) <= model.frame_tokens
    assert frame.deep is None


def test_sizes_that_its_files_leave_out_are_those_of_transformers(tmp_path: Path) -> None:
    checkpoints.smolvlm(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    del config["vision_config"]["num_hidden_layers"]
    file.write_text(json.dumps(config))
    with pytest.raises(WeightsError, match=r"no layers\.2\."):
        read_smolvlm(ModelFolder(tmp_path))  # twelve layers


def test_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    checkpoints.smolvlm(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    vision = config["vision_config"]
    for change, match in (
        ({"model_type": "idefics3"}, "not 'smolvlm'"),
        ({"scale_factor": 3}, "4 patches cannot be joined 3 by 3"),
        ({"vision_config": {**vision, "model_type": "clip_vision_model"}}, "vision tower"),
        ({"text_config": {"model_type": "llama"}}, "no 'num_attention_heads'"),
    ):
        file.write_text(json.dumps({**config, **change}))
        with pytest.raises(WeightsError, match=match):
            read_smolvlm(ModelFolder(tmp_path))
    assert TEMPLATE.end == "<end_of_utterance>"
