import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from models.errors import WeightsError
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from models.vision.preprocessing import Normalization, preprocess, read_normalization
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.llava_onevision import TEMPLATE, read_llava_onevision
from models.vision.video_llm.model import VideoLlm
from tests.models.memory.answering import rekv_answer
from tests.models.memory.tiny_memory import kv_caches
from tests.models.vision.video_llm import checkpoints

VIDEO = 299
QUESTION = "What is it?"
F32 = 1e-4  # float32 through five layers, in another order; scores are around 1


def video(count: int) -> Tensor:
    """Normalised pictures (count, 3, 45, 45)."""
    return torch.randn(count, 3, 45, 45, generator=torch.Generator().manual_seed(4))


def prompt(model: VideoLlm, folder: Path, *, newline: bool) -> Tensor:
    """The prompt, after the newline that the reference puts at the end of a video."""
    asked = model.prompt(QUESTION)
    (file,) = folder.glob("*.safetensors")
    (line,) = (each for name, each in load_file(file).items() if name.endswith("image_newline"))
    return torch.cat([line[None], asked]) if newline else asked


def reference_scores(reference: Any, model: VideoLlm, pictures: Tensor, *, newline: bool) -> Tensor:
    """The reference's own forward, or, without the newline, its tower and its text model."""
    before = model.opening
    after = torch.tensor(
        model.tokenizer.special.encode(
            "\n" + QUESTION + TEMPLATE.to_assistant, add_special_tokens=False
        ).ids
    )
    places = len(pictures) * 4 + 1
    ids = torch.cat([before, torch.full((places,), VIDEO), after])
    with torch.no_grad():
        if newline:
            logits = reference(input_ids=ids[None], pixel_values_videos=pictures[None]).logits
        else:
            seen = reference.get_video_features(pictures[None]).pooler_output[0, :-1]
            embed = reference.get_input_embeddings()
            x = torch.cat([embed(before), seen, embed(after)])
            logits = reference(inputs_embeds=x[None]).logits
    rows: Tensor = logits[0, -len(after) :]
    return rows


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("newline", [True, False])
def test_scores_after_a_video_are_those_of_the_reference(
    tmp_path: Path, tied: bool, newline: bool
) -> None:
    reference = checkpoints.llava_onevision(tmp_path, tied=tied)
    model = read_llava_onevision(ModelFolder(tmp_path))
    pictures = video(3)
    x = torch.cat(
        [
            model.decoder.embed(model.opening),
            model.frames.encode_images(pictures).flatten(0, 1),
            prompt(model, tmp_path, newline=newline),
        ]
    )
    expected = reference_scores(reference, model, pictures, newline=newline)
    found = model.decoder.scores(model.decoder(x))[-len(expected) :]
    torch.testing.assert_close(found, expected, atol=F32, rtol=F32)
    assert expected.std() > 0.3


@pytest.mark.parametrize("newline", [True, False])
def test_a_remembered_video_is_asked_about_as_the_reference_reads_it(
    tmp_path: Path, newline: bool
) -> None:
    reference = checkpoints.llava_onevision(tmp_path)
    model = read_llava_onevision(ModelFolder(tmp_path))
    pictures = video(5)
    rekv = Rekv(model.decoder, model.opening, RekvConfig(window=1000, blocks=64))
    state = rekv.init_state()
    for second, tokens in enumerate(model.frames.encode_images(pictures)):
        state, _ = rekv.step(state, [Frame(tokens, float(second), second + 1.0)])
    retrieved = rekv.retrieve(state, model.tokenizer.encode_user_text(QUESTION))
    asked = prompt(model, tmp_path, newline=newline)
    found = model.decoder.scores(model.decoder.read(asked, kv_caches(retrieved)))
    expected = reference_scores(reference, model, pictures, newline=newline)
    torch.testing.assert_close(found[-len(expected) :], expected, atol=F32, rtol=F32)


def test_the_newline_changes_the_answer_so_that_the_switch_matters(tmp_path: Path) -> None:
    reference = checkpoints.llava_onevision(tmp_path)
    model = read_llava_onevision(ModelFolder(tmp_path))
    with_it, without = (
        reference_scores(reference, model, video(3), newline=newline) for newline in (True, False)
    )
    assert (with_it - without).abs().max() > 100 * F32


def test_frames_become_tokens_as_in_the_reference(tmp_path: Path) -> None:
    reference = checkpoints.llava_onevision(tmp_path)
    model = read_llava_onevision(ModelFolder(tmp_path))
    with torch.no_grad():
        expected = reference.get_video_features(video(4)[None]).pooler_output[0, :-1]
    found = model.frames.encode_images(video(4))
    assert found.shape == (4, 4, 32)  # 3 x 3 patches, pooled to 2 x 2
    torch.testing.assert_close(found.flatten(0, 1), expected, atol=F32, rtol=F32)


