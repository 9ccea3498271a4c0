"""The band against the whole lattice, and against every way that a small one has."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from models.asr.ancat.transducer import Transducer, TransducerConfig
from models.training.ancat.band import banded_loss, bands
from tests.models.asr.ancat.full_lattice import transducer_loss

UNITS, WIDTH = 6, 4

Text = tuple[Tensor, Tensor, Tensor]  # labels, frames and counts


def drawn(seed: int, time: int, most: int) -> tuple[Transducer, Tensor, Text]:
    """Return a transducer, frames of two clips, and their labels, frames and counts."""
    torch.manual_seed(seed)
    transducer = Transducer(TransducerConfig(units=UNITS, encoder_width=WIDTH, width=8)).double()
    labels = torch.randint(1, UNITS, (2, most))
    frames = torch.tensor([time, max(1, time - 3)])
    counts = torch.tensor([most, most // 2])
    return transducer, torch.randn(2, time, WIDTH, dtype=torch.float64), (labels, frames, counts)


def whole_loss(transducer: Transducer, hidden: Tensor, text: Text) -> Tensor:
    labels, frames, counts = text
    return transducer_loss(transducer(hidden, labels).float(), labels, frames, counts)


@settings(max_examples=30)
@given(seed=st.integers(0, 99), time=st.integers(4, 12), most=st.integers(1, 7))
def test_a_band_of_all_letters_is_the_whole_lattice(seed: int, time: int, most: int) -> None:
    transducer, hidden, text = drawn(seed, time, most)
    rows = most + 1
    starts = bands(torch.randn(2, time, UNITS), *text, rows)
    assert not starts.any()
    loss = banded_loss(transducer, hidden, starts, *text, rows)
    torch.testing.assert_close(loss, whole_loss(transducer, hidden, text))
    wanted = torch.autograd.grad(
        whole_loss(transducer, hidden, text).sum(), [*transducer.parameters()]
    )
    given_by = torch.autograd.grad(loss.sum(), [*transducer.parameters()])
    for one, other in zip(given_by, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.slow
@settings(max_examples=50)
@given(
    seed=st.integers(0, 99),
    time=st.integers(8, 20),
    most=st.integers(2, 12),
    rows=st.integers(3, 6),
)
def test_a_way_leads_through_every_band_from_nothing_to_the_last_letter(
    seed: int, time: int, most: int, rows: int
) -> None:
    transducer, hidden, text = drawn(seed, time, most)
    _, frames, counts = text
    starts = bands(5 * torch.randn(2, time, UNITS), *text, rows)
    for row, real, count in zip(starts, frames, counts, strict=True):
        own = row[:real]
        assert own[0] == 0
        assert own[-1] == max(0, count + 1 - rows)
        assert ((own.diff() >= 0) & (own.diff() < rows)).all()
    loss = banded_loss(transducer, hidden, starts, *text, rows)
    assert loss.isfinite().all()
    # Some ways are left out, none is counted twice.
    assert (loss >= whole_loss(transducer, hidden, text) - 1e-4).all()


def test_the_band_lies_where_the_head_writes_the_letters() -> None:
    torch.manual_seed(0)
    labels = torch.arange(30)[None] % (UNITS - 1) + 1
    places = torch.cat([torch.arange(10), torch.arange(60, 80)])  # slow at first, then a pause
    aligned = torch.zeros(1, 90, UNITS)
    aligned[:, :, 0] = 6.0
    aligned[0, places, labels[0]] = 12.0
    starts = bands(aligned, labels, torch.tensor([90]), torch.tensor([30]), 6)[0]
    for count, place in enumerate(places.tolist()):
        assert starts[place] <= count
        assert count + 1 < starts[place] + 6
    assert ((starts[12:58] <= 10) & (starts[12:58] + 6 > 10)).all()  # ten letters are written


def test_sharper_scores_lose_hardly_anything_outside_the_band() -> None:
    _, hidden, text = drawn(3, 40, 20)
    labels, frames, counts = text
    head = torch.zeros(2, 40, UNITS)
    for row in range(2):
        head[row, 1 : 2 * int(counts[row]) : 2].scatter_(1, labels[row, : counts[row], None], 9.0)
    # The transducer itself is made to write where the head does.
    hidden = torch.cat([head.double(), hidden], 2)
    sharp = Transducer(
        TransducerConfig(units=UNITS, encoder_width=UNITS + WIDTH, width=UNITS)
    ).double()
    torch.nn.init.zeros_(sharp.from_written.weight)
    torch.nn.init.zeros_(sharp.from_written.bias)
    sharp.from_heard.weight.data = 0.2 * torch.eye(UNITS, UNITS + WIDTH, dtype=torch.float64)
    sharp.out.weight.data = 8.0 * torch.eye(UNITS, dtype=torch.float64)
    starts = bands(head, labels, frames, counts, 8)
    banded = banded_loss(sharp, hidden, starts, *text, 8)
    whole = transducer_loss(sharp(hidden, labels).float(), labels, frames, counts)
    assert banded.tolist() == pytest.approx(whole.tolist(), rel=0.02)
    narrow = banded_loss(sharp, hidden, bands(head, labels, frames, counts, 3), *text, 3)
    assert (narrow > whole + 0.1).any()
