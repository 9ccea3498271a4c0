"""Word errors of a recognizer: substitutions, deletions and insertions.

`python -m models.training.asr.scoring` streams a manifest's sounds through a causal model.
"""

import argparse
import json
import logging
import resource
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import jiwer
import numpy as np
import torch
from whisper_normalizer.english import EnglishTextNormalizer

from models import lora
from models.asr.offline.transcription import transcribe
from models.asr.streaming.causal_loading import CausalModel, make_causal
from models.asr.streaming.causal_stream import CausalStream, CausalStreamConfig
from models.asr.vad import load_silero
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel, load_whisper
from models.asr.whisper.mel import Samples
from models.asr.words import RATE, TranscriptUpdate, join_words
from models.training.asr.clips import read_sound

logger = logging.getLogger(__name__)
NORMAL = EnglishTextNormalizer()


@dataclass(frozen=True, slots=True)
class WordErrors:
    """Word errors by kind; `words` are those of the reference."""

    words: int = 0
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        return self.substitutions + self.deletions + self.insertions

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    def __str__(self) -> str:
        if not self.words:
            return f"{self.insertions} words without speech"
        share = [100 * n / self.words for n in (self.errors, *self.split)]
        return "WER {:.1f} % (S {:.1f}, D {:.1f}, I {:.1f})".format(*share)

    @property
    def split(self) -> tuple[int, int, int]:
        return self.substitutions, self.deletions, self.insertions


def score(reference: str, heard: str) -> WordErrors:
    """Compare two texts after Whisper's normalization of case, punctuation and spelling."""
    wanted, got = NORMAL(reference), NORMAL(heard)
    if not wanted:
        return WordErrors(insertions=len(got.split()))
    counts = jiwer.process_words(wanted, got)
    return WordErrors(
        len(wanted.split()), counts.substitutions, counts.deletions, counts.insertions
    )


def stream(model: CausalStream, samples: Samples) -> list[TranscriptUpdate]:
    """Stream `samples` in chunks of 100 ms, and half a second of silence after them."""
    padded = np.pad(samples, (0, RATE // 2)).astype(np.float32)
    state, heard = model.init_state(), list[TranscriptUpdate]()
    for start in range(0, len(padded), RATE // 10):
        state, news = model.step(state, padded[start : start + RATE // 10])
        heard += news
    return [*heard, *model.flush(state)]


def score_stream(model: CausalStream, pairs: Iterable[tuple[Samples, str]]) -> WordErrors:
    """Return the score of streaming each sound of `pairs` against its text."""
    total = WordErrors()
    for samples, text in pairs:
        heard = stream(model, samples)
        total += score(text, join_words([word for news in heard for word in news.committed]))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("manifest", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--model", default="tiny.en")
    parser.add_argument("--adapter", type=Path, help="none scores the model offline")
    parser.add_argument("--chunk", type=int, nargs="*", default=[15, 50], help="in 20 ms")
    parser.add_argument("--engines", nargs="*", help="only these; default all")
    parser.add_argument("--patience", type=float, default=0.0)
    parser.add_argument("--most", type=int, default=10_000, help="clips of each group")
    parser.add_argument("--verbose", action="store_true")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.set_num_threads(1)
    recognizer = load_whisper(given.model, given.weights)
    causal = make_causal(recognizer, adapter=given.adapter) if given.adapter else None
    if given.adapter:
        logger.info("%s", lora.read(given.adapter).notes)
    for chunk in given.chunk if causal else [0]:
        transcribe_clip = (
            _streaming(causal, chunk, given.patience)
            if causal
            else _offline(recognizer, given.weights)
        )
        used = _cpu()
        for group, entries in _groups(given.manifest, given.engines, given.most).items():
            total, seconds = WordErrors(), 0.0
            for entry in entries:
                samples = _sound(given.manifest.parent / entry["path"])
                transcript = transcribe_clip(samples)
                total += (one := score(entry["text"], transcript))
                seconds += len(samples) / RATE
                if given.verbose and one.errors:
                    logger.info(
                        "  %s\n    wanted %s\n    heard  %s", one, entry["text"], transcript
                    )
            used, before = _cpu(), used
            note = {"chunk": chunk, "group": group, "clips": len(entries), **asdict(total)}
            cost = (used - before) / seconds
            logger.info("%s %s, %.2f CPU s a second", json.dumps(note), total, cost)


def _sound(path: Path) -> Samples:
    return read_sound(path).astype(np.float32) / np.float32(32768)


def _offline(recognizer: WhisperModel, weights: Path) -> Callable[[Samples], str]:
    detector, config = load_silero(weights), DecodeConfig(beam=1, language="en")
    return lambda samples: join_words(transcribe(recognizer, detector, samples, config=config))


def _streaming(recognizer: CausalModel, chunk: int, end_bias: float) -> Callable[[Samples], str]:
    model = CausalStream(recognizer, CausalStreamConfig(chunk=chunk, end_bias=end_bias))
    return lambda samples: join_words(
        [word for news in stream(model, samples) for word in news.committed]
    )


def _groups(
    manifest: Path, engines: list[str] | None, most: int
) -> dict[str, list[dict[str, str]]]:
    groups: dict[str, list[dict[str, str]]] = {}
    for line in manifest.read_text().splitlines():
        entry = json.loads(line)
        group = entry.get("engine") or entry.get("kind")
        if engines is None or group in engines:
            groups.setdefault(group, []).append(entry)
    return {name: entries[:most] for name, entries in groups.items()}


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
