"""Video generation in the protocol: controls in, status and pictures out."""

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.events.generation import (
    ClearTrack,
    GeneratedImage,
    GenerationConfig,
    GenerationStatus,
    PromptChange,
    TrackPoints,
)
from models.generation.small.prompts.vocabulary import Vocabulary
from tests.web.protocol.test_protocol import Talk
from web.protocol.session_config import Capabilities, GenerationCapabilities

SAMPLERS = {"motion-stream": 2, "rolling-forcing": 5}
GENERATION = GenerationCapabilities(
    description="video is drawn by a small model",
    stand_in=False,
    size=(64, 64),
    rate=16.0,
    samplers=SAMPLERS,
    vocabulary=Vocabulary((("duck", "mallard"), ("car",)), (("a lawn",), ("stars",))),
    max_prompt_length=200,
    max_track_points=50,
)
CAPABILITIES = Capabilities(model="eyeline", recognizers=("tiny.en",), generation=GENERATION)
NO_GENERATION = Capabilities(
    model="m", recognizers=("r",), generation_unavailable="no drawing.safetensors"
)
STATUS = GenerationStatus(
    state="drawing",
    sampler="motion-stream",
    steps=1,
    rate=16.0,
    fps=15.9312,
    queue=3,
    pictures=812,
    delay=0.14009,
    degraded=True,
    notices=("the motion was read from the words: left",),
)


def talk(**options: Any) -> Talk:
    return Talk(**{"capabilities": CAPABILITIES, "eyeline_events": True, **options})


def controls(talk: Talk) -> list[object]:
    kinds = PromptChange | TrackPoints | ClearTrack | GenerationConfig
    return [item for item in talk.inputs if isinstance(item, kinds)]


def test_the_session_object_describes_the_generation_model() -> None:
    message = talk().events[0]["session"]["eyeline"]
    assert message["generation"]["samplers"] == SAMPLERS
    assert message["generation"]["size"] == [64, 64]
    assert message["generation"]["things"] == ["duck", "car"]
    assert message["generation"]["backgrounds"] == ["lawn", "stars"]
    assert "circle" in message["generation"]["motions"]
    assert talk(capabilities=NO_GENERATION).events[0]["session"]["eyeline"]["generation"] is None


def test_a_prompt_goes_to_the_session_and_into_the_updated_event() -> None:
    client = talk()
    assert client.send("eyeline.prompt.set", text=" a duck on grass ") == [
        "eyeline.generation.updated"
    ]
    assert controls(client) == [PromptChange((("a duck on grass", 1.0),), 0.0)]
    shown = client.last("eyeline.generation.updated")["generation"]
    assert shown["prompt"] == [{"text": "a duck on grass", "weight": 1.0}]
    assert shown["enabled"] is False
    blend = [{"text": "a duck", "weight": 3}, {"text": "a car"}]
    client.send("eyeline.prompt.set", blend=blend)
    assert controls(client)[-1] == PromptChange((("a duck", 3.0), ("a car", 1.0)), 0.0)


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({}, None, "either `text` or `blend`"),
        ({"text": "a", "blend": [{"text": "b"}]}, None, "either `text` or `blend`"),
        ({"text": ""}, "text", "expected words"),
        ({"text": " \n\t"}, "text", "expected words"),
        ({"text": "🦆🦆🌱"}, "text", "expected words"),
        ({"text": "?!…"}, "text", "expected words"),
        ({"text": "duck " * 2000}, "text", "200 characters, this one has 10000"),
        ({"text": 7}, "text", "string"),
        ({"blend": []}, "blend", "at least 1"),
        ({"blend": [{"text": "a"}] * 3}, "blend", "at most 2"),
        ({"blend": [{"text": "a"}, {"text": "💐"}]}, "blend[1].text", "expected words"),
        ({"blend": [{"text": "a", "weight": -1}]}, "blend[0].weight", "greater than"),
        ({"blend": [{"text": "a", "weight": float("nan")}]}, "blend[0].weight", "finite"),
        ({"blend": [{"text": "a", "weight": float("inf")}]}, "blend[0].weight", "finite"),
        ({"blend": [{"text": "a", "weight": 0}]}, None, "a weight above 0"),
        ({"text": "a", "speed": 3}, "speed", "not permitted"),
    ],
)
def test_an_invalid_prompt_is_refused_with_its_field(
    fields: dict[str, Any], param: str | None, message: str
) -> None:
    client = talk()
    assert client.send("eyeline.prompt.set", event_id="mine", **fields) == ["error"]
    assert (client.error["param"], client.error["event_id"]) == (param, "mine")
    assert message in client.error["message"]
    assert len(client.error["message"]) < 200
    assert not controls(client)
    assert client.send("eyeline.prompt.set", text="a duck") == ["eyeline.generation.updated"]


