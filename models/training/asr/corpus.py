"""Make a corpus of speech: `python -m models.training.asr.corpus FOLDER --hours 10 --seed 1`.

The corpus is a function of text, engines and seed. Each utterance draws from its own number, so the
same command resumes, and a longer corpus starts with the shorter one.
"""

import argparse
import json
import logging
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile

from models.asr.words import RATE
from models.errors import ModelError
from models.training.asr.text import Sentence, fortunes, utterances, wordnet
from models.training.asr.voices import ENGINES, Speak, SynthesizedSpeech

logger = logging.getLogger(__name__)

SHARES = {"hibari": 0.55, "pico": 0.25, "flite": 0.2}
LONGEST = 24  # seconds: with pauses it still fits into the model's window
PEAK = 0.9


def plan(
    books: Sequence[Sentence], shares: dict[str, float], seed: int
) -> Iterator[tuple[int, str, tuple[Sentence, ...]]]:
    """Yield (number, engine, sentences) without end."""
    rng = np.random.default_rng(seed)
    names, odds = list(shares), np.array(list(shares.values()))
    for number, sentences in enumerate(utterances(books, rng)):
        yield number, names[rng.choice(len(names), p=odds / odds.sum())], sentences


def make(
    folder: Path,
    books: Sequence[Sentence],
    shares: dict[str, float],
    *,
    seconds: float,
    seed: int,
) -> float:
    """Add utterances to `folder` until it holds `seconds` of sound, and return how many it does.

    Raises:
        ModelError: an engine is missing.
        ValueError: the folder has a corpus of another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _same_recipe(folder / "recipe.json", {"shares": shares, "seed": seed, "sentences": len(books)})
    manifest = folder / "manifest.jsonl"
    lines = manifest.read_text().splitlines() if manifest.exists() else []
    done = [json.loads(line) for line in lines]
    total = float(sum(entry["seconds"] for entry in done))
    after = done[-1]["number"] + 1 if done else 0
    engines = {name: ENGINES[name]() for name in shares}
    with manifest.open("a") as out:
        for number, engine, sentences in islice(plan(books, shares, seed), after, None):
            if total >= seconds:
                break
            entry = _say(folder, number, engine, engines[engine], sentences, seed)
            if entry:
                out.write(json.dumps(entry) + "\n")
                out.flush()
                total += float(str(entry["seconds"]))
                if number % 100 == 0:
                    logger.info("%.2f h", total / 3600)
    return total


def _say(
    folder: Path, number: int, engine: str, speak: Speak, sentences: tuple[Sentence, ...], seed: int
) -> dict[str, object] | None:
    """Write one utterance and return its line of the manifest; None if it came out unusable."""
    text = " ".join(sentence.text for sentence in sentences)
    spoken = speak(text, np.random.default_rng([seed, number]))
    if not usable(spoken, text):
        logger.warning("%s said %r in %d samples", engine, text, len(spoken.samples))
        return None
    path = f"{engine}/{number // 1000:03d}/{number:06d}.flac"
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    peak = float(np.abs(spoken.samples).max())
    soundfile.write(folder / path, spoken.samples * (PEAK / peak), RATE, subtype="PCM_16")
    return {
        "path": path,
        "number": number,
        "text": text,
        "source": sorted({sentence.source for sentence in sentences}),
        "licence": sorted({sentence.licence for sentence in sentences}),
        "engine": engine,
        "voice": spoken.voice,
        "params": spoken.drawn,
        "seconds": round(len(spoken.samples) / RATE, 3),
    }


def usable(spoken: SynthesizedSpeech, text: str) -> bool:
    """Return whether the sound can be `text`: loud enough, and of a plausible length."""
    seconds, letters = len(spoken.samples) / RATE, len(text)
    if not 0.5 < seconds < LONGEST or float(np.abs(spoken.samples).max()) < 0.01:
        return False
    return 6 < letters / seconds < 30


def _same_recipe(file: Path, recipe: dict[str, object]) -> None:
    if not file.exists():
        file.write_text(json.dumps(recipe, indent=1) + "\n")
    elif json.loads(file.read_text()) != recipe:
        raise ValueError(f"{file.parent} holds a corpus of another recipe; take an empty folder")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"))
    parser.add_argument("--fortunes", type=Path, default=Path("/usr/share/games/fortunes"))
    parser.add_argument("--engines", nargs="*", default=list(SHARES), choices=list(ENGINES))
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    for package, place in (("wordnet-base", given.wordnet), ("fortunes", given.fortunes)):
        if not place.is_dir():
            parser.error(f"{place} is missing: apt install {package}, or give its path")
    books = [*wordnet(given.wordnet), *fortunes(given.fortunes)]
    shares = {name: SHARES.get(name, 1.0) for name in given.engines}
    try:
        total = make(given.folder, books, shares, seconds=given.hours * 3600, seed=given.seed)
    except ModelError as error:
        parser.error(str(error))
    logger.info("%.2f h in %s", total / 3600, given.folder)


if __name__ == "__main__":
    main()
