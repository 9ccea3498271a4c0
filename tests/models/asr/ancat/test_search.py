import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from models.asr.ancat.letter_model import LetterModel
from models.asr.ancat.search import ShallowFusion, TransducerSearch, TransducerSearchState
from models.asr.ancat.transducer import BLANK, Transducer, TransducerConfig
from models.asr.ancat.transducer_networks import transducer_in_torch
from models.training.ancat.letter_counts import count_runs
from tests.models.asr.ancat.full_lattice import transducer_loss


def tiny_transducer(units: int = 4, seed: int = 0) -> Transducer:
    """Return float64 weights at random that write a letter about every other frame."""
    torch.manual_seed(seed)
    model = Transducer(TransducerConfig(units=units, encoder_width=6, width=8)).double()
    for weight in model.parameters():
        torch.nn.init.normal_(weight, std=0.8)
    model.out.bias.data[BLANK] += 1.0
    return model.requires_grad_(False)


def drawn_frames(count: int, seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, 6, generator=rng, dtype=torch.float64)


def read(search: TransducerSearch, frames: Tensor) -> TransducerSearchState:
    state = search.init_state()
    for frame in frames:
        state = search.step(state, frame)
    return state


def plain_greedy(model: Transducer, frames: Tensor, max_letters: int) -> list[int]:
    """Read the whole text again for each letter."""
    units: list[int] = []
    for frame in frames:
        for _ in range(max_letters):
            prediction = model.predict_all(torch.tensor([units], dtype=torch.int64))[0, -1]
            unit = int(model.join(model.from_heard(frame), prediction).argmax())
            if unit == BLANK:
                break
            units.append(unit)
    return units


@pytest.mark.parametrize("seed", range(6))
def test_greedy_writes_what_rereading_everything_would_write(seed: int) -> None:
    model, frames = tiny_transducer(seed=seed), drawn_frames(30, seed)
    hypothesis = read(TransducerSearch(transducer_in_torch(model), max_letters=3), frames).best
    assert list(hypothesis.units) == plain_greedy(model, frames, 3)
    assert hypothesis.units
    assert list(hypothesis.frames) == sorted(hypothesis.frames)
    assert all(log_prob <= 0 for log_prob in hypothesis.log_probs)


def log_probability_of(model: Transducer, frames: Tensor, units: tuple[int, ...]) -> float:
    labels = torch.tensor([units], dtype=torch.int64)
    scores = model(frames[None], labels)
    lengths = torch.tensor([len(frames)]), torch.tensor([len(units)])
    return -float(transducer_loss(scores, labels, *lengths))


def test_a_beam_that_holds_everything_gives_each_text_its_whole_chance() -> None:
    model, frames = tiny_transducer(units=3), drawn_frames(3)
    hypotheses = read(
        TransducerSearch(transducer_in_torch(model), beam=1000, max_letters=2), frames
    ).hypotheses
    scores = {hypothesis.units: hypothesis.score for hypothesis in hypotheses}
    # Of texts of at most two letters, every way has at most two letters at a frame.
    texts = [text for n in range(3) for text in itertools.product((1, 2), repeat=n)]
    for text in texts:
        assert scores[text] == pytest.approx(log_probability_of(model, frames, text))
    assert [hypothesis.score for hypothesis in hypotheses] == sorted(scores.values(), reverse=True)


def test_a_wider_beam_finds_texts_that_are_likelier_than_those_of_greedy() -> None:
    gains = []
    for seed in range(12):
        model, frames = tiny_transducer(seed=seed), drawn_frames(8, seed)
        greedy = read(TransducerSearch(transducer_in_torch(model)), frames).best.units
        wide = read(TransducerSearch(transducer_in_torch(model), beam=8), frames).best.units
        if len(greedy) < 20:  # else it hit the most letters a frame, and its chance is of more
            gains.append(
                log_probability_of(model, frames, wide) - log_probability_of(model, frames, greedy)
            )
    assert len(gains) > 6
    assert min(gains) > -0.2  # it prunes, so it may lose a little
    assert sum(gain > 1 for gain in gains) > 5


@pytest.mark.parametrize("beam", [1, 4])
def test_a_state_goes_on_the_same_twice_and_later_frames_are_new_to_it(beam: int) -> None:
    model, frames = tiny_transducer(), drawn_frames(20)
    search = TransducerSearch(transducer_in_torch(model), beam=beam)
    half = read(search, frames[:10])
    before = [hypothesis.units for hypothesis in half.hypotheses]
    ends = []
    for _ in range(2):
        state = half
        for frame in frames[10:]:
            state = search.step(state, frame)
        ends.append([(hypothesis.units, hypothesis.score) for hypothesis in state.hypotheses])
    assert ends[0] == ends[1]
    assert [hypothesis.units for hypothesis in half.hypotheses] == before
    assert ends[0] == [(d.units, d.score) for d in read(search, frames).hypotheses]


