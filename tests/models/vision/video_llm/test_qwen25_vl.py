import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from models.errors import WeightsError
from models.memory.positions import GridPositions, LinearPositions
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from models.vision.video_llm.assembly import ModelFolder
from models.vision.video_llm.model import VideoLlm
from models.vision.video_llm.qwen25_vl import read_qwen25_vl
from tests.bench.research.eviction import Salient
from tests.models.language import plain
from tests.models.memory.tiny_memory import kv_caches
from tests.models.vision.video_llm import checkpoints

ROWS, COLUMNS = 3, 5  # cells of a frame; windows of 2 x 2 do not divide them
CELLS = ROWS * COLUMNS
QUESTION = "What is it?"
F32 = 1e-4  # float32 through six layers, in another order; scores are around 1


def read(folder: Path, **more: Any) -> VideoLlm:
    return read_qwen25_vl(ModelFolder(folder, **more), rows=ROWS, columns=COLUMNS)


def pictures(count: int) -> Tensor:
    rng = torch.Generator().manual_seed(4)
    return torch.randn(count, 3, 28 * ROWS, 28 * COLUMNS, generator=rng)


def patches(pictures: Tensor) -> Tensor:
    """Flatten as the reference wants them: cell after cell, each frame twice for a patch."""
    made = []
    for picture in pictures:
        for cell in range(CELLS):
            for patch in range(4):
                top = 28 * (cell // COLUMNS) + 14 * (patch // 2)
                left = 28 * (cell % COLUMNS) + 14 * (patch % 2)
                square = picture[:, top : top + 14, left : left + 14]
                made.append(torch.stack([square, square], 1).flatten())
    return torch.stack(made)


def seen(reference: Any, count: int) -> Tensor:
    grid = torch.tensor([[count, 2 * ROWS, 2 * COLUMNS]])
    with torch.no_grad():
        tokens: Tensor = reference.get_video_features(patches(pictures(count)), grid).pooler_output[
            0
        ]
    return tokens


def positions(opening: int, count: int, after: int, *, step: float) -> Tensor:
    """Text, video and text, as the papers have it: text goes on after the largest of the video."""
    rows = [[i, i, i] for i in range(opening)]
    for t in range(count):
        late = int(step * t)
        rows += [[opening + x for x in (late, i // COLUMNS, i % COLUMNS)] for i in range(CELLS)]
    start = max(max(row) for row in rows) + 1
    rows += [[start + i] * 3 for i in range(after)]
    return torch.tensor(rows).T


@pytest.mark.parametrize("count", [1, 3])
def test_frames_become_tokens_as_in_the_reference(tmp_path: Path, count: int) -> None:
    reference = checkpoints.qwen25_vl(tmp_path)
    model = read(tmp_path)
    found = model.frames.encode_images(pictures(count))
    assert found.shape == (count, CELLS, 32)
    torch.testing.assert_close(found.flatten(0, 1), seen(reference, count), atol=F32, rtol=F32)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("interval", [0.5, 0.75, 2.0])
def test_a_remembered_video_is_asked_about_as_the_reference_reads_it(
    tmp_path: Path, tied: bool, interval: float
) -> None:
    reference = checkpoints.qwen25_vl(tmp_path, tied=tied)
    model = read(tmp_path)
    places = model.positions(interval)
    assert isinstance(places, GridPositions)
    assert places.step == 2 * interval
    rekv = Rekv(model.decoder, model.opening, RekvConfig(window=1000, blocks=64), positions=places)
    state = rekv.init_state()
    tokens = model.frames.encode_images(pictures(4))
    for low, high in ((0, 1), (1, 4)):
        batch = [Frame(tokens[i], float(i), i + 1.0) for i in range(low, high)]
        state, _ = rekv.step(state, batch)
    prompt = model.prompt(QUESTION)
    retrieved = rekv.retrieve(state, model.tokenizer.encode_user_text(QUESTION))
    found = model.decoder.scores(model.decoder.read(prompt, kv_caches(retrieved)))
    embed = reference.get_input_embeddings()
    with torch.no_grad():
        x = torch.cat([embed(model.opening), seen(reference, 4), prompt])
        where = positions(len(model.opening), 4, len(prompt), step=places.step)
        logits = reference(inputs_embeds=x[None], position_ids=where[:, None]).logits
    expected = logits[0, -len(prompt) :]
    torch.testing.assert_close(found, expected, atol=F32, rtol=F32)
    assert expected.std() > 0.3


def test_retrieved_frames_are_put_next_to_each_other_in_time(tmp_path: Path) -> None:
    """Frames 2 and 5 of a stream are read as the first two of a video."""
    checkpoints.qwen25_vl(tmp_path)
    model = read(tmp_path)
    rekv = Rekv(
        model.decoder, model.opening, RekvConfig(window=1000), positions=model.positions(1.0)
    )
    tokens = model.frames.encode_images(pictures(6))
    state, _ = rekv.step(
        rekv.init_state(), [Frame(part, float(i), i + 1.0) for i, part in enumerate(tokens)]
    )
    blocks = state.store.table.blocks
    some = rekv.fetch(state, [5, 2])
    opening = len(model.opening)
    where = positions(opening, 2, 1, step=2)
    rotary = model.decoder.config.rotary
    for index, cache in enumerate(kv_caches(some)):
        keys = torch.cat(
            [state.sinks[index][0], blocks[2].layer(index)[0], blocks[5].layer(index)[0]], 1
        )
        for place in (0, opening, opening + 7, opening + CELLS + 3):
            axes = [place] * 3 if place < opening else where[:, place].tolist()
            std = [axes[axis] for axis in (0, 1, 2, 2)]  # sections 1, 1 and 2
            expected = plain.turn(keys[0, place].double(), std, rotary.theta)
            torch.testing.assert_close(
                cache.keys[0, place].double(), expected, atol=1e-5, rtol=1e-5
            )
        assert cache.position == int(where.max())


def test_a_grid_over_several_windows_is_stored_as_the_written_out_mask_has_it(
    tmp_path: Path,
) -> None:
    checkpoints.qwen25_vl(tmp_path)
    model = read(tmp_path, dtype=torch.float64)
    opening = model.opening[:3]
    grid = GridPositions(rows=2, columns=3, step=4)
    rekv = Rekv(model.decoder, opening, RekvConfig(window=15), positions=grid)
    rng = torch.Generator().manual_seed(2)
    x = torch.randn(7, 6, 32, generator=rng, dtype=torch.float64)
    state = rekv.init_state()
    for low, high in ((0, 3), (3, 4), (4, 7)):
        batch = [Frame(x[i], float(i), i + 1.0) for i in range(low, high)]
        state, _ = rekv.step(state, batch)
    places: list[plain.Place] = [[float(i)] * 4 for i in range(3)]
    for t in range(7):
        places += [[3.0 + 4 * t, 3.0 + i // 3, *[3.0 + i % 3] * 2] for i in range(6)]
    every = torch.cat([model.decoder.embed(opening), *x])
    _, keys, values = plain.read(
        model.decoder,
        every,
        window=15,
        sinks=3,
        places=places,
        far=8.0,  # two blocks of four
    )
    kept = torch.cat([block.all_layers() for block in state.store.table.blocks], 3)
    for part, expected in ((kept[:, 0], keys), (kept[:, 1], values)):
        torch.testing.assert_close(part, torch.stack(expected)[:, :, 3:], atol=1e-12, rtol=1e-10)


def test_places_on_a_line_count_tokens() -> None:
    line = LinearPositions()
    assert line.block_positions(3, 4, 9, [2, 3]).tolist() == [7, 8, 9, 10, 11]
    assert line.text_position(3, [2, 3]) == 8
    assert line.sink_distance(20) == 19


def test_text_goes_on_after_the_largest_position_of_a_grid() -> None:
    flat, tall = GridPositions(rows=2, columns=9, step=3), GridPositions(rows=9, columns=2, step=3)
    assert flat.text_position(5, []) == 5
    assert flat.text_position(5, [18]) == tall.text_position(5, [18]) == 14
    assert flat.text_position(5, [18] * 6) == 5 + 15 + 1


def test_grid_positions_refuse_eviction_and_other_frame_sizes(tmp_path: Path) -> None:
    checkpoints.qwen25_vl(tmp_path)
    model = read(tmp_path)
    places = model.positions(1.0)
    with pytest.raises(ValueError, match="cannot be thinned"):
        Rekv(model.decoder, model.opening, policy=Salient(), positions=places)
    rekv = Rekv(model.decoder, model.opening, positions=places)
    state = rekv.init_state()
    with pytest.raises(ValueError, match="expected 3 x 5 tokens"):
        rekv.step(state, [Frame(torch.zeros(14, 32), 0.0, 1.0)])
    assert state.store.table.count == 0
    assert state.position == len(model.opening)


def test_early_files_with_the_sizes_of_the_text_on_top_are_read(tmp_path: Path) -> None:
    checkpoints.qwen25_vl(tmp_path)
    before = read(tmp_path).decoder.state_dict()
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    text = config.pop("text_config")
    rope = text.pop("rope_parameters")
    text["rope_scaling"] = {"type": "mrope", "mrope_section": rope["mrope_section"]}
    text["rope_theta"] = rope["rope_theta"]
    file.write_text(json.dumps({**text, **config}))
    model = read(tmp_path)
    assert model.decoder.config.sections == (1, 1, 2)
    assert model.decoder.config.theta == 1e6
    for name, tensor in model.decoder.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_camera_frames_are_seen_and_other_models_refused(tmp_path: Path) -> None:
    checkpoints.qwen25_vl(tmp_path)
    model = read(tmp_path)
    frame = model.read_frame(torch.zeros(48, 64, 3, dtype=torch.uint8), 1.5)
    assert frame.tokens.shape == (CELLS, 32)
    assert (frame.start, frame.deep) == (1.5, None)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    for change, match in (
        ({"model_type": "qwen2_vl"}, "not 'qwen2_5_vl'"),
        ({"vision_config": {**config["vision_config"], "spatial_merge_size": 4}}, "cells of 4"),
        ({"vision_config": {"depth": 3}}, "no 'hidden_size'"),
    ):
        file.write_text(json.dumps({**config, **change}))
        with pytest.raises(WeightsError, match=match):
            read(tmp_path)
