"""With an eagerness, the words decide when a turn is over, and agreement does not interrupt."""

import asyncio
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.clock import ReplayClock
from media.events.answers import Announce, Speech
from media.events.hearing import (
    Backchannel,
    Caption,
    Eagerness,
    ListeningConfig,
    TurnDetection,
    TurnEnded,
    TurnStarted,
)
from media.events.session import Input, Output
from media.pipeline.hearing.patience import LIMITS
from media.pipeline.interfaces import Samples
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from models.asr.words import RecognizedWord, TranscriptUpdate
from tests.media.pipeline.scripted import chunks, replayed, scripted_services, silence, tone

WHOLE, UNFINISHED = "What is on the table?", "I would like to know the"


class SaidRecognizer:
    """Recognizes `text` in whatever is loud, at the end of a turn or at a pause."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.runs = 0

    def init_state(self) -> Samples:
        return np.zeros(0, np.float32)

    def step(
        self, state: Samples, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[Samples, Sequence[TranscriptUpdate]]:
        return np.concatenate([state, chunk]), ()

    def flush(self, state: Samples, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        self.runs += 1
        sound = state if last is None else np.concatenate([state, last])
        loud = np.flatnonzero(np.abs(sound) > 0.5)
        texts = self.text.split() if len(loud) else []
        words = [RecognizedWord(f" {t}", int(loud[0]), int(loud[-1])) for t in texts]
        return [TranscriptUpdate(tuple(words), (), len(sound))]


def listening(eagerness: Eagerness = "auto") -> ListeningConfig:
    return ListeningConfig(detection=TurnDetection(eagerness=eagerness))


async def hear(recognizer: SaidRecognizer, *items: Input) -> list[Output]:
    out: list[Output] = []

    async def keep(output: Output) -> None:
        out.append(output)

    with scripted_services(recognizer=recognizer) as services:
        await run_session(
            replayed(items), keep, services=services, clock=ReplayClock(), limits=Limits.replay()
        )
    return out


def sound(*seconds: float) -> Samples:
    """Return speech and silence by turns."""
    parts = [(silence if n % 2 else tone)(each) for n, each in enumerate(seconds)]
    return np.concatenate(parts)


def turns(out: list[Output]) -> list[TurnEnded]:
    return [each for each in out if isinstance(each, TurnEnded)]


@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
async def test_an_unfinished_sentence_is_waited_for_longer(eagerness: Eagerness) -> None:
    shortest, longest = LIMITS[eagerness]
    pause = (shortest + longest) / 2
    said: list[Input] = [listening(eagerness), *chunks(sound(1, pause, 1, longest + 0.2))]
    assert len(turns(await hear(SaidRecognizer(WHOLE), *said))) == 2
    assert len(turns(await hear(SaidRecognizer(UNFINISHED), *said))) == 1


async def test_silence_alone_decides_without_an_eagerness() -> None:
    said: list[Input] = [ListeningConfig(), *chunks(sound(1, 0.6, 1, 1))]
    for text in (WHOLE, UNFINISHED):
        assert len(turns(await hear(SaidRecognizer(text), *said))) == 2


async def test_what_was_recognized_at_the_pause_is_the_final_caption() -> None:
    recognizer = SaidRecognizer(WHOLE)
    out = await hear(recognizer, listening(), *chunks(sound(1, 3)))
    final = [each for each in out if isinstance(each, Caption) and each.final]
    assert [each.text for each in final] == [WHOLE]
    assert recognizer.runs == 1
    shown = [each for each in out if isinstance(each, Caption) and not each.final]
    assert [each.text for each in shown] == [WHOLE]


async def test_what_is_said_after_a_pause_is_recognized_with_what_came_before() -> None:
    recognizer = SaidRecognizer(UNFINISHED)
    out = await hear(recognizer, listening(), *chunks(sound(1, 0.3, 1, 3)))
    assert recognizer.runs == 2
    (final,) = (each for each in out if isinstance(each, Caption) and each.final)
    assert final.words[0].end == pytest.approx(2.3, abs=0.1)


class SpentState:
    """A state that `flush` spends, as that of ANCAT, unless it is given a copy."""

    def __init__(self, sound: Samples) -> None:
        self.sound = sound
        self.spent = False

    def copy(self) -> "SpentState":
        return SpentState(self.sound)


class SpendingRecognizer(SaidRecognizer):
    """Refuses a state that was spent."""

    def init_state(self) -> SpentState:  # type: ignore[override]  # another state
        return SpentState(super().init_state())

    def step(  # type: ignore[override]  # another state
        self, state: SpentState, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[SpentState, Sequence[TranscriptUpdate]]:
        assert not state.spent
        return SpentState(super().step(state.sound, chunk)[0]), ()

    def flush(  # type: ignore[override]  # another state
        self, state: SpentState, last: Samples | None = None
    ) -> Sequence[TranscriptUpdate]:
        assert not state.spent
        state.spent = True
        return super().flush(state.sound, last)


async def test_a_turn_goes_on_after_its_words_were_asked_for() -> None:
    out = await hear(
        SpendingRecognizer(UNFINISHED), listening(), *chunks(sound(1, 0.3, 1, 0.3, 1, 3))
    )
    (final,) = (each for each in out if isinstance(each, Caption) and each.final)
    assert final.text == UNFINISHED


async def test_the_end_of_the_sound_ends_the_turn_whatever_its_words() -> None:
    (ended,) = turns(await hear(SaidRecognizer(UNFINISHED), listening(), *chunks(sound(1, 0.5))))
    assert ended.end == 1.5


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(
    parts=st.lists(st.floats(0.1, 2.0), min_size=1, max_size=5),
    size=st.integers(100, 9000),
    text=st.sampled_from([WHOLE, UNFINISHED, ""]),
)
def test_any_cutting_of_the_sound_gives_the_same_turns(
    parts: list[float], size: int, text: str
) -> None:
    async def found(size: int) -> tuple[list[Output], list[Output]]:
        out = await hear(SaidRecognizer(text), listening(), *chunks(sound(*parts), size=size))
        captions = [e for e in out if isinstance(e, Caption) and e.final]
        return [e for e in out if not isinstance(e, Caption)], [*captions]

    assert asyncio.run(found(size)) == asyncio.run(found(320))


async def interrupted_by(
    text: str, seconds: float, *, pause: float = 1.5, until: type[Output] | None = None
) -> list[Output]:
    """Return the outputs while somebody says `text` into a long announcement.

    The source ends when an output of the type `until` came.
    """
    out: list[Output] = []
    speaking, came = asyncio.Event(), asyncio.Event()

    async def keep(output: Output) -> None:
        out.append(output)
        if isinstance(output, Speech):
            speaking.set()
        if until is None or isinstance(output, until):
            came.set()

    async def source() -> AsyncIterator[Input]:
        yield listening()
        yield Announce("told", "x" * 500, 0.0, spoken=True)
        await speaking.wait()
        for chunk in chunks(sound(seconds, pause)):
            yield chunk
        await came.wait()

    with scripted_services(recognizer=SaidRecognizer(text)) as services:
        await run_session(source(), keep, services=services, clock=ReplayClock(), limits=Limits())
    return out


def kinds(out: list[Output]) -> set[type]:
    return {type(each) for each in out}


@pytest.mark.parametrize("text", ["Mm-hmm.", "Yeah, okay.", "Right.", "Uh", ""])
async def test_brief_agreement_does_not_interrupt(text: str) -> None:
    out = await interrupted_by(text, 0.6)
    assert not {TurnStarted, TurnEnded, Caption} & kinds(out)
    (told,) = (each for each in out if isinstance(each, Backchannel))
    assert told.text == text
    assert 0 <= told.start < told.end < 1


async def test_a_brief_word_that_is_no_agreement_interrupts_at_its_pause() -> None:
    out = await interrupted_by("Stop!", 0.4)
    assert Backchannel not in kinds(out)
    (started,) = (each for each in out if isinstance(each, TurnStarted))
    assert started.time == 0.0
    assert turns(out)


async def test_speech_that_goes_on_interrupts_once_its_words_are_no_agreement() -> None:
    """It is half a second long, less than what interrupts with any words, and there is no pause."""
    out = await interrupted_by("What was", 0.5, pause=0.0, until=TurnStarted)
    assert TurnStarted in kinds(out)


async def test_longer_speech_interrupts_before_its_pause() -> None:
    out = await interrupted_by("Yeah.", 1.5, pause=0.0)
    first = next(each for each in out if isinstance(each, TurnStarted | TurnEnded))
    assert isinstance(first, TurnStarted)
    assert Backchannel not in kinds(out)
