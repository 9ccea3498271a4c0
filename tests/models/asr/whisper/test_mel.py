from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.asr.whisper.mel import HOP, StreamingMel, log_mel, mel_filters, normalize
from models.streaming import run

# From openai/whisper (MIT): whisper/assets/mel_filters.npz.
GOLDEN = np.load(Path(__file__).parent / "openai_mel_filters.npz")
SOUND = np.random.default_rng(0).standard_normal(8000).astype(np.float32) * 0.1
CUTS = st.lists(st.integers(0, len(SOUND)), max_size=10).map(sorted)


@pytest.mark.parametrize("mels", [80, 128])
def test_filters_are_those_that_whisper_was_trained_with(mels: int) -> None:
    # float32 holds the largest, 0.025, to 2e-9
    np.testing.assert_allclose(mel_filters(mels).numpy(), GOLDEN[f"mel_{mels}"], atol=1e-8)


def test_a_tone_is_loudest_in_its_own_band() -> None:
    times = np.arange(16_000) / 16_000
    picture = log_mel(np.sin(2 * np.pi * 1000 * times).astype(np.float32))
    assert picture.shape == (80, 100)
    band = int(mel_filters(80)[:, 25].argmax())  # 1 kHz is bin 25 of 40 Hz
    assert set(picture.argmax(dim=0)[5:-5].tolist()) <= {band - 1, band, band + 1}


@given(cuts=CUTS)
@settings(max_examples=30)
def test_any_chunking_gives_the_frames_of_the_whole(cuts: list[int]) -> None:
    frames = torch.stack(list(run(StreamingMel(), np.split(SOUND, cuts))))
    assert len(frames) == len(SOUND) // HOP
    # Frames are transformed in batches of other sizes: float32 rounding of log energies.
    torch.testing.assert_close(normalize(frames).T, log_mel(SOUND), rtol=0, atol=1e-5)


def test_later_sound_never_changes_earlier_frames() -> None:
    model = StreamingMel()
    _, first = model.step(model.init_state(), SOUND[:4000])
    loud = np.concatenate([SOUND[:4000], 10 * SOUND[4000:]])
    _, both = model.step(model.init_state(), loud)
    torch.testing.assert_close(torch.stack(both[: len(first)]), torch.stack(first))


def test_too_little_sound_is_refused() -> None:
    with pytest.raises(ValueError, match="more than 200 samples"):
        log_mel(np.zeros(200, np.float32))
    assert list(run(StreamingMel(), [np.zeros(200, np.float32)])) == []
