"""The network and its input against Resemblyzer's own figures, and real voices."""

from pathlib import Path

import numpy as np
import pytest

from models.asr.words import RATE
from models.errors import WeightsError
from models.speakers.clustering import Floats
from models.speakers.encoder import SIZE, SpeakerEncoder, read_encoder
from models.speakers.features import mel_energies, raised
from models.weights.fetch import fetch_weights
from tests.models.asr.conftest import read_clip
from tests.paths import WEIGHTS

# Of the first 1.6 s of jfk.flac, by Resemblyzer 0.1.4 with librosa 0.11.
REFERENCE = [0, 0, 0.054899, 0, 0.005611, 0.06072, 0, 0.066801, 0.118117, 0, 0.029761, 0.085721]


@pytest.fixture(scope="module")
def encoder() -> SpeakerEncoder:
    return read_encoder(fetch_weights("speaker-encoder", WEIGHTS) / "pretrained.pt")


def test_an_embedding_is_resemblyzers(encoder: SpeakerEncoder) -> None:
    sound = read_clip("jfk.flac").samples[: RATE * 8 // 5]
    (vector,) = encoder.embed(sound[None])
    assert vector.shape == (SIZE,)
    np.testing.assert_allclose(vector[: len(REFERENCE)], REFERENCE, atol=2e-5)  # float32 sums


def test_windows_in_a_batch_get_what_each_gets_alone(encoder: SpeakerEncoder) -> None:
    sound = read_clip("jfk.flac").samples
    windows = np.stack([sound[n * 3000 : n * 3000 + 16_000] for n in range(40)])
    together = encoder.embed(windows)
    alone = np.concatenate([encoder.embed(window[None]) for window in windows[::13]])
    np.testing.assert_allclose(together[::13], alone, atol=1e-5)  # sums in another order


def test_a_voice_is_more_like_itself_than_like_another(encoder: SpeakerEncoder) -> None:
    def vector(name: str, first: int) -> Floats:
        sound = read_clip(name).samples
        (found,) = encoder.embed(sound[None, first : first + RATE * 8 // 5])
        return np.asarray(found, np.float32)

    kennedy = [vector("jfk.flac", first) for first in (8_000, 80_000)]
    reader = [vector("LJ001-0006.flac", 8_000), vector("LJ001-0007.flac", 8_000)]
    same = [kennedy[0] @ kennedy[1], reader[0] @ reader[1]]
    other = [one @ two for one in kennedy for two in reader]
    assert min(same) > max(other) + 0.05


def test_silence_and_no_window_are_taken(encoder: SpeakerEncoder) -> None:
    assert encoder.embed(np.zeros((0, 25_600), np.float32)).shape == (0, SIZE)
    assert np.isfinite(encoder.embed(np.zeros((1, 25_600), np.float32))).all()


def test_quiet_sound_is_raised_and_loud_sound_stays() -> None:
    tone = np.sin(np.arange(RATE) / 10).astype(np.float32)
    quiet = raised(0.001 * tone)
    assert np.sqrt(np.mean(quiet**2)) == pytest.approx(10 ** (-30 / 20), rel=1e-3)
    assert quiet.dtype == np.float32
    assert raised(tone) is tone
    assert raised(tone[:0]).shape == (0,)


def test_a_frame_is_centered_on_its_time() -> None:
    click = np.zeros(RATE, np.float32)
    click[8_000] = 1.0
    energies = mel_energies(click).sum(1)
    assert len(energies) == 101
    assert int(energies.argmax()) == 50


def test_a_file_that_is_no_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pretrained.pt").write_bytes(b"text")
    with pytest.raises(WeightsError, match="fetch speaker-encoder again"):
        read_encoder(tmp_path / "pretrained.pt")
