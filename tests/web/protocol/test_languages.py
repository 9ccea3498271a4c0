"""Languages of a session: which is chosen, and what is done with speech that is not English."""

from dataclasses import replace
from typing import Any

import pytest

from media.events.answers import Question
from media.events.hearing import (
    HearingNotice,
    LanguageDetected,
    ListeningConfig,
    Translation,
    TurnEnded,
    TurnStarted,
)
from tests.web.protocol.test_protocol import CAPABILITIES, Talk, caption
from web.protocol.session_config import query_patch

WITH_GERMAN = replace(CAPABILITIES, languages=("en", "de", "fr"))


def heard(talk: Talk) -> ListeningConfig:
    return [each for each in talk.inputs if isinstance(each, ListeningConfig)][-1]


def choose(talk: Talk, language: str | None) -> ListeningConfig:
    talk.update(audio={"input": {"transcription": {"language": language}}})
    return heard(talk)


@pytest.mark.parametrize(
    ("named", "language"),
    [("de", "de"), ("German", "de"), ("de-AT", "de"), ("auto", "auto"), (None, "en"), ("", "en")],
)
def test_a_session_is_heard_in_the_language_that_its_client_chooses(
    named: str | None, language: str
) -> None:
    talk = Talk(capabilities=WITH_GERMAN)
    assert choose(talk, named).language == language
    assert not talk.all("eyeline.notice")


def test_a_language_that_the_service_does_not_have_is_said_and_its_own_is_used() -> None:
    talk = Talk(capabilities=replace(WITH_GERMAN, language="fr"), eyeline_events=True)
    assert choose(talk, "pt").language == "fr"
    (notice,) = [each["message"] for each in talk.all("eyeline.notice") if "pt" in each["message"]]
    assert "auto or one of en, de, fr" in notice
    session = talk.last("session.updated")["session"]
    assert session["eyeline"]["languages"] == ["en", "de", "fr"]


@pytest.mark.parametrize(
    ("query", "language", "translate"),
    [
        ({"language": "fr", "translate": "1"}, "fr", "live"),
        ({"language": "auto"}, "auto", "end"),
        ({"translate": "true"}, "en", "live"),
        ({"translate": "0"}, "en", "end"),
        ({}, "en", "end"),
    ],
)
def test_a_url_chooses_language_and_translation(
    query: dict[str, str], language: str, translate: str
) -> None:
    talk = Talk(capabilities=WITH_GERMAN, patch=query_patch(query))
    assert (heard(talk).language, heard(talk).translate) == (language, translate)


def test_only_what_may_be_a_question_to_an_english_model_is_translated_unasked() -> None:
    no_answers = {"audio": {"input": {"turn_detection": {"create_response": False}}}}
    outside = replace(WITH_GERMAN, english_only=False)
    assert heard(Talk(capabilities=WITH_GERMAN)).translate == "end"
    assert heard(Talk(capabilities=WITH_GERMAN, patch=no_answers)).translate == "no"
    assert heard(Talk(capabilities=outside)).translate == "no"
    assert heard(Talk(capabilities=WITH_GERMAN, transcription=True)).translate == "no"
    talk = Talk(capabilities=outside)
    talk.update(eyeline={"translate": True})
    assert heard(talk).translate == "live"


@pytest.mark.parametrize("own", [{"translate": "yes"}, {"events": 1}, [], "translate"])
def test_the_services_own_fields_are_checked(own: Any) -> None:
    talk = Talk(capabilities=WITH_GERMAN)
    talk.send("session.update", session={"type": "realtime", "eyeline": own})
    assert talk.last("error")["error"]["param"] == "session.eyeline"


def german(text: str, *, translated: bool = True, language: str = "de") -> Any:
    said = caption(1, *text.split(), final=True)
    return replace(said, language=language, translated=translated)


def questions(talk: Talk) -> list[str]:
    return [each.text for each in talk.inputs if isinstance(each, Question)]


def spoken(talk: Talk) -> None:
    talk.emit(TurnStarted(1, 1.0), TurnEnded(1, 1.0, 3.0, True))


def test_a_spoken_question_is_asked_in_english_once_it_is_translated() -> None:
    talk = Talk(capabilities=WITH_GERMAN, eyeline_events=True)
    spoken(talk)
    talk.emit(german("was fällt dir auf"))
    talk.emit(Translation(1, "What", " do", "de", False))
    assert questions(talk) == []
    talk.emit(Translation(1, "What do you see?", "", "de", True))
    assert questions(talk) == ["What do you see?"]
    last = talk.all("eyeline.translation")[-1]
    assert (last["text"], last["final"], last["language"]) == ("What do you see?", True, "de")
    assert any("German" in event["message"] for event in talk.all("eyeline.notice"))


def test_a_question_of_the_phrasebook_does_not_wait_for_its_translation() -> None:
    talk = Talk(capabilities=WITH_GERMAN)
    spoken(talk)
    talk.emit(german("was siehst du"))
    assert questions(talk) == ["was siehst du"]


def test_a_question_without_a_translation_is_asked_as_it_is() -> None:
    talk = Talk(capabilities=WITH_GERMAN)
    spoken(talk)
    talk.emit(german("hm"), Translation(1, "", "", "de", True))
    assert questions(talk) == ["hm"]


def test_an_outside_model_gets_the_question_in_its_language() -> None:
    talk = Talk(capabilities=replace(WITH_GERMAN, english_only=False))
    spoken(talk)
    talk.emit(german("was siehst du"), Translation(1, "What do you see?", "", "de", True))
    assert questions(talk) == ["was siehst du"]


def test_a_response_that_is_asked_for_later_waits_for_the_translation_too() -> None:
    talk = Talk(capabilities=WITH_GERMAN)
    talk.update(audio={"input": {"turn_detection": None}})
    talk.emit(TurnStarted(1, 1.0, False), TurnEnded(1, 1.0, 3.0, False))
    talk.emit(german("was fällt dir auf"))
    talk.send("response.create")
    assert questions(talk) == []
    talk.emit(Translation(1, "What do you see?", "", "de", True))
    assert questions(talk) == ["What do you see?"]


def test_a_turn_that_nothing_recognizes_fails_and_so_does_its_response() -> None:
    talk = Talk(capabilities=WITH_GERMAN)
    talk.update(audio={"input": {"transcription": {"language": "de"}}})
    spoken(talk)
    talk.emit(german("", translated=False, language=""))
    failed = talk.last("conversation.item.input_audio_transcription.failed")
    assert "could be loaded" in failed["error"]["message"]
    assert talk.last("response.done")["response"]["status"] == "failed"
    assert questions(talk) == []


def test_detected_languages_and_what_hears_them_are_sent() -> None:
    talk = Talk(capabilities=WITH_GERMAN, eyeline_events=True)
    talk.emit(LanguageDetected(1, "fr", 0.98765), HearingNotice("captions in French are by base"))
    found = talk.last("eyeline.language")
    assert (found["turn"], found["language"], found["probability"]) == (1, "fr", 0.988)
    assert talk.last("eyeline.notice")["message"] == "captions in French are by base"
