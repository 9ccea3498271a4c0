"""Turns in several languages, through a whole session."""

import numpy as np
import pytest

from media.clock import ReplayClock
from media.events.hearing import (
    Caption,
    HearingNotice,
    LanguageDetected,
    ListeningConfig,
    Translation,
)
from media.events.session import Input, Output
from media.events.vision import Degraded
from media.pipeline.interfaces import Samples
from media.pipeline.limits import Limits
from media.pipeline.models.languages import LazyMultilingual
from media.pipeline.session import run_session
from models.asr.whisper.decode import DetectedLanguage
from models.errors import WeightsError
from tests.media.pipeline.scripted import RATE, chunks, replayed, scripted_services, silence, tone
from tests.media.pipeline.scripted_languages import ScriptedMultilingual, lazy

TWO_TURNS = np.concatenate([silence(0.5), tone(3), silence(1), tone(0.8), silence(1)])
GERMAN, UNSURE = DetectedLanguage("de", 0.9), DetectedLanguage("fr", 0.4)


async def outputs(
    other: LazyMultilingual, *configs: ListeningConfig, sound: Samples = TWO_TURNS
) -> list[Output]:
    out: list[Output] = []

    async def keep(output: Output) -> None:
        out.append(output)

    with scripted_services(other_languages=other) as services:
        source = replayed([*configs, *chunks(sound)])
        await run_session(
            source, keep, services=services, clock=ReplayClock(), limits=Limits.replay()
        )
    return out


def finals(found: list[Output]) -> list[Caption]:
    return [each for each in found if isinstance(each, Caption) and each.final]


async def test_a_session_in_english_never_loads_the_other_model() -> None:
    other = lazy(ScriptedMultilingual())
    found = await outputs(other, ListeningConfig())
    assert {caption.language for caption in finals(found)} == {"en"}
    assert not other.loaded


async def test_speech_in_another_language_is_recognized_by_its_model_and_said_once() -> None:
    found = await outputs(lazy(ScriptedMultilingual()), ListeningConfig(language="de"))
    english = await outputs(lazy(ScriptedMultilingual()), ListeningConfig())
    assert [c.text for c in finals(found)] == [c.text.replace("w", "de") for c in finals(english)]
    assert {c.language for c in found if isinstance(c, Caption)} == {"de"}
    notices = [each.message for each in found if isinstance(each, HearingNotice)]
    assert notices[-1] == "captions in German are by a scripted model"
    assert len(notices) == len(set(notices))


async def test_the_language_of_a_turn_is_detected_once_from_its_first_seconds() -> None:
    model = ScriptedMultilingual([GERMAN, UNSURE])
    found = await outputs(lazy(model), ListeningConfig(language="auto"))
    assert model.heard[0] == 2 * RATE  # the second turn is over before
    assert model.heard[1] < 2 * RATE
    # The second detection is not believed, so that turn is in the language of the first.
    assert [each for each in found if isinstance(each, LanguageDetected)] == [
        LanguageDetected(1, "de", 0.9),
        LanguageDetected(2, "de", 0.4),
    ]
    assert [caption.language for caption in finals(found)] == ["de", "de"]
    whole = await outputs(lazy(ScriptedMultilingual()), ListeningConfig(language="de"))
    assert [c.text for c in finals(found)] == [c.text for c in finals(whole)]  # nothing is missed


async def test_an_unlikely_first_language_is_taken_for_english() -> None:
    model = ScriptedMultilingual([UNSURE, GERMAN])
    found = await outputs(lazy(model), ListeningConfig(language="auto"))
    assert [caption.language for caption in finals(found)] == ["en", "de"]


def broken() -> None:
    raise WeightsError("no network")


@pytest.mark.parametrize("language", ["de", "auto"])
async def test_a_model_that_cannot_be_loaded_is_said_and_nothing_is_made_up(language: str) -> None:
    other = LazyMultilingual(("en", "de"), broken)  # type: ignore[arg-type]  # it only fails
    found = await outputs(other, ListeningConfig(language=language))
    said = [each.message for each in found if isinstance(each, Degraded)]
    assert len(said) == 1
    assert said[0].endswith("no network")
    assert [(c.text, c.language) for c in finals(found)] == [("", ""), ("", "")]


async def test_a_service_of_english_alone_says_so() -> None:
    found = await outputs(LazyMultilingual(), ListeningConfig(language="de"))
    (said,) = [each.message for each in found if isinstance(each, Degraded)]
    assert "EYELINE_LANGUAGES" in said


async def test_a_language_changes_with_the_next_turn() -> None:
    german, english = ListeningConfig(language="de"), ListeningConfig()
    before, after = TWO_TURNS[: 4 * RATE], TWO_TURNS[4 * RATE :]
    items: list[Input] = [german, *chunks(before), english, *chunks(after, start=4 * RATE)]
    out: list[Output] = []

    async def keep(output: Output) -> None:
        out.append(output)

    with scripted_services(other_languages=lazy(ScriptedMultilingual())) as services:
        await run_session(
            replayed(items),
            keep,
            services=services,
            clock=ReplayClock(),
            limits=Limits.replay(),
        )
    assert [caption.language for caption in finals(out)] == ["de", "en"]


def translations(found: list[Output]) -> list[Translation]:
    return [each for each in found if isinstance(each, Translation)]


async def test_turns_are_translated_at_intervals_and_at_their_end() -> None:
    config = ListeningConfig(language="de", translate="live")
    found = await outputs(lazy(ScriptedMultilingual()), config)
    first = [each for each in translations(found) if each.turn == 1]
    assert [each.final for each in first] == [False, True]
    assert len(first[0].text.split()) == 10  # 2 s of blocks of 0.2 s
    (last,) = [each for each in translations(found) if each.turn == 2]  # shorter than an interval
    captions = {caption.turn: caption for caption in finals(found)}
    for final in (first[-1], last):
        caption = captions[final.turn]
        assert caption.translated
        assert final.text == f"{caption.end - caption.start:.1f} s of English"


async def test_a_question_is_translated_once_and_english_never() -> None:
    config = ListeningConfig(language="auto", translate="end")
    model = ScriptedMultilingual([GERMAN, DetectedLanguage("en", 0.9)])
    found = await outputs(lazy(model), config)
    assert [(each.turn, each.final) for each in translations(found)] == [(1, True)]
    assert [caption.translated for caption in finals(found)] == [True, False]
