"""`turn_detection` of a session: by silence, by words, or by the client."""

from typing import Any

import pytest

from media.events.hearing import Backchannel, ListeningConfig, TurnDetection
from tests.web.protocol.test_protocol import Talk


def update(talk: Talk, detection: dict[str, Any] | None) -> dict[str, Any]:
    """Return the session after a change of its turn detection."""
    return talk.update(audio={"input": {"turn_detection": detection}})


def detected(session: dict[str, Any]) -> Any:
    return session["audio"]["input"]["turn_detection"]


@pytest.mark.parametrize("eagerness", ["low", "medium", "high", "auto"])
def test_words_decide_with_semantic_vad(eagerness: str) -> None:
    talk = Talk()
    session = update(talk, {"type": "semantic_vad", "eagerness": eagerness})
    assert detected(session)["eagerness"] == eagerness
    assert session["eyeline"]["turn_detector"] == "words and silence"
    listening = talk.inputs[-1]
    assert isinstance(listening, ListeningConfig)
    assert listening.detection == TurnDetection(eagerness=eagerness)  # type: ignore[arg-type]


def test_another_type_keeps_what_both_have() -> None:
    talk = Talk()
    before = {"type": "server_vad", "silence_duration_ms": 900, "interrupt_response": False}
    assert detected(update(talk, before))["silence_duration_ms"] == 900
    words = update(talk, {"type": "semantic_vad"})
    assert detected(words) == {
        "type": "semantic_vad",
        "eagerness": "auto",
        "create_response": True,
        "interrupt_response": False,
    }
    silence = update(talk, {"type": "server_vad"})
    assert detected(silence)["silence_duration_ms"] == 500
    assert detected(silence)["interrupt_response"] is False
    assert silence["eyeline"]["turn_detector"] == "silence"
    assert update(talk, None)["eyeline"]["turn_detector"] == "the client"


def test_a_change_without_a_type_keeps_the_type() -> None:
    talk = Talk()
    update(talk, {"type": "semantic_vad", "eagerness": "high"})
    session = update(talk, {"type": "semantic_vad", "create_response": False})
    assert detected(session)["eagerness"] == "high"
    assert detected(session)["create_response"] is False


def test_what_belongs_to_the_other_type_is_dropped_with_a_notice() -> None:
    talk = Talk(eyeline_events=True)
    update(talk, {"type": "semantic_vad", "silence_duration_ms": 400})
    update(talk, {"type": "server_vad", "eagerness": "low"})
    messages = [event["message"] for event in talk.all("eyeline.notice")]
    assert "silence_duration_ms has no effect with semantic_vad" in messages
    assert "eagerness has no effect with server_vad" in messages


def test_agreement_is_told_to_clients_that_take_the_services_own_events() -> None:
    for wanted in (True, False):
        talk = Talk(eyeline_events=wanted)
        talk.emit(Backchannel("Mm-hmm.", 1.0, 1.6))
        events = talk.all("eyeline.backchannel")
        assert [event["text"] for event in events] == ["Mm-hmm."] * wanted
        assert not talk.all("input_audio_buffer.speech_started")
