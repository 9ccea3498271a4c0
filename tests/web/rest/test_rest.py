"""The HTTP endpoints with scripted models; transcriptions and chat have their own modules."""

import base64
import io
import json
import wave
from collections.abc import Iterator
from typing import Literal

import av
import numpy as np
import pytest
from openai import OpenAI
from PIL import Image
from starlette.testclient import TestClient

from models.assistant.small_assistant import ABOUT
from tests.web.served import scripted_models
from web.app import create_app
from web.config import Settings

ORIGIN = "https://app.example"


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    settings = Settings(
        origins=(ORIGIN,),
        max_upload_size=100_000,
    )
    with (
        scripted_models() as models,
        TestClient(create_app(settings, models)) as client,
    ):
        yield client


@pytest.fixture
def openai(client: TestClient) -> OpenAI:
    return OpenAI(
        api_key="any", base_url=f"{client.base_url}/v1", http_client=client, max_retries=0
    )


def test_health_reports_free_sessions(client: TestClient) -> None:
    body = client.get("/health").json()
    assert body["status"] == "ok"
    assert body["sessions"] == {"live": 0, "free": 100, "capacity": 100}
    assert any("stand-in" in notice for notice in body["notices"])
    assert body["answers"]["stand_in"] is True
    assert "stand-in" in body["answers"]["about"]
    assert (body["turn_detector"], body["frame_filter"]) == ("silence", None)


def test_the_small_model_is_described(client: TestClient) -> None:
    services = client.app.state.context.models.services  # type: ignore[attr-defined]  # FastAPI
    assistant, answerer, about = services.assistant.model, services.answerer, ABOUT.format("")
    before, answerer.about = answerer.about, about
    assistant.stand_in = False
    try:
        health = client.get("/health").json()["answers"]
        listed = client.get("/v1/models").json()["data"]
        one = client.get("/v1/models/eyeline").json()
    finally:
        del assistant.stand_in
        answerer.about = before
    assert health == {
        "model": "small",
        "outside": False,
        "tools": False,
        "small": True,
        "stand_in": False,
        "about": about,
    }
    assert "small" in about
    assert listed == [one]
    assert one["eyeline"].items() >= health.items()
    assert "/v1/chat/completions" in one["eyeline"]["endpoints"]


def test_models_are_listed_for_an_openai_client(openai: OpenAI) -> None:
    """Those that transcribe or speak are not: programs offer what is listed for chat."""
    assert [model.id for model in openai.models.list()] == ["eyeline"]
    for name in ("eyeline", "scripted", "tone"):
        model = openai.models.retrieve(name)
        assert model.owned_by == "eyeline"
        assert ("/v1/chat/completions" in model.model_dump()["eyeline"]["endpoints"]) == (
            name == "eyeline"
        )


def test_a_client_secret_has_the_session_of_its_request(openai: OpenAI) -> None:
    made = openai.realtime.client_secrets.create(
        session={"type": "realtime", "model": "gpt-realtime", "instructions": "Be brief."}
    )
    assert made.value.startswith("ek_")
    assert made.expires_at > 0
    assert made.session.type == "realtime"
    assert made.session.model == "eyeline"
    assert made.session.instructions == "Be brief."


def test_an_unknown_session_field_is_an_error_that_names_it(client: TestClient) -> None:
    answer = client.post("/v1/realtime/client_secrets", json={"session": {"colour": "blue"}})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "session.colour"


