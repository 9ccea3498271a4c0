from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from media.clock import ReplayClock
from media.events.hearing import Caption, Commit, ListeningConfig
from media.events.session import Output
from media.pipeline.interfaces import Samples
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from models.asr.words import RecognizedWord
from tests.media.pipeline.scripted import (
    RATE,
    BlockRecognizer,
    chunks,
    replayed,
    scripted_services,
    silence,
    tone,
)


class CountingFinalPass:
    """Transcribes a turn as one word: its number of loud samples."""

    def transcribe(self, samples: Samples) -> Sequence[RecognizedWord]:
        loud = int((np.abs(samples) > 0.5).sum())
        return [RecognizedWord(f" {loud} samples", 0, len(samples))] if loud else []


async def captions(final: CountingFinalPass | None, limits: Limits) -> list[Caption]:
    sound = np.concatenate([silence(0.5), tone(1.5), silence(1.0), tone(0.7), silence(1.0)])
    out: list[Output] = []

    async def keep(output: Output) -> None:
        out.append(output)

    with scripted_services(final_pass=final) as services:
        source = replayed([ListeningConfig(), *chunks(sound)])
        await run_session(source, keep, services=services, clock=ReplayClock(), limits=limits)
    return [output for output in out if isinstance(output, Caption)]


async def test_the_final_pass_transcribes_the_whole_turn() -> None:
    final = CountingFinalPass()
    found = await captions(final, Limits.replay())
    plain = await captions(None, Limits.replay())
    ends = [caption for caption in found if caption.final]
    assert [caption.text for caption in ends] == [f"{round(1.5 * RATE)} samples", "11200 samples"]
    assert all(caption.stable == len(caption.words) for caption in ends)
    assert [c.text for c in found if not c.final] == [c.text for c in plain if not c.final]
    assert [(c.start, c.end) for c in ends] == [(c.start, c.end) for c in plain if c.final]


async def test_words_of_a_final_pass_lie_in_their_turn() -> None:
    found = await captions(CountingFinalPass(), Limits.replay())
    for caption in found:
        if caption.final:
            (word,) = caption.words
            assert caption.start <= word.start < word.end <= caption.end + 1e-6


class InventingRecognizer(BlockRecognizer):
    """Recognizes a word in each block of 0.2 s, loud or not."""

    def _words(self, samples: Samples, count: int) -> tuple[RecognizedWord, ...]:
        return super()._words(np.ones_like(samples), count)


@pytest.mark.parametrize("lag", [None, 0.01])
async def test_no_word_is_shown_where_the_detector_hears_no_speech(lag: float | None) -> None:
    sound = np.concatenate([silence(3.0), tone(1.0), silence(4.0), tone(1.0), silence(3.0)])
    shown: list[Caption] = []

    async def keep(output: Output) -> None:
        if isinstance(output, Caption):
            shown.append(output)

    with scripted_services(recognizer=InventingRecognizer()) as services:
        source = replayed([ListeningConfig(detection=None), *chunks(sound), Commit()])
        limits = replace(Limits.replay(), max_lag=lag)
        await run_session(source, keep, services=services, clock=ReplayClock(), limits=limits)
    assert shown[-1].final
    assert len(shown[-1].words) >= 10
    for word in (word for caption in shown for word in caption.words):
        assert any(
            word.end > start - 0.6 and word.start < end + 0.6 for start, end in ((3, 4), (8, 9))
        )
