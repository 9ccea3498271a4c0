from collections.abc import Sequence

import numpy as np

from media.clock import ReplayClock
from media.events import Caption, ListeningConfig, Output
from media.pipeline.interfaces import Samples
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from models.asr.words import RecognizedWord
from tests.media.pipeline.scripted import RATE, chunks, replayed, scripted_services, silence, tone


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