@pytest.mark.parametrize(("format", "frames"), [("wav", 24_000 * 5 * 2 // 100), ("pcm", None)])
def test_speech_is_24_khz_mono_for_any_voice(
    openai: OpenAI, format: Literal["wav", "pcm"], frames: int | None
) -> None:
    sound = openai.audio.speech.create(
        model="tts-1", voice="alloy", input="hello", response_format=format
    ).content
    if frames is None:
        assert len(sound) == 2 * 24_000 * 5 * 2 // 100
        return
    with wave.open(io.BytesIO(sound)) as file:
        assert (file.getframerate(), file.getnchannels(), file.getsampwidth()) == (24_000, 1, 2)
        assert file.getnframes() == frames


@pytest.mark.parametrize(
    ("format", "container", "kind"),
    [
        (None, "mp3", "audio/mpeg"),
        ("mp3", "mp3", "audio/mpeg"),
        ("opus", "ogg", "audio/ogg"),
        ("aac", "aac", "audio/aac"),
        ("flac", "flac", "audio/flac"),
        ("wav", "wav", "audio/wav"),
    ],
)
def test_speech_comes_in_every_format_of_the_api_and_as_mp3_by_default(
    client: TestClient, format: str | None, container: str, kind: str
) -> None:
    text = "hello, there is some more to say"
    body = {"input": text, "model": "tts-1", "voice": "alloy"}
    answer = client.post(
        "/v1/audio/speech", json=body | ({"response_format": format} if format else {})
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == kind
    with av.open(io.BytesIO(answer.content), "r") as file:
        assert file.format.name == container
        seconds = sum(frame.samples / frame.sample_rate for frame in file.decode(audio=0))
    assert seconds == pytest.approx(len(text) / 50, abs=0.15)  # of the scripted voice
    events = client.post(
        "/v1/audio/speech",
        json={**body, "response_format": format or "mp3", "stream_format": "sse"},
    )
    *deltas, done = (
        json.loads(line.removeprefix("data: "))
        for line in events.text.splitlines()
        if line.startswith("data: ")
    )
    assert b"".join(base64.b64decode(each["audio"]) for each in deltas) == answer.content
    assert done["type"] == "speech.audio.done"


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": "a" * 5000}, "input"),
        ({"input": "a", "response_format": "ogg"}, "response_format"),
        ({"input": "a", "stream_format": "ws"}, "stream_format"),
        ({"input": "a", "speed": 2.0}, "speed"),
        ({}, "input"),
    ],
)
def test_unsupported_speech_options_are_errors_that_name_them(
    client: TestClient, body: dict[str, object], param: str
) -> None:
    answer = client.post("/v1/audio/speech", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"]["param"] == param


def test_moments_of_a_session_are_listed_with_their_images(client: TestClient) -> None:
    with client.websocket_connect("/v1/realtime?eyeline=1") as socket:
        id = socket.receive_json()["session"]["id"]
        for second in range(3):
            file = io.BytesIO()
            Image.new("RGB", (64, 48), (20 * second,) * 3).save(file, "PNG")
            image = base64.b64encode(file.getvalue()).decode()
            event = {"type": "eyeline.video.append", "image": image, "time": second}
            socket.send_json(event)
            while socket.receive_json()["type"] != "eyeline.memory.moment":
                pass
        moments = client.get(f"/sessions/{id}/moments").json()["moments"]
        newer = client.get(f"/sessions/{id}/moments?since=1").json()["moments"]
    assert moments == [
        {
            "number": n,
            "time": n,
            "text": f"brightness {20 * n}",
            "image": f"/sessions/{id}/moments/{n}.jpg",
        }
        for n in range(3)
    ]
    assert newer == moments[2:]
    for moment in moments:  # kept after the end
        answer = client.get(moment["image"])
        assert answer.headers["content-type"] == "image/jpeg"
        pixels = np.asarray(Image.open(io.BytesIO(answer.content)))
        assert pixels.shape == (48, 64, 3)
        assert abs(pixels.mean() - 20 * moment["number"]) < 3


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/sessions/sess_x/moments", 404),
        ("/sessions/sess_x/moments/0.jpg", 404),
        ("/sessions/{id}/moments/7.jpg", 404),
        ("/sessions/{id}/moments/one.jpg", 400),
        ("/sessions/{id}/moments?since=x", 400),
    ],
)
def test_missing_moments_are_problems(client: TestClient, path: str, status: int) -> None:
    with client.websocket_connect("/v1/realtime") as socket:
        id = socket.receive_json()["session"]["id"]
        assert client.get(f"/sessions/{id}/moments").json() == {"moments": []}
        answer = client.get(path.format(id=id))
    assert answer.status_code == status
    assert answer.json()["detail"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nothing/here", 404), ("PUT", "/health", 405), ("GET", "/v1/models/x", 404)],
)
def test_unknown_paths_and_methods_are_problems(
    client: TestClient, method: str, path: str, status: int
) -> None:
    answer = client.request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_body_too_large_is_refused_before_it_is_read(client: TestClient) -> None:
    declared = client.post("/v1/audio/transcriptions", content=b"a" * 200_000)
    chunked = client.post(
        "/v1/audio/transcriptions",
        content=(b"a" * 10_000 for _ in range(20)),
        headers={"Content-Type": "multipart/form-data; boundary=x"},
    )
    for answer in (declared, chunked):
        assert answer.status_code == 413
        assert "EYELINE_MAX_UPLOAD_SIZE" in answer.json()["detail"]
        assert answer.json()["error"]["code"] == "body_too_large"


def test_other_sites_may_call_only_if_allowed(client: TestClient) -> None:
    ask = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-any"}
    allowed = client.options("/v1/realtime/calls", headers={"Origin": ORIGIN, **ask})
    assert allowed.headers["access-control-allow-origin"] == ORIGIN
    refused = client.options(
        "/v1/realtime/calls", headers={"Origin": "https://evil.example", **ask}
    )
    assert "access-control-allow-origin" not in refused.headers
    answer = client.get("/health", headers={"Origin": ORIGIN})
    assert "Location" in answer.headers["access-control-expose-headers"]


def test_the_browser_client_is_served(client: TestClient) -> None:
    answer = client.get("/static/eyeline.js")
    assert answer.status_code == 200
    assert "javascript" in answer.headers["content-type"]


def test_a_number_of_5000_digits_is_an_error_of_the_client(client: TestClient) -> None:
    many = "9" * 5000
    with client.websocket_connect("/v1/realtime") as session:
        path = f"/sessions/{session.receive_json()['session']['id']}"
        headers = {"Last-Event-ID": many}
        assert client.get(f"{path}/captions", headers=headers).status_code == 400
        assert client.get(f"{path}/moments", params={"since": many}).status_code == 400
        assert client.get(f"{path}/moments/{many}.jpg").status_code == 400


def test_a_deeply_nested_session_of_a_call_is_an_error_of_the_client(client: TestClient) -> None:
    form = {"sdp": (None, "v=0"), "session": (None, "[" * 200_000)}
    response = client.post("/v1/realtime/calls", files=form)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "session"