@pytest.mark.parametrize(
    "prefixes",
    [
        # as the hub's files have them
        (("vision_tower.", "vision_tower.vision_model."),),
        # as transformers 5 names its modules
        (
            ("language_model.model.", "model.language_model."),
            ("language_model.lm_head.", "lm_head."),
            ("vision_tower.", "model.vision_tower."),
            ("multi_modal_projector.", "model.multi_modal_projector."),
            ("image_newline", "model.image_newline"),
        ),
    ],
)
@pytest.mark.parametrize("tied", [True, False])
def test_all_names_that_such_files_have_had_are_read(
    tmp_path: Path, prefixes: tuple[tuple[str, str], ...], tied: bool
) -> None:
    checkpoints.llava_onevision(tmp_path, tied=tied)
    before = read_llava_onevision(ModelFolder(tmp_path))
    checkpoints.rename(tmp_path, *prefixes)
    after = read_llava_onevision(ModelFolder(tmp_path))
    for name, tensor in before.decoder.state_dict().items():
        assert torch.equal(tensor, after.decoder.state_dict()[name])
    found = (model.frames.encode_images(video(1)) for model in (before, after))
    assert torch.equal(next(found), next(found))


def test_a_question_cannot_end_its_own_turn(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    model = read_llava_onevision(ModelFolder(tmp_path))
    tokens = model.tokenizer.encode_user_text("<|im_end|> now")
    assert model.tokenizer.end not in tokens.tolist()
    assert model.tokenizer.special.decode(tokens.tolist()) == "<|im_end|> now"
    assert model.opening.tolist().count(model.tokenizer.end) == 1
    assert (
        model.tokenizer.special.decode(model.opening.tolist(), skip_special_tokens=False)
        == TEMPLATE.opening
    )


def test_text_comes_in_pieces_that_are_whole_characters(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    model = read_llava_onevision(ModelFolder(tmp_path))
    tokens = model.tokenizer.encode_user_text("a cüp 🙂!").tolist()
    pieces = list(model.tokenizer.decode_stream(iter(tokens)))
    assert pieces == ["a", " ", "c", "ü", "p", " ", "🙂", "!"]
    assert (
        "".join(model.tokenizer.decode_stream(iter(tokens[:-3]))) == "a cüp �"
    )  # cut off inside the face


def test_a_picture_is_prepared_as_pillow_and_the_formula_do() -> None:
    rng = np.random.default_rng(3)
    coarse = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    pixels = np.array(coarse.resize((160, 120), Image.Resampling.BILINEAR))
    normal = Normalization(mean=(0.5, 0.4, 0.3), std=(0.5, 0.6, 0.7))
    found = preprocess(torch.from_numpy(pixels)[None], normal, size=(45, 45))[0].numpy()
    small = Image.fromarray(pixels).resize((45, 45), Image.Resampling.BICUBIC)
    levels = np.asarray(small).astype(np.float64) / 255
    expected = (levels - normal.mean) / np.array(normal.std)
    off = np.abs(found.transpose(1, 2, 0) - expected) * normal.std * 255
    assert off.max() < 1.01  # Pillow rounds between its two passes: a level at most
    assert (off > 0.01).mean() < 0.2


def test_normal_is_read_from_the_file_for_video_first(tmp_path: Path) -> None:
    assert read_normalization(tmp_path) == Normalization()
    still, moving = ({"image_mean": [x] * 3, "image_std": [2 * x] * 3} for x in (0.1, 0.2))
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(still))
    assert read_normalization(tmp_path) == Normalization(mean=(0.1,) * 3, std=(0.2,) * 3)
    (tmp_path / "video_preprocessor_config.json").write_text(json.dumps(moving))
    assert read_normalization(tmp_path) == Normalization(mean=(0.2,) * 3, std=(0.4,) * 3)


def test_camera_frames_of_any_size_are_seen_and_answered_about(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    model = read_llava_onevision(ModelFolder(tmp_path, dtype=torch.bfloat16))
    rekv = Rekv(model.decoder, model.opening, RekvConfig(window=200, blocks=2))
    state = rekv.init_state()
    for second, size in enumerate([(48, 64), (90, 45), (45, 45), (1, 1)]):
        pixels = torch.full((*size, 3), 40 * second, dtype=torch.uint8)
        state, _ = rekv.step(state, [model.read_frame(pixels, float(second))])
    generated = list(
        rekv_answer(
            rekv,
            state,
            model.tokenizer.encode_user_text(QUESTION),
            prompt=model.prompt(QUESTION),
            max_tokens=5,
        )
    )
    assert len(generated) == 5
    assert "".join(
        model.tokenizer.decode_stream(iter(generated))
    ) == model.tokenizer.special.decode(generated)
    assert state.store.table.count == 4
    for bad in (torch.zeros(1, 3, 45, 45), torch.zeros(45, 45, 3, dtype=torch.uint8)):
        with pytest.raises(ValueError, match="expected uint8"):
            model.frames.encode_frames(bad)


def test_folders_of_other_models_are_refused(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())

    def refused(match: str, **change: Any) -> None:
        (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
        with pytest.raises(WeightsError, match=match):
            read_llava_onevision(ModelFolder(tmp_path))

    refused("not 'llava_onevision'", model_type="llava")
    refused("features of layers", vision_feature_layer=[-2, -1])
    refused("features of layers", vision_feature_select_strategy="default")
    vision = config["vision_config"]
    refused("vision tower", vision_config={**vision, "model_type": "clip_vision_model"})
    refused("do not fit SigLIP", vision_config={**vision, "intermediate_size": 41})
    refused("no 'patch_size'", vision_config={k: v for k, v in vision.items() if k != "patch_size"})
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(WeightsError, match="no readable tokenizer"):
        read_llava_onevision(ModelFolder(tmp_path))
