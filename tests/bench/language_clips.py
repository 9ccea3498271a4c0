"""Speech in many languages with its text, from packages: people where there are, else voices.

- Debian asterisk-core-sounds-LANGUAGE-g722 with asterisk-core-sounds-LANGUAGE (es, fr, it, ru):
  prompts of a telephone exchange, unpacked into one folder by `dpkg-deb -x`; the English text of a
  prompt with the same name is its translation.
- Debian tuxpaint-stamps-default (bg, ca, da, el, ro, ru), unpacked likewise: people name what a
  picture shows, in a few words.
- PyPI py-nanotts: the Pico voices (de, es, fr, it) say the sentences of languages.json.

A formant synthesizer (espeak-ng) tells nothing: base hears half of its German words wrong.
"""

import gzip
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jiwer
import numpy as np
from numpy.typing import NDArray

from media.files.decoding import decode_audio
from models.asr.whisper.tokenizer import UNSPACED
from models.asr.words import RATE

SENTENCES: dict[str, list[str]] = json.loads((Path(__file__).parent / "languages.json").read_text())
PROMPTS = {
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
    "en": "en_US_f_Allison",
}
PICO = {"de": "de-DE", "es": "es-ES", "fr": "fr-FR", "it": "it-IT", "en": "en-GB"}
STAMPS = ("bg", "ca", "da", "el", "ro", "ru")
MIN_STAMP_WORDS = 3
MIN_WORDS = 4
SECONDS = (1.5, 20.0)  # of a prompt: shorter ones are parts of sentences


@dataclass(frozen=True)
class LanguageClip:
    """Speech, its text, and the English text if that is known."""

    name: str
    samples: NDArray[np.float32]
    text: str
    english: str = ""

    @property
    def seconds(self) -> float:
        return len(self.samples) / RATE


def prompts(folder: Path, language: str, limit: int) -> list[LanguageClip]:
    """Return `limit` prompts of sentences, evenly from all that fit."""
    sounds = folder / "usr/share/asterisk/sounds"
    texts, english = _texts(folder, language), _texts(folder, "en")
    found = []
    for name, text in sorted(texts.items()):
        file = sounds / PROMPTS[language] / f"{name}.g722"
        words = normal(text).split()
        if not file.is_file() or len(words) < MIN_WORDS or re.search(r"\d|\?\w|\ufffd", text):
            continue
        seconds = file.stat().st_size / 8000  # 64 kbit/s
        if SECONDS[0] <= seconds <= SECONDS[1]:
            found.append((file, text, english.get(name, "")))
    chosen = found[:: max(1, len(found) // limit)][:limit]
    return [LanguageClip(file.stem, read_sound(file), text, en) for file, text, en in chosen]


def stamps(folder: Path, language: str, limit: int) -> list[LanguageClip]:
    """Return `limit` descriptions of pictures of at least three words, evenly from all."""
    found = []
    for file in sorted((folder / "usr/share/tuxpaint/stamps").rglob(f"*_desc_{language}.ogg")):
        texts = file.with_name(file.name.replace(f"_desc_{language}.ogg", ".txt"))
        lines = texts.read_text(encoding="utf-8").splitlines() if texts.is_file() else []
        text = next((line for line in lines if line.startswith(f"{language}.utf8=")), "")
        text = text.partition("=")[2].strip()
        if len(normal(text).split()) >= MIN_STAMP_WORDS:
            found.append((file, text))
    chosen = found[:: max(1, len(found) // limit)][:limit]
    return [LanguageClip(file.stem, read_sound(file), text) for file, text in chosen]


@cache
def _texts(folder: Path, language: str) -> dict[str, str]:
    """Return the text of each prompt by its name."""
    place = f"usr/share/doc/asterisk-core-sounds-{language}/core-sounds-{language}.txt.gz"
    found = {}
    lines = gzip.decompress((folder / place).read_bytes()).decode(errors="replace").splitlines()
    for line in lines:
        name, colon, text = line.strip().partition(":")
        if colon and not name.startswith(";"):
            found[name.strip()] = text.strip().removeprefix(f"{name}:").strip(' "\u201c\u201d')
    return found


def spoken_by_pico(language: str) -> Iterator[LanguageClip]:
    """Yield the sentences of `language` as Pico says them."""
    from py_nanotts import NanoTTS  # type: ignore[import-not-found]  # of the extra voices

    for number, text in enumerate(SENTENCES[language]):
        pcm = NanoTTS().speak(text, voice=PICO[language])
        samples = np.frombuffer(pcm, np.int16).astype(np.float32) / np.float32(32768)
        yield LanguageClip(f"pico-{number}", _padded(samples), text, SENTENCES["en"][number])


def read_sound(file: Path) -> NDArray[np.float32]:
    """Return the sound of `file`, mono at 16 kHz."""
    return np.concatenate(list(decode_audio(file, max_duration=60.0)))


def _padded(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return `samples` with a quarter of a second of silence around them."""
    return np.pad(samples, RATE // 4)


def normal(text: str) -> str:
    """Return `text` in lower case, without punctuation and accents that are often left out."""
    text = unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")
    kept = (letter if unicodedata.category(letter)[0] in "LNM" else " " for letter in text)
    return " ".join("".join(kept).split())


def errors(language: str, reference: str, heard: str) -> tuple[int, int]:
    """Return errors and length of the reference: in words, or in characters without spaces."""
    wanted, got = normal(reference), normal(heard)
    if language in UNSPACED:
        wanted, got = " ".join(wanted.replace(" ", "")), " ".join(got.replace(" ", ""))
    if not got:
        return len(wanted.split()), len(wanted.split())
    found = jiwer.process_words(wanted, got)
    return found.substitutions + found.deletions + found.insertions, len(wanted.split())
