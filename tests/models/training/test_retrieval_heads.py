"""Gates of heads: what they train on, and that heads which retrieve keep theirs."""

from pathlib import Path

import pytest
import torch

from models.language.decoder import Decoder
from models.language.head_set import FILE, read_head_set
from models.training.retrieval_heads import GateRecipe, GateRun, gated_hidden, train
from models.training.retrieval_samples import (
    CODES,
    RetrievalSample,
    code_text,
    load_samples,
    streaming_mask,
)
from tests.models.memory.tiny_memory import TINY, decoder
from tests.models.vision.video_llm import checkpoints

RECENT = 4
RECIPE = GateRecipe(steps=40, rate=0.1, cost=0.02, recent=RECENT)


def sample(number: int) -> RetrievalSample:
    rng = torch.Generator().manual_seed(number)
    x = torch.randn(24, TINY.width, generator=rng)
    full = torch.ones(24, 24, dtype=torch.bool).tril()
    order = torch.arange(24)
    return RetrievalSample(x, order, full, streaming_mask(full, 2, RECENT), order >= 20)


def blind_to_all_but_the_newest(model: Decoder, layer: int, head: int) -> Decoder:
    """Return a model one of whose key heads has no values: it may as well stream."""
    width = TINY.head_width
    block = model.blocks[layer]
    assert isinstance(block.value, torch.nn.Linear)
    block.value.weight[head * width : (head + 1) * width] = 0
    block.value.bias[head * width : (head + 1) * width] = 0
    return model


def trained(folder: Path, model: Decoder, recipe: GateRecipe = RECIPE) -> GateRun:
    folder.mkdir(exist_ok=True)
    return train(model, sample, recipe, folder, minutes=60)


def test_a_head_that_adds_nothing_is_the_one_that_streams(tmp_path: Path) -> None:
    model = blind_to_all_but_the_newest(decoder(), 1, 0)
    gates = trained(tmp_path, model).gates.detach()
    assert float(gates[1, 0]) < 1e-3  # it is on its way to 0, in steps of Adam
    assert int((gates > 0.2).sum()) >= 3, "not all may stream"
    heads = read_head_set(tmp_path, TINY)
    assert heads is not None
    assert not heads.retrieving[1][0]
    assert heads.recent == RECENT
    assert heads.streaming_share == 0.5


def test_gates_mix_full_and_streaming_attention() -> None:
    """Against a memory's masks: gates of 0 and 1 are heads of two kinds."""
    model, made = decoder(dtype=torch.float64), sample(3)
    made = RetrievalSample(made.x.double(), made.positions, made.full, made.streaming, made.answers)
    ones = torch.ones(3, 2, dtype=torch.float64)
    full = gated_hidden(model, made, None)
    torch.testing.assert_close(gated_hidden(model, made, ones), full)
    swapped = RetrievalSample(made.x, made.positions, made.streaming, made.streaming, made.answers)
    streaming = gated_hidden(model, made, 0 * ones)
    torch.testing.assert_close(streaming, gated_hidden(model, swapped, None))
    assert (full - streaming).abs().max() > 0.1


@pytest.mark.slow
def test_a_stopped_run_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    model = decoder()
    whole = trained(tmp_path / "whole", model)
    trained(tmp_path / "parts", model, GateRecipe(steps=15, rate=0.1, cost=0.02, recent=RECENT))
    parts = trained(tmp_path / "parts", model)
    assert parts.step == whole.step == 40
    assert torch.equal(parts.gates, whole.gates)
    assert (tmp_path / "parts" / FILE).read_text() == (tmp_path / "whole" / FILE).read_text()


def test_codes_are_said_once_and_asked_for_at_the_end() -> None:
    pieces = code_text(5, 40)
    story = pieces[0][0]
    answers = [text for text, answer in pieces if answer]
    assert len(answers) == CODES
    for answer in answers:
        assert story.count(answer) == 1
    assert pieces == code_text(5, 40)
    assert pieces != code_text(6, 40)


def test_a_sample_is_as_long_as_was_asked_for(tmp_path: Path) -> None:
    checkpoints.llava_onevision(tmp_path)
    model, make_sample = load_samples(tmp_path, recent=16, length=3000, device="cpu")
    made = make_sample(0)
    assert 2400 < len(made.x) < 4500  # codes are longer than lines
    assert made.answers[-1]
    assert made.full[-1].all()
    assert int(made.streaming[-1].sum()) < 16 + 150, "the opening, and the last tokens"
    assert model.config.key_heads == 2
