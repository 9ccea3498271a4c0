import numpy as np
import pytest
import torch
from torch import Tensor

from models.language.decoder import DecoderConfig, DenseLayer
from models.memory.prefill import Frame
from models.memory.rekv import Rekv, RekvConfig
from tests.bench.research.recall_probe import (
    Recall,
    Trial,
    internal,
    layer_bias,
    position_bias,
    recall,
    recent,
    uniform,
)
from tests.models.memory.tiny_memory import OPENING, QUESTION, TINY, TOKENS, decoder, frames


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_the_baselines_take_even_and_last_places() -> None:
    assert uniform(10, 4).tolist() == [0, 3, 6, 9]
    assert uniform(3, 8).tolist() == [0, 1, 2]
    assert uniform(5, 1).tolist() == [0]
    assert recent(10, 3).tolist() == [7, 8, 9]
    assert recent(2, 3).tolist() == [0, 1]


def test_a_bias_is_the_rank_correlation_with_time() -> None:
    rising = torch.arange(9.0).exp()
    assert position_bias(rising) == pytest.approx(1.0)
    assert position_bias(-rising) == pytest.approx(-1.0)
    shuffled = torch.tensor([2.0, 9.0, 1.0, 5.0, 3.0])  # ranks 1, 4, 0, 3, 2
    assert position_bias(shuffled) == pytest.approx(np.corrcoef([1, 4, 0, 3, 2], range(5))[0, 1])


@pytest.mark.slow
def test_the_position_bias_of_a_decoder_is_measured_and_corrected() -> None:
    """A scene that does not change, in tiny decoders: what differs is the time only."""
    scene = normal(TOKENS, TINY.width, seed=5)
    seen = [Frame(scene + 0.5 * frame.tokens, frame.start, frame.end) for frame in frames(96)]
    sizes: dict[str, list[float]] = {"dot": [], "centered": []}
    for seed in range(3):
        for window in (60, 1000):
            for scoring in ("dot", "centered"):
                config = RekvConfig(window=window, scoring=scoring, span=16)
                rekv = Rekv(decoder(seed=seed), OPENING, config)
                state, _ = rekv.step(rekv.init_state(), seen)
                sizes[scoring] += [abs(bias) for bias in layer_bias(rekv, state, QUESTION)]
    raw, centered = (sum(found) / len(found) for found in sizes.values())
    assert raw > 0.1
    assert centered < raw / 3


PLAIN = DecoderConfig(
    vocabulary=64,
    width=32,
    layers=2,
    heads=4,
    key_heads=4,
    head_width=8,
    inner_width=4,
    theta=100.0,
)


def asking_decoder(*, loud: bool) -> Rekv:
    """A decoder whose keys and queries are its input: blocks score by the words they share.

    A `loud` one has a bias that makes every query ask for one direction, whatever the words.
    """
    config = PLAIN
    model = decoder(config)
    for layer in model.layers:
        assert isinstance(layer, DenseLayer)
        layer.query.weight.data = torch.eye(32)
        layer.key.weight.data = torch.eye(32)
        layer.out.weight.data.zero_()
        layer.down.weight.data.zero_()
        layer.attention_norm.weight.data.fill_(1.0)
        if loud:
            layer.query.weight.data.zero_()
            layer.query.bias = torch.nn.Parameter(torch.eye(32)[0] * 5, requires_grad=False)
    return Rekv(model, OPENING, RekvConfig(window=400))


def planted_trials(rekv: Rekv, count: int, *, standing_out: bool) -> list[Trial]:
    """Frames of common words with one of an object, 40 to 59, among them."""
    trials = []
    for number in range(count):
        rng = torch.Generator().manual_seed(number)
        words = torch.randint(0, 40, (24, 4), generator=rng)
        named, other = (40 + torch.randperm(20, generator=rng)[:2]).tolist()
        planted = int(torch.randint(0, 24, (1,), generator=rng))
        words[planted, :3] = named
        seen = [Frame(rekv.decoder.embed(row), float(t), t + 1.0) for t, row in enumerate(words)]
        if standing_out:
            seen[planted].tokens[:] += 9 * torch.eye(32)[0]
        trials.append(Trial(seen, planted, torch.tensor([named]), torch.tensor([other])))
    return trials


def test_recall_of_a_model_that_asks_is_far_above_its_control() -> None:
    rekv = asking_decoder(loud=False)
    found = recall(rekv, planted_trials(rekv, 40, standing_out=False), internal(rekv, 6))
    assert found.chance == 0.25
    assert found.mean == 1.0
    assert found.lift > 0.5
    assert len(found.present) == 2


def test_recall_of_a_model_that_sees_what_stands_out_is_worth_nothing() -> None:
    rekv = asking_decoder(loud=True)
    found = recall(rekv, planted_trials(rekv, 12, standing_out=True), internal(rekv, 6))
    assert found.mean == 1.0
    assert found.control == 1.0
    assert found.lift == 0.0


def test_recall_of_other_finders_uses_the_same_trials() -> None:
    rekv = asking_decoder(loud=False)
    trials = planted_trials(rekv, 24, standing_out=False)

    def last(state: object, question: Tensor) -> list[list[int]]:
        return [recent(24, 6).tolist()]

    found = recall(rekv, trials, last)
    where = sum(trial.planted >= 18 for trial in trials) / 24
    assert found == Recall(present=(where,), absent=(where,), chance=0.25)
    with pytest.raises(ValueError, match="at least one trial"):
        recall(rekv, [], last)
