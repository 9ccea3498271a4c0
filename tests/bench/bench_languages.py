"""Word errors of Whisper base in each language that packages have speech of, and its translations.

    python -m tests.bench.bench_languages --packages FOLDER --languages de fr --live --translate

FOLDER holds unpacked Debian packages: see `language_clips`. Errors are of words, of characters in
languages without spaces; chrF compares translations with the English text. Detection is that of
the first seconds, among all the languages of languages.json.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from models.asr.languages.detection import LanguageDetector
from models.asr.languages.live_translation import EnglishText, LiveTranslation
from models.asr.offline.transcription import transcribe
from models.asr.streaming.local_agreement import LocalAgreement
from models.asr.vad import SileroVad, load_silero
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import WhisperModel, load_whisper
from models.asr.words import RATE, join_words
from tests.bench import language_clips
from tests.bench.language_clips import (
    PICO,
    PROMPTS,
    SENTENCES,
    STAMPS,
    LanguageClip,
    errors,
    normal,
)
from web.config import read_settings
from web.loading.engines import stored_engines

HEARD = (1.0, 2.0, 3.0)  # seconds after which the language is detected
EVERY = 2 * RATE  # samples between translations
CHUNK = RATE // 10

Hear = Callable[[np.ndarray], str]


def sources(folder: Path, language: str, limit: int) -> Iterator[tuple[str, list[LanguageClip]]]:
    """Yield the speech that there is of `language`, with the name of its source."""
    if language in PROMPTS:
        yield "people", language_clips.prompts(folder, language, limit)
    if language in STAMPS and (folder / "usr/share/tuxpaint").is_dir():
        yield "stamps", language_clips.stamps(folder, language, limit)
    if language in PICO:
        yield "pico", list(language_clips.spoken_by_pico(language))[:limit]


def live(recognizer: LocalAgreement) -> Hear:
    def hear(samples: np.ndarray) -> str:
        state, words = recognizer.init_state(), []
        for start in range(0, len(samples), CHUNK):
            state, updates = recognizer.step(state, samples[start : start + CHUNK])
            words += [word for update in updates for word in update.committed]
        last = recognizer.flush(state)
        return join_words([*words, *(word for update in last for word in update.committed)])

    return hear


def row(language: str, clips: Sequence[LanguageClip], hear: Hear) -> str:
    """Return errors, words and CPU-seconds per second of sound."""
    wrong = total = 0
    began = time.process_time()
    for clip in clips:
        more, words = errors(language, clip.text, hear(clip.samples))
        wrong, total = wrong + more, total + words
    cost = (time.process_time() - began) / sum(clip.seconds for clip in clips)
    return f"{100 * wrong / total:5.1f} % of {total:4d}, {cost:.2f} CPU-s/s"


def detected(language: str, clips: Sequence[LanguageClip], detector: LanguageDetector) -> str:
    found = []
    for seconds in HEARD:
        heard = [clip for clip in clips if clip.seconds >= seconds]
        right = [
            detector.detect(c.samples[: round(seconds * RATE)]).code == language for c in heard
        ]
        found.append(f"{seconds:.0f} s {sum(right)}/{len(right)}")
    return ", ".join(found)


def translated(clips: Sequence[LanguageClip], model: LiveTranslation, whole: Hear) -> str:
    """Return chrF of live and whole translations, and words erased per word of the last text."""
    scores: list[float] = []
    erased = final = 0
    began = time.process_time()
    known = [clip for clip in clips if clip.english]
    for clip in known:
        state, shown = model.init_state(), list[str]()
        for start in range(0, len(clip.samples), EVERY):
            state, (now,) = model.step(state, clip.samples[start : start + EVERY])
            erased += _erased(shown, now)
            shown = now.text.split()
        (last,) = model.flush(state)
        final += len(last.text.split())
        scores.append(chrf(clip.english, last.text))
    cost = (time.process_time() - began) / max(1.0, sum(clip.seconds for clip in known))
    plain = [chrf(clip.english, whole(clip.samples)) for clip in known]
    return (
        f"chrF live {np.mean(scores):.1f}, whole {np.mean(plain):.1f} of {len(known)}; erased "
        f"{erased / max(1, final):.2f} words a word, {cost:.2f} CPU-s/s"
    )


def _erased(before: Sequence[str], now: EnglishText) -> int:
    words = now.text.split()
    same = 0
    while same < min(len(before), len(words)) and before[same] == words[same]:
        same += 1
    return len(before) - same


def chrf(reference: str, text: str, order: int = 6, beta: float = 2.0) -> float:
    """Return the F-score of character n-grams, 0 to 100 (Popovic 2015)."""
    wanted, got = normal(reference).replace(" ", ""), normal(text).replace(" ", "")
    scores = []
    for n in range(1, order + 1):
        a = [wanted[i : i + n] for i in range(len(wanted) - n + 1)]
        b = [got[i : i + n] for i in range(len(got) - n + 1)]
        if not a or not b:
            continue
        common = sum(min(a.count(gram), b.count(gram)) for gram in set(a))
        precision, recall = common / len(b), common / len(a)
        both = beta**2 * precision + recall
        scores.append((1 + beta**2) * precision * recall / both if both else 0.0)
    return 100 * float(np.mean(scores)) if scores else 0.0


def whole(model: WhisperModel, detector: SileroVad, config: DecodeConfig) -> Hear:
    return lambda samples: join_words(transcribe(model, detector, samples, config=config))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", type=Path, required=True)
    parser.add_argument("--languages", nargs="+", default=list(SENTENCES))
    parser.add_argument("--limit", type=int, default=40)
    parser.add_argument("--model", default="base")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--translate", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(1)
    settings = read_settings(asr_model=args.model, threads=1)
    with stored_engines(settings) as load_engine:
        model = load_whisper(args.model, settings.weights, load_engine)
    vad = load_silero(settings.weights)
    agreement, which = LocalAgreement(model, vad), LanguageDetector(model, SENTENCES)
    for language in args.languages:
        for source, clips in sources(args.packages, language, args.limit):
            head = f"{language} {source:6} {len(clips):3} clips"
            offline = whole(model, vad, DecodeConfig(language=language))
            print(f"{head} offline   {row(language, clips, offline)}", flush=True)
            if args.live:
                hear = live(agreement.in_language(language))
                print(f"{head} live      {row(language, clips, hear)}", flush=True)
            print(f"{head} detected  {detected(language, clips, which)}", flush=True)
            if args.translate and language != "en":
                english = whole(model, vad, DecodeConfig(language=language, task="translate"))
                found = translated(clips, LiveTranslation(model, vad, language), english)
                print(f"{head} translated {found}", flush=True)


if __name__ == "__main__":
    main()
