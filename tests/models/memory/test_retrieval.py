import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from models.language.decoder import DecoderConfig, DenseLayer
from models.memory.recall_probe import Recall, Trial, internal, layer_bias, recall
from models.memory.rekv import Frame, Rekv, RekvConfig
from models.memory.retrieval import (
    local_line,
    position_bias,
    recent,
    score_blocks,
    top_rows,
    uniform,
)
from tests.models.memory.made import OPENING, QUESTION, TINY, TOKENS, decoder, frames


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def test_a_score_is_the_product_with_keys_given_to_every_query_head() -> None:
    keys, query = normal(5, 2, 8, seed=1), normal(6, 8, seed=2)
    found = score_blocks(keys.flatten(1), query, scoring="dot", span=0)
    for row in range(5):
        expanded = sum(float(keys[row, head // 3] @ query[head]) for head in range(6))
        assert float(found[row]) == pytest.approx(expanded, abs=1e-5)


@given(st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=40), st.integers(1, 12))
def test_a_local_line_is_the_least_squares_fit_to_the_neighbours(
    values: list[float], span: int
) -> None:
    found = local_line(torch.tensor(values), span)
    width = min(span, len(values))
    for i in range(len(values)):
        low = min(max(0, i - width // 2), len(values) - width)
        near = values[low : low + width]
        line = np.polynomial.Polynomial.fit(range(width), near, min(1, width - 1))
        assert float(found[i]) == pytest.approx(line(i - low), abs=1e-4)


def test_a_steady_drift_is_taken_away_up_to_the_ends() -> None:
    drift = 3.0 + 0.5 * torch.arange(50)
    torch.testing.assert_close(local_line(drift, 16), drift)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=20), st.integers(1, 25))
def test_the_best_come_in_order_of_time_and_of_equals_the_earlier(
    values: list[int], count: int
) -> None:
    rows = top_rows(torch.tensor(values, dtype=torch.float32), count).tolist()
    ranked = sorted(range(len(values)), key=lambda i: (-values[i], i))
    assert rows == sorted(ranked[:count])


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


def test_a_drift_hides_what_is_asked_for_and_centring_shows_it() -> None:
    """Scores that rise with time by more than what stands out in any one frame."""
    query = normal(4, 8, seed=3)
    direction = query.view(2, 2, 8).sum(1).flatten()
    direction = direction / direction.norm()
    keys = 0.1 * normal(200, 16, seed=4) + torch.linspace(0, 8, 200)[:, None] * direction
    keys[60] += 2 * direction
    raw = score_blocks(keys, query, scoring="dot", span=32)
    centred = score_blocks(keys, query, scoring="centred", span=32)
    assert 60 not in top_rows(raw, 40)
    assert top_rows(centred, 1).tolist() == [60]
    assert position_bias(raw) > 0.9
    assert abs(position_bias(centred)) < 0.2


def test_the_position_bias_of_a_decoder_is_measured_and_corrected() -> None:
    """A scene that does not change, in tiny decoders: what differs is the time only."""
    scene = normal(TOKENS, TINY.width, seed=5)
    seen = [Frame(scene + 0.5 * frame.tokens, frame.start, frame.end) for frame in frames(96)]
    sizes: dict[str, list[float]] = {"dot": [], "centred": []}
    for seed in range(3):
        for window in (60, 1000):
            for scoring in ("dot", "centred"):
                config = RekvConfig(window=window, scoring=scoring, span=16)
                rekv = Rekv(decoder(seed=seed), OPENING, config)
                state, _ = rekv.step(rekv.init_state(), seen)
                sizes[scoring] += [abs(bias) for bias in layer_bias(rekv, state, QUESTION)]
    raw, centred = (sum(found) / len(found) for found in sizes.values())
    assert raw > 0.1
    assert centred < raw / 3


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
