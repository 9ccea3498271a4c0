"""Utterances of one or more corpora, packed into one file of samples.

A corpus is a folder with a manifest.jsonl, one JSON object a line: path, text, engine, voice.
Packing decodes each sound once; training then reads parts of it without decoding.
"""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.asr.whisper.mel import Samples
from models.asr.words import RATE

SOUND = "clips.i16"
INDEX = "clips.jsonl"


@dataclass(frozen=True, slots=True)
class SpeechClip:
    """One utterance; `start` and `count` are samples in the packed file."""

    path: str
    text: str
    engine: str
    voice: str
    start: int
    count: int


@dataclass(frozen=True, slots=True, eq=False)
class SpeechClips:
    """Packed utterances; `sound` is int16 (all samples,) at 16 kHz, mapped from disk."""

    folder: Path
    all: tuple[SpeechClip, ...]
    sound: NDArray[np.int16]

    def samples(self, clip: SpeechClip) -> Samples:
        """Return float32 (count,) in [-1, 1]."""
        part = self.sound[clip.start : clip.start + clip.count]
        return part.astype(np.float32) / 32768.0


def pack_clips(corpora: Iterable[Path], folder: Path, progress: Callable[[str], None]) -> None:
    """Decode every utterance of `corpora` into `folder`; skip those it already has.

    Raises:
        ValueError: a sound is not mono at 16 kHz.
    """
    folder.mkdir(parents=True, exist_ok=True)
    index, sound = folder / INDEX, folder / SOUND
    known = {clip.path for clip in _index(index)}
    position = sum(clip.count for clip in _index(index))
    with sound.open("r+b" if sound.exists() else "wb") as samples, index.open("a") as lines:
        samples.truncate(2 * position)
        samples.seek(2 * position)
        for corpus in corpora:
            for line in (corpus / "manifest.jsonl").read_text().splitlines():
                entry = json.loads(line)
                path = str(corpus.resolve() / entry["path"])
                if path in known:
                    continue
                heard = read_sound(Path(path))
                samples.write(heard.tobytes())
                samples.flush()
                clip = SpeechClip(
                    path, entry["text"], entry["engine"], entry["voice"], position, len(heard)
                )
                lines.write(json.dumps(asdict(clip)) + "\n")
                position += len(heard)
            progress(f"{corpus}: {position / RATE / 3600:.2f} h packed")


def load_clips(folder: Path) -> SpeechClips:
    """Return the clips packed into `folder`.

    Raises:
        ValueError: there are none.
    """
    clips = tuple(_index(folder / INDEX))
    if not clips:
        raise ValueError(f"{folder}: no clips there; pack a corpus first")
    return SpeechClips(folder, clips, np.memmap(folder / SOUND, np.int16, "r"))


def _index(file: Path) -> list[SpeechClip]:
    if not file.exists():
        return []
    return [SpeechClip(**json.loads(line)) for line in file.read_text().splitlines()]


def read_sound(path: Path) -> NDArray[np.int16]:
    """Return the samples of a mono file at 16 kHz, int16 (n,)."""
    heard, rate = soundfile.read(path, dtype="int16")
    if rate != RATE or heard.ndim != 1:
        raise ValueError(f"{path}: expected mono sound at {RATE} Hz, got {heard.shape} at {rate}")
    samples: NDArray[np.int16] = heard
    return samples
