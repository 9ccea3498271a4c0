"""The one pass of a log with its questions, against reading each question by itself."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from safetensors.torch import load_file

from models import lora
from models.assistant.scene.embedding import embed
from models.assistant.scene.scene_entry import SYSTEM
from models.language.smollm2 import DenseChatModel, system_prompt
from models.training.text_log.logs import make, prompt
from models.training.text_log.score import validate
from models.training.text_log.train import TextLogRecipe, loss_of, sequence, train
from tests.models.assistant.tiny_chat import chat

RECIPE = TextLogRecipe(steps=4, logs=2, rank=2, warmup=2)


def alone(talk: DenseChatModel, number: int) -> torch.Tensor:
    """Return the loss of each question's answer, the log read anew for each."""
    log = make(number)
    decoder = talk.decoder
    lines = [embed(talk, moment) for moment in log.moments]
    parts = []
    for turn in log.turns:
        asked = talk.encode(prompt(log, turn))
        answer = torch.cat([talk.encode(turn.answer), torch.tensor([talk.end])])
        read = torch.cat([asked, answer[:-1]])
        x = torch.cat(
            [decoder.embed(talk.encode(system_prompt(SYSTEM))), *lines, decoder.embed(read)]
        )
        scores = decoder.scores(decoder(x)[-len(answer) :])
        parts.append(F.cross_entropy(scores, answer, reduction="none"))
    return torch.cat(parts).mean()


@pytest.mark.parametrize("number", [0, 7])
def test_questions_in_one_pass_are_scored_as_if_each_were_alone(number: int) -> None:
    talk = chat()
    together = loss_of(talk.decoder, sequence(talk, make(number)))
    torch.testing.assert_close(together, alone(talk, number), rtol=1e-4, atol=1e-4)


@pytest.mark.slow
def test_changes_of_low_rank_begin_as_none_and_merge_into_the_weights(tmp_path: Path) -> None:
    plain, changed, merged = chat(), chat(), chat()
    trained = lora.attach(
        changed.decoder.projections(), rank=RECIPE.rank, alpha=RECIPE.rank, rng=torch.Generator()
    )
    made = sequence(plain, make(1))
    assert loss_of(changed.decoder, made) == loss_of(plain.decoder, made)
    train(merged, RECIPE, tmp_path, minutes=10)
    stored = load_file(tmp_path / "adapter.safetensors")
    with torch.no_grad():
        for name, value in trained.items():
            value.copy_(stored[name])
    lora.merge(plain.decoder.projections(), lora.read(tmp_path / "adapter.safetensors"))
    after = loss_of(changed.decoder, made)
    torch.testing.assert_close(loss_of(plain.decoder, made), after, rtol=1e-5, atol=1e-5)
    assert after != loss_of(chat().decoder, made)


@pytest.mark.slow
def test_a_run_in_two_parts_ends_as_a_run_in_one(tmp_path: Path) -> None:
    train(chat(), RECIPE, tmp_path / "whole", minutes=10)
    ticks = iter(range(100))  # a minute passes whenever the time is asked for
    train(chat(), RECIPE, tmp_path / "parts", minutes=3, clock=lambda: 60.0 * next(ticks))
    assert 0 < torch.load(tmp_path / "parts" / "state.pt")["step"] < RECIPE.steps
    train(chat(), RECIPE, tmp_path / "parts", minutes=10)
    whole = load_file(tmp_path / "whole" / "adapter.safetensors")
    parts = load_file(tmp_path / "parts" / "adapter.safetensors")
    for name, value in whole.items():
        torch.testing.assert_close(parts[name], value)


@pytest.mark.slow
def test_training_lowers_the_loss_of_what_it_was_shown(tmp_path: Path) -> None:
    made = sequence(chat(), make(0))
    before = loss_of(chat().decoder, made)
    talk = chat()
    train(talk, TextLogRecipe(steps=15, logs=1, rank=4, warmup=2, rate=0.03), tmp_path, minutes=10)
    assert loss_of(talk.decoder, made) < 0.8 * before


@pytest.mark.slow
def test_validation_counts_every_question_once() -> None:
    tally = validate(chat(), 2)
    assert sum(count for _, count in tally.values()) == 20
    assert all(0 <= right <= count for right, count in tally.values())
