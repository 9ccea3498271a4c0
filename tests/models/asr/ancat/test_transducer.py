from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.asr.ancat.transducer import BLANK, Transducer, TransducerConfig
from models.asr.ancat.transducer_networks import Prediction, transducer_in_torch
from tests.models.asr.ancat.full_lattice import transducer_loss

NEVER = float("-inf")


def plain_loss(scores: Tensor, labels: list[int], frames: int) -> Tensor:
    """Sum over the lattice of one text, one cell after the other."""
    logs = scores.log_softmax(2)
    count = len(labels)
    reached = {(0, 0): torch.zeros((), dtype=scores.dtype)}
    for t in range(frames):
        for u in range(count + 1):
            ways = []
            if t:
                ways.append(reached[t - 1, u] + logs[t - 1, u, BLANK])
            if u:
                ways.append(reached[t, u - 1] + logs[t, u - 1, labels[u - 1]])
            if ways:
                reached[t, u] = torch.logsumexp(torch.stack(ways), 0)
    return -(reached[frames - 1, count] + logs[frames - 1, count, BLANK])


def drawn(seed: int, batch: int, time: int, most: int, units: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(batch, time, most + 1, units, generator=rng, dtype=torch.float64)
    labels = torch.randint(1, units, (batch, most), generator=rng)
    return scores, labels


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000),
    sizes=st.lists(st.tuples(st.integers(1, 6), st.integers(0, 5)), min_size=1, max_size=4),
)
def test_the_loss_and_its_gradient_are_those_of_the_slow_sum(
    seed: int, sizes: list[tuple[int, int]]
) -> None:
    most = max(count for _, count in sizes)
    scores, labels = drawn(seed, len(sizes), max(time for time, _ in sizes), most, 4)
    frames, counts = (torch.tensor(column) for column in zip(*sizes, strict=True))
    fast = scores.clone().requires_grad_()
    slow = scores.clone().requires_grad_()
    losses = transducer_loss(fast, labels, frames, counts)
    wanted = torch.stack(
        [
            plain_loss(slow[i], labels[i, :count].tolist(), time)
            for i, (time, count) in enumerate(sizes)
        ]
    )
    torch.testing.assert_close(losses, wanted)
    weights = torch.linspace(0.5, 2.0, len(sizes), dtype=torch.float64)
    torch.autograd.backward((losses * weights).sum())
    torch.autograd.backward((wanted * weights).sum())
    torch.testing.assert_close(fast.grad, slow.grad)


def test_the_gradient_is_that_of_small_differences() -> None:
    scores, labels = drawn(0, 2, 4, 3, 3)
    frames, counts = torch.tensor([4, 2]), torch.tensor([3, 1])
    assert torch.autograd.gradcheck(
        lambda x: transducer_loss(x, labels, frames, counts), (scores.requires_grad_(),)
    )


def test_all_texts_of_one_frame_and_at_most_two_labels_have_the_chance_that_is_left() -> None:
    # With the blank certain after two labels, the texts of 0, 1 and 2 labels are all there are.
    scores, _ = drawn(3, 1, 1, 2, 3)
    for u in (0, 1):  # the lattice's scores must not depend on which labels came before
        scores[:, :, u] = scores[:, :, 0]
    scores[0, 0, 2] = torch.tensor([0.0, NEVER, NEVER])
    texts = [[], [1], [2], [1, 1], [1, 2], [2, 1], [2, 2]]
    total = 0.0
    for text in texts:
        labels = torch.tensor([text + [1] * (2 - len(text))])
        loss = transducer_loss(scores, labels, torch.tensor([1]), torch.tensor([len(text)]))
        total += float((-loss).exp())
    assert total == pytest.approx(1.0)


def test_values_beyond_a_rows_length_change_nothing() -> None:
    scores, labels = drawn(1, 2, 5, 4, 5)
    frames, counts = torch.tensor([3, 5]), torch.tensor([2, 4])
    before = transducer_loss(scores, labels, frames, counts)
    scores[0, 3:] = 7.0
    scores[0, :, 3:] = -7.0
    labels[0, 2:] = BLANK
    torch.testing.assert_close(transducer_loss(scores, labels, frames, counts), before)


@pytest.mark.parametrize(
    ("labels", "frames", "counts", "message"),
    [
        ([[1, 2, 3]], [4], [3], "need labels"),
        ([[1, 2]], [0], [2], "1..4 frames"),
        ([[1, 2]], [5], [2], "1..4 frames"),
        ([[1, 2]], [4], [3], "0..2 labels"),
        ([[1, BLANK]], [4], [2], "blank"),
    ],
)
def test_wrong_shapes_lengths_and_labels_are_refused(
    labels: list[list[int]], frames: list[int], counts: list[int], message: str
) -> None:
    scores, _ = drawn(0, 1, 4, 2, 5)
    with pytest.raises(ValueError, match=message):
        transducer_loss(scores, torch.tensor(labels), torch.tensor(frames), torch.tensor(counts))


def test_reading_label_by_label_says_what_reading_all_at_once_says() -> None:
    torch.manual_seed(0)
    model = Transducer(TransducerConfig(units=7, encoder_width=5, width=8)).double()
    labels = torch.tensor([[3, 1, 6, 6], [2, 2, 5, 1]])
    encoded = torch.randn(2, 3, 5, dtype=torch.float64)
    engines = transducer_in_torch(model)
    one = engines.init_state()
    state = Prediction(*(part.expand(2, -1) for part in (one.output, one.hidden, one.cell)))
    rows = [state.output]
    for column in labels.T:
        state = engines.predict(column, state.hidden, state.cell)
        rows.append(state.output)
    torch.testing.assert_close(torch.stack(rows, 1), model.predict_all(labels))
    scores = model(encoded, labels)[0, 2, 4]
    torch.testing.assert_close(
        scores.log_softmax(0)[None], engines.log_probs(encoded[0, 2], rows[4][:1])
    )


@pytest.mark.slow
def test_following_the_gradient_finds_the_text() -> None:
    scores, labels = drawn(2, 1, 6, 3, 4)
    scores.requires_grad_()
    optimizer = torch.optim.Adam([scores], 0.3)
    losses = []
    for _ in range(20):
        loss = transducer_loss(scores, labels, torch.tensor([6]), torch.tensor([3])).sum()
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.2
    assert all(after < before + 0.1 for before, after in pairwise(losses))
