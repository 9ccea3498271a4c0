"""Qwen3-VL with tiny random weights, against transformers."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.errors import WeightsError
from models.language.decoder_networks import CacheSizes
from models.language.engine_decoder import layered_decoder
from models.memory.positions import LabelledGridPositions
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.qwen3_vl import read_qwen3_vl
from tests.models.language import plain
from tests.models.memory.tiny_memory import kv_caches
from tests.models.vision.video_llm import checkpoints

ROWS, COLUMNS = 3, 5  # cells of a frame
CELLS = ROWS * COLUMNS
VIDEO, CELL = 299, 32
QUESTION = "What is it?"
F32 = 1e-4  # float32 through seven layers, in another order; scores are around 1


def read(folder: Path, **more: Any) -> VideoLlm:
    return read_qwen3_vl(ModelFolder(folder, **more), rows=ROWS, columns=COLUMNS)


def pictures(count: int) -> Tensor:
    rng = torch.Generator().manual_seed(4)
    return torch.randn(count, 3, CELL * ROWS, CELL * COLUMNS, generator=rng)


def patches(pictures: Tensor) -> Tensor:
    """Flatten as the reference wants them: cell after cell, each frame twice for a patch."""
    made = []
    for picture in pictures:
        for cell in range(CELLS):
            for patch in range(4):
                top = CELL * (cell // COLUMNS) + 16 * (patch // 2)
                left = CELL * (cell % COLUMNS) + 16 * (patch % 2)
                square = picture[:, top : top + 16, left : left + 16]
                made.append(torch.stack([square, square], 1).flatten())
    return torch.stack(made)


def grid(count: int) -> Tensor:
    return torch.tensor([[count, 2 * ROWS, 2 * COLUMNS]])


def seen(reference: Any, count: int) -> Tensor:
    """Return the reference's tokens and deep features, side by side."""
    with torch.no_grad():
        made = reference.get_video_features(patches(pictures(count)), grid(count))
    deep = [torch.cat(list(each)) for each in made.deepstack_features]
    return torch.cat([torch.cat(list(made.pooler_output)), *deep], -1)


def reference_scores(reference: Any, model: VideoLlm, count: int) -> Tensor:
    """The reference's own forward over a frame a second and the question, positions included."""
    tokenizer = model.tokenizer
    parts = [model.opening]
    for second in range(count):
        parts += [
            tokenizer.encode_template(f"<{second}.0 seconds><|vision_start|>"),
            torch.full((CELLS,), VIDEO),
            tokenizer.encode_template("<|vision_end|>"),
        ]
    asked = f"{QUESTION}<|im_end|>\n<|im_start|>assistant\n"
    ids = torch.cat([*parts, tokenizer.encode_template(asked)])
    with torch.no_grad():
        scores: Tensor = reference(
            input_ids=ids[None],
            mm_token_type_ids=2 * (ids == VIDEO).int()[None],
            pixel_values_videos=patches(pictures(count)),
            video_grid_thw=grid(count),
        ).logits[0]
    return scores


@pytest.mark.parametrize("count", [1, 3])
def test_frames_become_tokens_as_in_the_reference(tmp_path: Path, count: int) -> None:
    reference = checkpoints.qwen3_vl(tmp_path)
    model = read(tmp_path)
    found = model.frames.encode_images(pictures(count))
    assert found.shape == (count, CELLS, 3 * 32)
    torch.testing.assert_close(found.flatten(0, 1), seen(reference, count), atol=F32, rtol=F32)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("layered", [True, False])
def test_a_remembered_video_is_asked_about_as_the_reference_reads_it(
    tmp_path: Path, tied: bool, layered: bool
) -> None:
    from models.engine import load_in_torch

    reference = checkpoints.qwen3_vl(tmp_path, tied=tied)
    model = read(tmp_path)
    decoder = model.decoder
    engine = layered_decoder(
        decoder, load_in_torch, CacheSizes(len(model.opening)), name="qwen3-vl-layer"
    )
    rekv = Rekv(
        engine if layered else decoder,
        model.opening,
        RekvConfig(window=1000, blocks=64),
        positions=model.positions(1.0),
    )
    state = rekv.init_state()
    frames = [
        model.frame_of(each, float(i))
        for i, each in enumerate(model.frames.encode_images(pictures(4)))
    ]
    for batch in (frames[:1], frames[1:]):
        state, _ = rekv.step(state, batch)
    prompt = model.prompt(QUESTION)
    expected = reference_scores(reference, model, 4)[-len(prompt) :]
    words = model.tokenizer.encode_user_text(QUESTION)
    for context in (rekv.retrieve(state, words), rekv.latest(state, 9)):
        if layered:
            found = engine.next_scores(prompt, context.caches)[None]
        else:
            found = decoder.scores(decoder.read(prompt, kv_caches(context)))
        torch.testing.assert_close(found, expected[-len(found) :], atol=F32, rtol=F32)
    assert expected.std() > 0.3


