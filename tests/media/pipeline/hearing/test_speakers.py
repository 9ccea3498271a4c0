"""Sessions in which several people speak: voices are levels of sound, each word is 0.2 s of it."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from media.clock import ReplayClock
from media.events.answers import Answer, Question
from media.events.hearing import Caption, ListeningConfig
from media.events.session import Input, Output
from media.events.speakers import NameSpeaker, Speakers
from media.pipeline.interfaces import Samples
from media.pipeline.limits import Limits
from media.pipeline.models.services import Services
from media.pipeline.session import run_session
from models.asr.words import RecognizedWord, TranscriptUpdate
from models.speakers.tracker import SpeakerTracker
from tests.media.pipeline.scripted import chunks, scripted_services, silence
from tests.models.speakers.made_up_voices import LevelEncoder

ANNA, BOB = 0.6, 0.7


class ScriptedWords:
    """Recognizes each turn as the next of `turns`, its words evenly over the loud sound."""

    def __init__(self, *turns: str) -> None:
        self._turns = list(turns)

    def init_state(self) -> Samples:
        return silence(0)

    def step(
        self, state: Samples, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[Samples, Sequence[TranscriptUpdate]]:
        return np.concatenate([state, chunk]), []

    def flush(self, state: Samples, last: Samples | None = None) -> Sequence[TranscriptUpdate]:
        samples = state if last is None else np.concatenate([state, last])
        loud = np.flatnonzero(samples)
        words = self._turns.pop(0).split()
        edges = np.linspace(loud[0], loud[-1], len(words) + 1).astype(int).tolist()
        placed = [
            RecognizedWord(f" {word}", start, end)
            for word, (start, end) in zip(words, pairwise(edges), strict=True)
        ]
        return [TranscriptUpdate(tuple(placed), (), len(samples))]


@pytest.fixture
def services() -> Iterator[Services]:
    with scripted_services(speakers=SpeakerTracker(LevelEncoder())) as started:
        yield started


def speech(*parts: tuple[float, float]) -> Samples:
    """Return sound at each level for so many seconds, with a second of silence after each."""
    sound = [silence(1)]
    for level, seconds in parts:
        sound += [np.full(round(seconds * 16_000), level, np.float32), silence(1)]
    return np.concatenate(sound)


async def session(
    items: Sequence[Input], services: Services, *, later: Sequence[Input] = (), turns: int = 0
) -> list[Output]:
    """Return what a session of `items` sends; `later` comes when `turns` have final captions."""
    out: list[Output] = []
    captioned = asyncio.Event()

    async def send(output: Output) -> None:
        out.append(output)
        if later and len(finals(out)) == turns:
            captioned.set()

    async def source() -> AsyncIterator[Input]:
        for item in items:
            yield item
        if later:
            await captioned.wait()
        for item in later:
            yield item

    await run_session(
        source(), send, services=services, clock=ReplayClock(), limits=Limits.replay()
    )
    return out


def finals(out: Sequence[Output]) -> list[Caption]:
    return [each for each in out if isinstance(each, Caption) and each.final]


def said_by(caption: Caption) -> set[int]:
    return {word.speaker for word in caption.words}


def answers(out: Sequence[Output]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for each in out:
        if isinstance(each, Answer):
            texts[each.id] = texts.get(each.id, "") + each.text
    return texts


async def test_words_have_the_number_of_who_says_them(services: Services) -> None:
    out = await session(chunks(speech((ANNA, 3), (BOB, 3), (ANNA, 2))), services)
    assert [said_by(caption) for caption in finals(out)] == [{0}, {2}, {1}], "alone first"
    (told,) = [each for each in out if isinstance(each, Speakers)]
    assert told.names == ((1, "speaker 1"), (2, "speaker 2"))
    assert out.index(told) < out.index(finals(out)[1]), "names come before the captions"


async def test_two_who_speak_in_one_turn_are_told_apart(services: Services) -> None:
    sound = np.concatenate([speech((ANNA, 3))[:-16_000], silence(0.3), speech((BOB, 3))[16_000:]])
    (caption,) = finals(await session(chunks(sound), services))
    numbers = [word.speaker for word in caption.words]
    assert sorted(numbers) == numbers
    assert set(numbers) == {1, 2}
    change = next(n for n, (a, b) in enumerate(pairwise(numbers)) if a != b)
    assert caption.words[change].end <= 4.3 <= caption.words[change + 1].end + 0.2


async def test_one_person_who_speaks_alone_is_not_announced(services: Services) -> None:
    out = await session(chunks(speech((ANNA, 3), (ANNA, 3))), services)
    assert not [each for each in out if isinstance(each, Speakers)]


async def test_a_short_turn_waits_for_more_of_its_voice_and_is_corrected_then(
    services: Services,
) -> None:
    out = await session(chunks(speech((ANNA, 3), (BOB, 1.2), (BOB, 2.4))), services)
    first, short, later = finals(out)
    assert (said_by(first), said_by(short), said_by(later)) == ({0}, {0}, {2})
    told = [each for output in out if isinstance(output, Speakers) for each in output.corrected]
    assert [(each.turn, set(each.speakers)) for each in told] == [(short.turn, {2})]


async def test_a_name_that_a_client_gives_is_told_and_can_be_taken_back(
    services: Services,
) -> None:
    talk = chunks(speech((ANNA, 3), (BOB, 3)))
    given = [NameSpeaker(2, "Bob"), NameSpeaker(2, "")]
    out = await session(talk, services, later=given, turns=2)
    names = [dict(each.names)[2] for each in out if isinstance(each, Speakers)]
    assert names == ["speaker 2", "Bob", "speaker 2"]


async def test_a_name_is_not_kept_for_another_voice_while_labels_were_off(
    services: Services,
) -> None:
    talk = chunks(speech((ANNA, 3), (BOB, 3)))
    again = [replace(each, start=each.start + talk[-1].end) for each in talk]
    off, on = ListeningConfig(speakers=False), ListeningConfig()
    named: list[Input] = [*talk, NameSpeaker(1, "Anna"), off, *again, on]
    last = [replace(each, start=each.start + again[-1].end) for each in talk]
    out = await session([*named, *last], services)
    told = [each.names for each in out if isinstance(each, Speakers)]
    assert ((1, "Anna"), (2, "speaker 2")) in told
    assert told[-2:] == [(), ((1, "speaker 1"), (2, "speaker 2"))]


async def test_without_the_wish_for_speakers_no_voice_is_known() -> None:
    class Refusing(LevelEncoder):
        def embed(self, windows: Samples) -> Samples:
            raise AssertionError("a voice was looked at")

    with scripted_services(speakers=SpeakerTracker(Refusing())) as services:
        off = ListeningConfig(speakers=False)
        out = await session([off, *chunks(speech((ANNA, 3), (BOB, 3)))], services)
    assert [said_by(caption) for caption in finals(out)] == [{0}, {0}]


async def test_without_a_model_captions_are_as_they_were() -> None:
    with scripted_services() as services:
        out = await session(chunks(speech((ANNA, 2), (BOB, 2))), services)
    assert [said_by(caption) for caption in finals(out)] == [{0}, {0}]


async def test_who_introduces_himself_is_called_so_and_can_be_asked_about() -> None:
    recognizer = ScriptedWords(
        "My name is Anna. Where is the red cup?", "I'm Bob. It is on the table, as ever.", "Fine."
    )
    tracker = SpeakerTracker(LevelEncoder())
    with scripted_services(speakers=tracker, recognizer=recognizer) as services:
        talk = chunks(speech((ANNA, 3), (BOB, 3), (ANNA, 1)))
        questions = [
            Question("about", "What did Anna say about the cup?", 12.0),
            Question("count", "How many people spoke?", 12.0),
            Question("rename", "Speaker 2 is Robert", 12.0),
            Question("who", "Who said that it is on the table?", 12.0),
            Question("nobody", "What did Carla say?", 12.0),
            Question("other", "What do you see?", 12.0),
        ]
        out = await session(talk, services, later=questions, turns=3)
    assert ((1, "Anna"), (2, "Bob")) in [each.names for each in out if isinstance(each, Speakers)]
    told = answers(out)
    assert told["about"].startswith("Anna said “My name is Anna. Where is the red cup?” at 0:0")
    assert told["count"] == "Two people spoke: Anna and Bob."
    assert told["rename"] == "Speaker 2 is Robert now."
    assert told["who"].startswith("Robert said at 0:0")
    assert "nobody called Carla" in told["nobody"]
    assert "said" not in told["other"], "that is left to the assistant"