def test_a_prompt_is_shown_as_it_was_read() -> None:
    client = talk()
    client.send("eyeline.prompt.set", text="two small mallards moving left and a cat on stars")
    (reading,) = client.last("eyeline.generation.updated")["generation"]["readings"]
    assert reading["caption"] == "a duck moving left on stars"
    assert reading["things"] == [{"name": "duck", "size": None, "color": None, "motion": "left"}]
    assert reading["background"] == "stars"
    assert {part["text"]: part["kind"] for part in reading["unknown"]} == {
        "small": "attribute",
        "cat": "thing",
    }


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"text": "a cat on grass"}, "text"),
        ({"blend": [{"text": "a duck"}, {"text": "a cat"}]}, "blend"),
    ],
)
def test_a_prompt_without_known_things_takes_the_place_of_the_last_and_is_an_error(
    fields: dict[str, Any], param: str
) -> None:
    """The session gets it, too: it stops drawing what was asked for before."""
    client = talk()
    client.send("eyeline.prompt.set", text="a duck")
    sent = client.send("eyeline.prompt.set", event_id="mine", **fields)
    assert sent == ["eyeline.generation.updated", "error"]
    error = client.error
    assert (error["code"], error["param"]) == ("prompt_not_drawable", param)
    assert error["event_id"] == "mine"
    assert 'cannot draw "cat"' in error["message"]
    readings = client.last("eyeline.generation.updated")["generation"]["readings"]
    assert readings[-1]["caption"] is None
    assert isinstance(controls(client)[-1], PromptChange)
    assert len(controls(client)) == 2


def test_a_model_of_any_words_refuses_none() -> None:
    any_words = replace(CAPABILITIES, generation=replace(GENERATION, vocabulary=None))
    client = talk(capabilities=any_words)
    assert client.send("eyeline.prompt.set", text="a cat") == ["eyeline.generation.updated"]
    assert client.last("eyeline.generation.updated")["generation"]["readings"] is None


def point(x: object = 0.5, y: object = 0.5, **more: object) -> dict[str, object]:
    return {"x": x, "y": y, **more}


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({}, "points", "required"),
        ({"points": []}, "points", "at least 1"),
        ({"points": [point()] * 51}, "points", "may have 50, this one has 51"),
        ({"points": [point()] * 11_000}, "points", "at most 10000 items"),
        ({"points": [point(), point(x=1.2)]}, "points[1].x", "less than or equal to 1"),
        ({"points": [point(y=-0.01)]}, "points[0].y", "greater than or equal to 0"),
        ({"points": [point(x=float("nan"))]}, "points[0].x", "finite"),
        ({"points": [point(y=float("-inf"))]}, "points[0].y", "finite"),
        ({"points": [point(t=float("nan"))]}, "points[0].t", "finite"),
        ({"points": [point(t=-1)]}, "points[0].t", "greater than"),
        ({"points": [point(x="left")]}, "points[0].x", "number"),
        ({"points": [[0.5, 0.5]]}, "points[0]", "dictionary"),
        ({"points": [point(t=0), point()]}, "points[1].t", "all must have, or none"),
        ({"points": [point(t=1), point(t=1)]}, "points[1].t", "is not after"),
        ({"points": [point()], "thing": 2}, "thing", "less than 2"),
        ({"points": [point()], "thing": -1}, "thing", "greater than"),
    ],
)
def test_an_invalid_track_is_refused_with_its_field(
    fields: dict[str, Any], param: str, message: str
) -> None:
    client = talk()
    assert client.send("eyeline.track.append", **fields) == ["error"]
    assert client.error["param"] == param
    assert message in client.error["message"]
    assert not controls(client)
    assert client.send("eyeline.track.append", points=[point()]) == []


