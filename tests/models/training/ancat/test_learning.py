import difflib

import pytest
import torch
import torch.nn.functional as F  # noqa: N812  (PyTorch's own name for it)
from torch import Tensor, nn

from models.asr.ancat.encoder import encoder_in_torch
from models.asr.ancat.network import Ancat, AncatConfig
from models.asr.ancat.search import TransducerSearch
from models.asr.ancat.transducer_networks import transducer_in_torch
from models.asr.whisper.whisper import WhisperConfig
from tests.models.asr.ancat.full_lattice import transducer_loss

LETTERS, LENGTH, FRAMES = 5, 5, 50
SIZES = WhisperConfig(
    mels=80, audio_context=2 * FRAMES, audio_width=32, audio_heads=2, audio_layers=3,
    text_context=4, text_width=8, text_heads=1, text_layers=0, vocabulary=1,
)  # fmt: skip


class Tones:
    """Clips of five tones with pauses between them, each tone the sound of one letter."""

    def __init__(self) -> None:
        self.tones = torch.randn(LETTERS + 1, 80, generator=torch.Generator().manual_seed(0))

    def draw(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return mel, letters, and what to write at each frame."""
        letters = torch.randint(1, LETTERS + 1, (count, LENGTH), generator=rng)
        lengths = torch.randint(4, 7, (count, LENGTH), generator=rng)
        mel = 0.1 * torch.randn(count, 80, 4 * FRAMES, generator=rng)
        guide = torch.zeros(count, FRAMES, dtype=torch.int64)
        for row in range(count):
            place = 2
            for letter, length in zip(letters[row].tolist(), lengths[row].tolist(), strict=True):
                mel[row, :, 4 * place : 4 * (place + length)] += self.tones[letter][:, None]
                guide[row, place + length - 1] = letter
                place += length + 2
        return mel, letters, guide


def learn(model: Ancat, tones: Tones, steps: int, late: float) -> float:
    """Train `model`; return what a letter costs at the end."""
    head = nn.Linear(SIZES.audio_width, LETTERS + 1)
    weights = [w for w in (*model.parameters(), *head.parameters()) if w.requires_grad]
    optimizer, rng = torch.optim.AdamW(weights, 3e-3), torch.Generator().manual_seed(1)
    costs = []
    for step in range(steps):
        mel, letters, guide = tones.draw(8, rng)
        encoded = model.encode(mel, temperature=0.1 ** min(1.0, step / 80))
        scores = model.transducer(encoded.hidden, letters)
        counts = torch.full((8,), LENGTH)
        wrong = transducer_loss(scores, letters, encoded.frames, counts).sum() / (8 * LENGTH)
        guessed = F.cross_entropy(head(encoded.hidden).flatten(0, 1), guide.flatten())
        guided = 4 * max(0.0, 1 - step / 100)
        optimizer.zero_grad()
        torch.autograd.backward(wrong + guided * guessed + late * encoded.delays().mean())
        nn.utils.clip_grad_norm_(weights, 2.0)
        optimizer.step()
        costs.append(wrong.item())
    return sum(costs[-20:]) / 20


@pytest.mark.slow
def test_a_tiny_model_learns_to_write_what_it_hears_and_not_to_wait_where_that_does_not_help() -> (
    None
):
    torch.set_num_threads(1)
    torch.manual_seed(0)
    config = AncatConfig(ahead=6, layers=2, scheduler=16, joint=32, units=LETTERS + 1)
    model = Ancat(config, SIZES)
    times = torch.arange(2 * FRAMES)[:, None] / 10_000 ** (torch.arange(16) / 16)
    model.front.encoder.positions.copy_(0.3 * torch.cat([times.sin(), times.cos()], 1))
    tones = Tones()
    with torch.no_grad():
        before = model.encode(tones.draw(6, torch.Generator().manual_seed(7))[0]).delays().mean()
    assert before > 4  # it began by looking far
    assert learn(model, tones, 200, late=0.01) < 0.4  # without hearing, log 5 is the best: 1.6
    model.eval().requires_grad_(False)
    mel, letters, _ = tones.draw(6, torch.Generator().manual_seed(7))
    assert model.encode(mel).delays().mean() < 1
    encoder, search, alike = (
        encoder_in_torch(model),
        TransducerSearch(transducer_in_torch(model.transducer)),
        0.0,
    )
    for row, wanted in zip(mel, letters.tolist(), strict=True):
        state, heard = encoder.step(encoder.init_state(), row)
        written = search.init_state()
        for frame in [*heard, *encoder.flush(state)]:
            written = search.step(written, frame.hidden)
        alike += difflib.SequenceMatcher(None, list(written.best.units), wanted).ratio() / 6
    assert alike > 0.85