def test_deep_features_change_what_is_remembered(tmp_path: Path) -> None:
    checkpoints.qwen3_vl(tmp_path)
    model = read(tmp_path)
    rekv = Rekv(model.decoder, model.opening, positions=model.positions(1.0))
    (frame,) = (model.frame_of(each, 0.0) for each in model.frames.encode_images(pictures(1)))
    assert frame.deep is not None
    kept = []
    for each in (frame, Frame(frame.tokens, 0.0, 0.0, torch.zeros_like(frame.deep))):
        state, _ = rekv.step(rekv.init_state(), [each])
        kept.append(state.store.table.blocks[0].all_layers())
    assert torch.equal(kept[0][0], kept[1][0])  # the first layer's keys come before them
    assert not torch.allclose(kept[0][1], kept[1][1])


def test_labelled_grids_over_several_windows_are_stored_as_the_written_out_mask_has_it(
    tmp_path: Path,
) -> None:
    checkpoints.qwen3_vl(tmp_path)
    model = read(tmp_path, dtype=torch.float64)
    opening = model.opening[:3]
    places = LabelledGridPositions(rows=2, columns=3, before=2, after=1)
    rekv = Rekv(model.decoder, opening, RekvConfig(window=20), positions=places)
    rng = torch.Generator().manual_seed(2)
    befores = [2, 3, 2, 2, 4, 2, 2]
    x = [torch.randn(each + 7, 32, generator=rng, dtype=torch.float64) for each in befores]
    state = rekv.init_state()
    for low, high in ((0, 3), (3, 4), (4, 7)):
        batch = [Frame(x[i], float(i), i + 1.0) for i in range(low, high)]
        state, _ = rekv.step(state, batch)
    written: list[list[float]] = [[float(i)] * 3 for i in range(3)]
    start = 3.0
    for before in befores:
        written += [[start + i] * 3 for i in range(before)]
        start += before
        written += [[start, start + i // 3, start + i % 3] for i in range(6)]
        start += 3
        written.append([start] * 3)
        start += 1
    axes = [0, 1, 2, 0]  # of the four pairs of channels, for sections 2, 1 and 1
    every = torch.cat([model.decoder.embed(opening), *x])
    _, keys, values = plain.read(
        model.decoder,
        every,
        window=20,
        sinks=3,
        places=[[place[axis] for axis in axes] for place in written],
        far=14.0,  # two blocks of six positions, and two tokens
    )
    kept = torch.cat([block.all_layers() for block in state.store.table.blocks], 3)
    for part, expected in ((kept[:, 0], keys), (kept[:, 1], values)):
        torch.testing.assert_close(part, torch.stack(expected)[:, :, 3:], atol=1e-12, rtol=1e-10)
    assert places.text_position(3, [each + 7 for each in befores]) == start


def test_camera_frames_are_seen_with_their_times(tmp_path: Path) -> None:
    checkpoints.qwen3_vl(tmp_path)
    model = read(tmp_path)
    frame = model.read_frame(torch.zeros(48, 64, 3, dtype=torch.uint8), 12.54)
    label = model.tokenizer.encode_template("<12.5 seconds><|vision_start|>")
    assert len(frame.tokens) == len(label) + CELLS + 1 <= model.frame_tokens
    assert torch.equal(frame.tokens[: len(label)], model.decoder.embed(label))
    assert frame.deep is not None
    assert frame.deep.shape == (2, len(frame.tokens), 32)
    assert not frame.deep[:, : len(label)].any()
    assert not frame.deep[:, -1].any()


def test_frames_and_folders_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    checkpoints.qwen3_vl(tmp_path)
    model = read(tmp_path)
    rekv = Rekv(model.decoder, model.opening, positions=model.positions(1.0))
    state = rekv.init_state()
    tokens, deep = torch.zeros(17, 32), torch.zeros(2, 17, 32)
    for frames, match in (
        ([Frame(torch.zeros(15, 32), 0.0, 0.0)], "at least 16 tokens"),
        ([Frame(tokens, 0.0, 0.0, deep[:, 1:])], "expected deep features of"),
        ([Frame(tokens, 0.0, 0.0, deep), Frame(tokens, 1.0, 1.0)], "all frames, or of none"),
    ):
        with pytest.raises(ValueError, match=match):
            rekv.step(state, frames)
    assert state.store.table.count == 0
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    for change, match in (
        ({"model_type": "qwen2_vl"}, "not 'qwen3_vl'"),
        ({"vision_config": {**config["vision_config"], "spatial_merge_size": 4}}, "cells of 4"),
        ({"vision_config": {"depth": 3}}, "no 'hidden_size'"),
    ):
        file.write_text(json.dumps({**config, **change}))
        with pytest.raises(WeightsError, match=match):
            read(tmp_path)