def test_a_track_has_no_times_or_times_that_grow_from_message_to_message() -> None:
    client = talk()
    client.send("eyeline.track.append", points=[point(0.1, 0.2), point(0.3, 0.4)], thing=1)
    assert controls(client)[-1] == TrackPoints(1, ((0.1, 0.2), (0.3, 0.4)), None, 0.0)
    client.send("eyeline.track.append", points=[point(t=0), point(t=1.5)])
    assert client.send("eyeline.track.append", points=[point(t=1.5)]) == ["error"]
    assert client.error["param"] == "points[0].t"
    client.send("eyeline.track.append", points=[point(t=2)])
    assert controls(client)[-1] == TrackPoints(0, ((0.5, 0.5),), (2.0,), 0.0)
    for fresh in ("eyeline.track.clear", "eyeline.generation.update"):
        client.send(fresh, **({"reset": True} if "update" in fresh else {"thing": 0}))
        assert client.send("eyeline.track.append", points=[point(t=0)]) == []
    client.send("eyeline.track.append", points=[point()])  # a hand ends the path
    assert client.send("eyeline.track.append", points=[point(t=0)]) == []


def test_tracks_are_refused_if_the_model_does_not_support_them() -> None:
    client = talk(capabilities=replace(CAPABILITIES, generation=replace(GENERATION, tracks=False)))
    assert client.events[0]["session"]["eyeline"]["generation"]["tracks"] is False
    assert client.send("eyeline.track.append", points=[point()]) == ["error"]
    assert "not tracks" in client.error["message"]


def test_an_update_changes_what_it_names_and_the_updated_event_shows_everything() -> None:
    client = talk()
    client.send("eyeline.generation.update", enabled=True, seed=7, source="camera", strength=0.4)
    client.send("eyeline.generation.update", steps=3, sampler="rolling-forcing", paused=True)
    client.send("eyeline.generation.update", step=True)
    assert controls(client)[-1] == GenerationConfig(
        time=0.0,
        enabled=True,
        sampler="rolling-forcing",
        steps=3,
        seed=7,
        camera=True,
        strength=0.4,
        paused=True,
        once=True,
    )
    client.send("eyeline.generation.update", steps=None, source="none", reset=True)
    last = controls(client)[-1]
    assert isinstance(last, GenerationConfig)
    assert (last.steps, last.camera, last.again, last.once) == (None, False, True, False)
    assert client.last("eyeline.generation.updated")["generation"] == {
        "enabled": True,
        "prompt": [],
        "readings": [],
        "sampler": "rolling-forcing",
        "steps": None,
        "seed": 7,
        "source": "none",
        "strength": 0.4,
        "paused": True,
        "pictures": False,
    }