def test_greedy_never_changes_what_it_wrote() -> None:
    model, frames = tiny_transducer(), drawn_frames(20)
    long = read(TransducerSearch(transducer_in_torch(model)), frames).best.units
    for encoded in range(20):
        short = read(TransducerSearch(transducer_in_torch(model)), frames[:encoded]).best.units
        assert long[: len(short)] == short


def test_hypotheses_share_their_old_letters() -> None:
    model, frames = tiny_transducer(), drawn_frames(40)
    state = read(TransducerSearch(transducer_in_torch(model), beam=6, prune_after=4), frames)
    best = state.best
    old = sum(frame <= 39 - 4 for frame in best.frames)
    assert state.common_prefix >= old > 0


def test_committed_units_can_be_left_out_and_the_rest_is_written_the_same() -> None:
    model, frames = tiny_transducer(), drawn_frames(24)
    search = TransducerSearch(transducer_in_torch(model), beam=3, prune_after=4)
    whole = half = read(search, frames[:12])
    assert half.common_prefix
    half = half.drop_prefix(half.common_prefix)
    count = whole.common_prefix
    for frame in frames[12:]:
        whole, half = search.step(whole, frame), search.step(half, frame)
    assert half.best.units == whole.best.units[count:]
    assert half.best.frames == whole.best.frames[count:]


def test_the_common_prefix_ends_at_the_first_unit_that_differs() -> None:
    state = TransducerSearch(transducer_in_torch(tiny_transducer())).init_state()
    hypotheses = [replace(state.best, units=units) for units in ((1, 2, 3), (1, 2), (1, 2, 1))]
    assert TransducerSearchState(tuple(hypotheses)).common_prefix == 2


def test_a_beam_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 hypothesis"):
        TransducerSearch(transducer_in_torch(tiny_transducer()), beam=0)


def text_of_ones() -> LetterModel:
    """Return a model of a text that alternates between the first two letters."""
    return LetterModel(count_runs(np.tile([1, 2], 40), 3, (1, 1, 1)), units=3)


def test_shallow_fusion_adds_the_letter_scores_of_each_text() -> None:
    model, frames = tiny_transducer(units=3), drawn_frames(3)
    fusion = ShallowFusion(letter_model=text_of_ones(), weight=0.7, bonus=0.3)
    plain = read(
        TransducerSearch(transducer_in_torch(model), beam=1000, max_letters=2), frames
    ).hypotheses
    fused = {
        d.units: d.score
        for d in read(
            TransducerSearch(transducer_in_torch(model), beam=1000, max_letters=2, fusion=fusion),
            frames,
        ).hypotheses
    }
    for hypothesis in plain:
        worth = sum(
            0.3 + 0.7 * float(fusion.letter_model.log_probs(hypothesis.units[:n])[unit])
            for n, unit in enumerate(hypothesis.units)
        )
        assert fused[hypothesis.units] == pytest.approx(hypothesis.score + worth)


def test_shallow_fusion_prefers_texts_like_those_that_were_counted() -> None:
    model, frames = tiny_transducer(units=3, seed=2), drawn_frames(30, 2)
    alternations = []
    for weight in (0.0, 3.0):
        fusion = ShallowFusion(letter_model=text_of_ones(), weight=weight, bonus=weight)
        units = read(
            TransducerSearch(transducer_in_torch(model), beam=8, max_letters=2, fusion=fusion),
            frames,
        ).best.units
        changes = sum(one != two for one, two in itertools.pairwise(units))
        alternations.append(changes / (len(units) - 1))
    assert alternations[1] > alternations[0] + 0.1


def test_committed_letters_are_still_context_of_the_letter_model() -> None:
    model, frames = tiny_transducer(units=3), drawn_frames(40)
    fusion = ShallowFusion(letter_model=text_of_ones(), weight=1.0, bonus=1.0)
    search = TransducerSearch(transducer_in_torch(model), beam=3, prune_after=4, fusion=fusion)
    whole = half = read(search, frames[:20])
    count_of = whole.common_prefix
    assert count_of
    half = half.drop_prefix(count_of)
    for frame in frames[20:]:
        whole, half = search.step(whole, frame), search.step(half, frame)
    assert half.best.units == whole.best.units[count_of:]
    assert half.best.score == pytest.approx(whole.best.score)


def test_shallow_fusion_needs_a_beam() -> None:
    with pytest.raises(ValueError, match="a beam of 2"):
        TransducerSearch(
            transducer_in_torch(tiny_transducer()),
            fusion=ShallowFusion(letter_model=text_of_ones()),
        )
