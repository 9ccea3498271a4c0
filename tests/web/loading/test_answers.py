from contextlib import ExitStack
from pathlib import Path

import pytest

from media.pipeline.own_code.user_function import UserCodeError
from tests.media.pipeline.scripted import scripted_services
from web.config import Settings, read_settings
from web.errors import SettingsError
from web.loading.answers import (
    answer_endpoint,
    evidence_config,
    frame_filter,
    outside_model,
)

URL = "http://localhost:8080/v1"


def test_the_packaged_model_answers_unless_a_url_is_set() -> None:
    assert outside_model(Settings(), ExitStack(), draws=True) is None
    with scripted_services() as services:
        assert services.answerer.outside is None
        assert services.assistant.model.about == services.answerer.about


def test_the_settings_reach_the_model() -> None:
    settings = read_settings(
        answers_url=f"{URL}/chat/completions/",
        answers_model="llama3.2:3b",
        answers_key="secret",
        answers_looks=2,
        answers_picture_size=64,
        answers_picture_space=3,
        answers_tools="look_now,draw",
    )
    assert settings.answers_url is not None
    endpoint = answer_endpoint(settings, settings.answers_url)
    assert (endpoint.base, endpoint.name) == (URL, "llama3.2:3b")
    assert endpoint.headers == {"Authorization": "Bearer secret"}
    assert "secret" not in repr(endpoint)
    assert evidence_config(settings).looks == 2
    model = outside_model(settings, ExitStack(), draws=False)
    assert model is not None
    assert model.pictures is not None
    assert (model.pictures.side, model.pictures.space) == (64, 3 << 20)
    with scripted_services(outside=model) as services:
        assert services.answerer.outside == "llama3.2:3b"
        assert services.answerer.about.startswith("answers come from llama3.2:3b: ")


def test_pictures_are_kept_only_if_they_are_sent() -> None:
    for settings in (
        Settings(answers_url=URL, answers_pictures="no"),
        Settings(answers_url=URL, answers_picture_count=0),
    ):
        model = outside_model(settings, ExitStack(), draws=True)
        assert model is not None
        assert model.pictures is None


@pytest.mark.parametrize("scheme", ["https", "HTTPS"])
def test_without_a_name_the_model_is_called_by_its_host_and_https_is_verified(scheme: str) -> None:
    endpoint = answer_endpoint(Settings(), f"{scheme}://me:word@example.org:99/v1")
    assert endpoint.name == "the model at example.org"
    assert endpoint.tls is not None
    assert endpoint.tls.check_hostname


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"answers_url": "localhost:8080"}, "expected a URL"),
        ({"handler": "answers.answer"}, "package.module:function"),
        ({"handler": "a:b", "answers_url": URL}, "either EYELINE_ANSWERS_URL or"),
        ({"answers_tools": "look"}, "search_memory, look_now, recent_frames, draw"),
        ({"answers_pictures": "maybe"}, "'auto', 'yes' or 'no'"),
    ],
)
def test_wrong_settings_say_what_is_expected(wrong: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        read_settings(**wrong)


def test_a_function_that_cannot_be_loaded_is_an_error_at_the_start() -> None:
    with pytest.raises(UserCodeError, match="no_such_module:answer failed: ModuleNotFoundError"):
        outside_model(Settings(handler="no_such_module:answer"), ExitStack(), draws=True)
    with pytest.raises(UserCodeError, match="no_such_module:mirror failed: ModuleNotFoundError"):
        frame_filter(Settings(frame_filter="no_such_module:mirror"), ExitStack())


def test_video_passes_through_the_function_that_the_settings_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_filter.py").write_text("def f(picture, time):\n    return picture\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert frame_filter(Settings(), ExitStack()) is None
    with ExitStack() as stack:
        made = frame_filter(Settings(frame_filter="own_filter:f"), stack)
        assert made is not None
        assert made.about == "video that comes back passes through own_filter:f"
