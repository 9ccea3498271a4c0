"""How many questions in other languages ask for the same as their English: typed, and spoken.

    python -m tests.bench.bench_foreign_questions --spoken --questions FILE

Spoken ones are said by the voices of Pico (PyPI py-nanotts), heard by base as a whole turn, and
read by the phrasebook; what it does not know is translated by Whisper, as in a session.
"""

import argparse
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from models.asr.languages.live_translation import LiveTranslation
from models.asr.offline.transcription import transcribe
from models.asr.vad import load_silero
from models.asr.whisper.decode import DecodeConfig
from models.asr.whisper.loading import load_whisper
from models.asr.words import RATE, join_words
from models.assistant.phrasebook.questions import in_english, read_foreign
from models.assistant.requests.parsing import parse_request
from models.assistant.understanding.kinds import analyze
from models.speech.pico import PicoSynthesizer
from web.config import read_settings
from web.loading.engines import stored_engines

Said = Callable[[str, str], tuple[str, str]]  # language and text to what was heard, and English


def same(english: str, reference: str) -> bool:
    """Return whether two English questions ask for the same."""
    return (analyze(english)[0], analyze(english)[2], parse_request(english)) == (
        analyze(reference)[0],
        analyze(reference)[2],
        parse_request(reference),
    )


def typed(language: str, text: str) -> tuple[str, str]:
    del language
    return text, in_english(text)


def spoken() -> Said:
    """Return what says a text with Pico and hears it as a session does."""
    torch.set_num_threads(1)
    settings = read_settings(asr_model="base", threads=1)
    with stored_engines(settings) as load_engine:
        model = load_whisper("base", settings.weights, load_engine)
    vad = load_silero(settings.weights)

    def said(language: str, text: str) -> tuple[str, str]:
        silence = np.zeros(RATE // 4, np.float32)
        sound = np.concatenate([silence, PicoSynthesizer(language).synthesize(text), silence])
        heard = transcribe(model, vad, sound, config=DecodeConfig(language=language))
        words = join_words(heard).strip()
        found = read_foreign(words, (language,))
        if found is not None:
            return words, found.english
        translator = LiveTranslation(model, vad, language)
        (english,) = translator.flush(translator.init_state(), sound)
        return words, f"{english.text} (Whisper)"

    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    default = Path(__file__).parent / "foreign_questions.txt"
    parser.add_argument("--questions", type=Path, default=default)
    parser.add_argument("--spoken", action="store_true")
    args = parser.parse_args()
    ask = spoken() if args.spoken else typed
    right, total = Counter[str](), Counter[str]()
    for line in args.questions.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            continue
        language, text, reference = line.split("\t")
        heard, english = ask(language, text)
        total[language] += 1
        if same(english.removesuffix(" (Whisper)"), reference):
            right[language] += 1
        else:
            print(f"{language}: {text} -> {heard} -> {english}; expected {reference}")
    for language, count in total.items():
        print(f"{language}: {right[language]} of {count}")
    print(f"all: {right.total()} of {total.total()}")


if __name__ == "__main__":
    main()