@pytest.mark.parametrize(
    ("fields", "param", "message"),
    [
        ({"sampler": "dream"}, "sampler", "motion-stream, rolling-forcing, got 'dream'"),
        ({"sampler": "stream-dit"}, "sampler", "expected one of"),  # not of this model
        ({"steps": 0}, "steps", "greater than"),
        ({"steps": 9}, "steps", "less than"),
        ({"seed": -1}, "seed", "greater than"),
        ({"seed": 1.5}, "seed", "integer"),
        ({"seed": 2**53}, "seed", "less than"),
        ({"source": "screen"}, "source", "'none' or 'camera'"),
        ({"strength": 1.5}, "strength", "less than"),
        ({"strength": float("nan")}, "strength", "finite"),
        ({"enabled": "perhaps"}, "enabled", "boolean"),
        ({"enable": True}, "enable", "not permitted"),
    ],
)
def test_an_invalid_update_is_refused_with_its_field_and_changes_nothing(
    fields: dict[str, Any], param: str, message: str
) -> None:
    client = talk()
    assert client.send("eyeline.generation.update", **fields) == ["error"]
    assert client.error["param"] == param
    assert message in client.error["message"]
    assert not controls(client)


def test_pictures_as_events_are_for_clients_without_a_track() -> None:
    call = talk(on_track=True)
    assert call.send("eyeline.generation.update", pictures=True) == ["error"]
    assert "video track" in call.error["message"]
    assert call.send("eyeline.generation.update", pictures=False) == ["eyeline.generation.updated"]
    client = Talk(capabilities=CAPABILITIES)  # wants no own events, but asks for these
    assert client.send("eyeline.generation.update", pictures=True) == []
    assert client.emit(GeneratedImage(3, 1.25, b"jpeg"), STATUS) == ["eyeline.video.delta"]
    event = client.last("eyeline.video.delta")
    assert (event["number"], event["time"]) == (3, 1.25)
    assert base64.b64decode(event["image"].removeprefix("data:image/jpeg;base64,")) == b"jpeg"


def test_the_status_goes_to_clients_that_ask_for_eyeline_events() -> None:
    client = talk()
    client.emit(STATUS)
    event = client.last("eyeline.generation.status")
    del event["event_id"]
    assert event == {
        "type": "eyeline.generation.status",
        "state": "drawing",
        "sampler": "motion-stream",
        "steps": 1,
        "rate": 16.0,
        "fps": 15.93,
        "queue": 3,
        "delay_ms": 140,
        "degraded": True,
        "pictures": 812,
        "notices": ["the motion was read from the words: left"],
    }
    assert Talk(capabilities=CAPABILITIES).emit(STATUS) == []


@pytest.mark.parametrize(
    ("type", "fields"),
    [
        ("eyeline.prompt.set", {"text": "a duck"}),
        ("eyeline.track.append", {"points": [point()]}),
        ("eyeline.track.clear", {}),
        ("eyeline.generation.update", {"enabled": True}),
    ],
)
def test_without_a_generation_model_the_error_says_what_is_missing(
    type: str, fields: dict[str, Any]
) -> None:
    client = talk(capabilities=NO_GENERATION)
    assert client.send(type, **fields) == ["error"]
    assert client.error["code"] == "generation_unavailable"
    assert "no drawing.safetensors" in client.error["message"]
    assert not controls(client)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=8,
)
FIELDS = st.dictionaries(
    st.sampled_from(["text", "blend", "thing", "points", "enabled", "sampler", "steps", "seed"]),
    JSON | st.lists(st.fixed_dictionaries({"x": JSON, "y": JSON, "t": JSON}), max_size=3),
)
TYPES = ["eyeline.prompt.set", "eyeline.track.append", "eyeline.track.clear"]


@pytest.mark.slow
@given(type=st.sampled_from([*TYPES, "eyeline.generation.update"]), fields=FIELDS)
@settings(max_examples=50)
def test_any_input_leaves_the_session_usable(type: str, fields: dict[str, Any]) -> None:
    client = talk()
    client.send_text(json.dumps({**fields, "type": type}))
    assert client.new in ([], ["error"], ["eyeline.generation.updated"])
    assert client.send("eyeline.prompt.set", text="a duck") == ["eyeline.generation.updated"]
