"""A client may send back the session that it got: nothing changes and nothing is refused."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.web.protocol.test_generation import GENERATION
from tests.web.protocol.test_protocol import TURN, Talk
from web.protocol.session_config import Capabilities

FORMATS = st.sampled_from(
    [{"type": "audio/pcm", "rate": 24_000}, {"type": "audio/pcmu"}, {"type": "audio/pcma"}]
)
DETECTION = st.none() | st.fixed_dictionaries(
    {"type": st.sampled_from(["server_vad", "semantic_vad"])},
    optional={
        "threshold": st.floats(0, 1),
        "prefix_padding_ms": st.integers(0, 5000),
        "silence_duration_ms": st.integers(50, 30_000),
        "create_response": st.booleans(),
        "interrupt_response": st.booleans(),
        "idle_timeout_ms": st.none() | st.integers(5000, 30_000),
    },
)
TRANSCRIPTION = st.none() | st.fixed_dictionaries(
    {"model": st.sampled_from(["tiny.en", "whisper-1", "gpt-4o-transcribe"])},
    optional={"language": st.none() | st.sampled_from(["en", "en-US", "de"]), "prompt": st.text()},
)
INPUT = st.fixed_dictionaries(
    {},
    optional={
        "format": FORMATS,
        "transcription": TRANSCRIPTION,
        "turn_detection": DETECTION,
        "noise_reduction": st.none() | st.just({"type": "near_field"}),
    },
)
OUTPUT = st.fixed_dictionaries(
    {},
    optional={"format": FORMATS, "voice": st.sampled_from(["alloy", "heart"]), "speed": st.just(1)},
)
OWN = st.fixed_dictionaries({"events": st.booleans()})
REALTIME = st.fixed_dictionaries(
    {"type": st.just("realtime")},
    optional={
        "model": st.text(max_size=20),
        "instructions": st.text(max_size=50),
        "output_modalities": st.sampled_from([["text"], ["audio"]]),
        "audio": st.fixed_dictionaries({}, optional={"input": INPUT, "output": OUTPUT}),
        "tools": st.just([{"type": "function", "name": "look"}]),
        "truncation": st.sampled_from(["auto", "disabled"]),
        "eyeline": OWN,
    },
)
TRANSCRIBING = st.fixed_dictionaries(
    {"type": st.just("transcription")},
    optional={
        "audio": st.fixed_dictionaries({"input": INPUT}),
        "include": st.none() | st.just(["item.input_audio_transcription.logprobs"]),
        "eyeline": OWN,
    },
)
SILENT = Capabilities(model="eyeline", recognizers=("tiny.en",), tools=True)
SERVICES = st.sampled_from(
    [
        SILENT,
        Capabilities(model="eyeline", recognizers=("tiny.en",), tools=True, voices=("heart",)),
        Capabilities(model="eyeline", recognizers=("base",), tools=True, generation=GENERATION),
    ]
)


def echo(talk: Talk, session: dict[str, Any]) -> dict[str, Any]:
    """Send `session` as JSON, and return what the service says that is in effect then."""
    types = talk.send("session.update", session=json.loads(json.dumps(session)))
    assert types == ["session.updated"], talk.events[-1]
    updated: dict[str, Any] = talk.last("session.updated")["session"]
    return updated


@given(SERVICES, st.booleans(), st.lists(REALTIME | TRANSCRIBING, max_size=3))
def test_a_session_that_is_sent_back_is_accepted_and_changes_nothing(
    capabilities: Capabilities, transcription: bool, updates: list[dict[str, Any]]
) -> None:
    talk = Talk(capabilities=capabilities, transcription=transcription)
    session = talk.events[0]["session"]
    assert echo(talk, session) == session
    for update in updates:
        talk.send("session.update", session=update)
        session = talk.last("session.updated")["session"]
        inputs = len(talk.inputs)
        assert echo(talk, session) == session
        assert len(talk.inputs) == inputs, "the session is not told of a change"


def test_turns_of_a_session_that_nobody_reads_are_answered_only_on_request() -> None:
    def created(talk: Talk) -> bool:
        return "response.created" in talk.emit(*TURN)

    wanted = {"audio": {"input": {"turn_detection": {"create_response": True}}}}
    assert created(Talk())
    assert not created(Talk(answers=False))
    assert created(Talk(answers=False, patch=wanted))


def test_a_session_may_begin_with_that_of_another() -> None:
    first = Talk(eyeline_events=True)
    session = first.update(instructions="Be brief.", output_modalities=["text"])
    second = Talk(patch=json.loads(json.dumps(session)))
    assert second.events[0]["session"] == session
    assert second.state.eyeline_events


@pytest.mark.parametrize(
    "own", ["yes", [True], {"events": "yes"}, {"events": 1}, {"events": {"events": True}}]
)
def test_own_fields_of_another_kind_are_refused(own: object) -> None:
    talk = Talk()
    assert talk.send("session.update", session={"type": "realtime", "eyeline": own}) == ["error"]
    assert talk.error["param"] == "session.eyeline"
