"""Voices of the corpus: small synthesizers from packages, each with random variations.

Every engine returns mono float32 at 16 kHz, the voice's name, and its drawn parameters; the same
text, engine and seed give the same sound. Only hibari's plain voice is used at run time too.
"""

import importlib
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from models.asr.whisper.mel import Samples
from models.asr.words import RATE
from models.errors import ModelError

Rng = np.random.Generator


@dataclass(frozen=True, slots=True, eq=False)
class SynthesizedSpeech:
    """`samples` are float32 (n,) at 16 kHz; `drawn` are the varied parameters."""

    samples: Samples
    voice: str
    drawn: Mapping[str, str | float]


Speak = Callable[[str, Rng], SynthesizedSpeech]


def hibari() -> Speak:
    """hibari-tts (Apache-2.0): one voice, with varied pitch and vocal tract."""
    engine: Any = importlib.import_module("hibari").Hibari()
    dsp: Any = importlib.import_module("hibari.dsp")

    def speak(text: str, rng: Rng) -> SynthesizedSpeech:
        pitch, tract, speed = rng.uniform(0.5, 1.2), rng.uniform(0.88, 1.18), rng.uniform(0.8, 1.35)
        parts = []
        for phonemes in engine.phonemize(text):
            feeds = {
                "ids": np.asarray([engine.ids(phonemes)], np.int64),
                "speed": np.asarray([speed], np.float32),
            }
            *spectra, melody = (out[0] for out in engine.sess.run(None, feeds))
            parts.append(dsp.synth(*(_warped(s, tract) for s in spectra), melody * pitch, rng))
        samples = np.concatenate(parts) if parts else np.zeros(0, np.float32)
        drawn = {"pitch": round(pitch, 3), "tract": round(tract, 3), "speed": round(speed, 3)}
        name = f"hibari-{pitch:.1f}-{tract:.1f}"
        return SynthesizedSpeech(resample(samples, RATE / engine.sample_rate), name, drawn)

    return speak


def _warped(spectrum: NDArray[np.float32], factor: float) -> NDArray[np.float32]:
    """Stretch (bins, frames) along frequency: a shorter vocal tract resonates higher."""
    bins = len(spectrum)
    place = np.minimum(np.arange(bins) / factor, bins - 1)
    low = place.astype(int)
    high = np.minimum(low + 1, bins - 1)
    share = (place - low)[:, None].astype(np.float32)
    warped: NDArray[np.float32] = spectrum[low] * (1 - share) + spectrum[high] * share
    return warped


def pico() -> Speak:
    """Pico through py-nanotts (Apache-2.0): an American and a British voice."""
    engine: Any = importlib.import_module("py_nanotts").NanoTTS()

    def speak(text: str, rng: Rng) -> SynthesizedSpeech:
        accent = ("en-US", "en-GB")[rng.integers(2)]
        shift, pitch = rng.uniform(0.82, 1.15), rng.uniform(0.9, 1.1)
        speed = rng.uniform(0.85, 1.25)
        sound = engine.speak(text, voice=accent, speed=speed / shift, pitch=pitch)
        samples = np.frombuffer(sound, np.int16).astype(np.float32) / 32768
        drawn = {"speed": round(speed, 3), "pitch": round(pitch, 3), "shift": round(shift, 3)}
        return SynthesizedSpeech(resample(samples, 1 / shift), f"pico-{accent}-{shift:.1f}", drawn)

    return speak


def flite(program: str = "flite") -> Speak:
    """Flite (BSD-like): five American voices."""

    def speak(text: str, rng: Rng) -> SynthesizedSpeech:
        voice = ("slt", "rms", "awb", "kal16", "kal")[rng.integers(5)]
        shift, stretch = rng.uniform(0.85, 1.15), rng.uniform(0.8, 1.15)
        setting = f"duration_stretch={stretch * shift:.3f}"
        command = [program, "-voice", voice, "--setf", setting, "-t", text, "-o"]
        samples = _synthesize_to_file(command)
        drawn = {"stretch": round(stretch, 3), "shift": round(shift, 3)}
        return SynthesizedSpeech(resample(samples, 1 / shift), f"flite-{voice}-{shift:.1f}", drawn)

    return speak


def festival(program: str = "text2wave") -> Speak:
    """Festival with the voice slt (HTS): held out, to measure generalization."""

    def speak(text: str, rng: Rng) -> SynthesizedSpeech:
        stretch = rng.uniform(0.85, 1.15)
        setting = f"(Parameter.set 'Duration_Stretch {stretch:.3f})"
        command = [program, "-eval", "(voice_cmu_us_slt_arctic_hts)", "-eval", setting, "-o"]
        return SynthesizedSpeech(
            _synthesize_to_file(command, text), "festival-slt", {"stretch": round(stretch, 3)}
        )

    return speak


ENGINES: dict[str, Callable[[], Speak]] = {
    "hibari": hibari,
    "pico": pico,
    "flite": flite,
    "festival": festival,
}


def resample(samples: NDArray[np.floating[Any]], factor: float) -> Samples:
    """Return `samples` resampled to `factor` times as many samples."""
    count = round(len(samples) * factor)
    if not count:
        return np.zeros(0, np.float32)
    spectrum = np.fft.rfft(samples)
    kept = np.zeros(count // 2 + 1, spectrum.dtype)
    shared = min(len(kept), len(spectrum))
    kept[:shared] = spectrum[:shared]
    return (np.fft.irfft(kept, count) * (count / len(samples))).astype(np.float32)


def _synthesize_to_file(command: list[str], text: str | None = None) -> Samples:
    """Run a synthesizer that writes the file in its last argument, and return the sound.

    Raises:
        ModelError: the program is missing, or failed.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "said.wav"
        try:
            subprocess.run([*command, str(file)], input=text, text=True, check=True, timeout=60)
        except FileNotFoundError as error:
            raise ModelError(f"{command[0]} is not installed: apt install it") from error
        except subprocess.SubprocessError as error:
            raise ModelError(f"{command[0]} failed on {text or command}") from error
        samples, rate = soundfile.read(file, dtype="float32")
    return resample(samples, RATE / rate)
