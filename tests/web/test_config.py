"""Settings: reading, refusals and their messages."""

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from media.pipeline.interfaces import VideoGenerator
from media.pipeline.limits import Limits
from rtc.limits import PeerLimits
from web.config import Settings, read_settings
from web.errors import SettingsError
from web.loading.models import session_limits
from web.settings.weights import CHECKOUT
from web.settings_page import settings_page
from web.signaling.offers import peer_limits


def test_variables_are_read_and_arguments_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_PORT", "8000")
    monkeypatch.setenv("EYELINE_HOST", "0.0.0.0")
    settings = read_settings(port=9000, host=None)
    assert (settings.port, settings.host) == (9000, "0.0.0.0")


def test_white_space_around_a_key_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EYELINE_ANSWERS_KEY", " sk-1\r\n")
    key = read_settings().answers_key
    assert key is not None
    assert key.get_secret_value() == "sk-1"


def test_an_unknown_variable_is_refused_with_the_nearest_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EYELINE_PROT", "8000")
    with pytest.raises(
        SettingsError, match=r"^unknown setting EYELINE_PROT: did you mean EYELINE_PORT\?$"
    ):
        read_settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("EYELINE_PORT", "high", "EYELINE_PORT: .*integer.*'high'"),
        ("EYELINE_PORT", "65536", "EYELINE_PORT: .*65535"),
        ("EYELINE_PLAYBACK_TIME", "inf", "EYELINE_PLAYBACK_TIME: .*finite number"),
        ("EYELINE_LOG_LEVEL", "loud", "EYELINE_LOG_LEVEL: .*'debug', 'info'"),
        ("EYELINE_ASR_MODEL", "tiny", "EYELINE_ASR_MODEL: expected tiny.en, base or the path"),
        ("EYELINE_HUB", "hub.example", "EYELINE_HUB: expected a URL that starts with https"),
        ("EYELINE_ANSWERS_URL", "http://a:b/v1", "EYELINE_ANSWERS_URL: Invalid port"),
        ("EYELINE_ANSWERS_KEY", "a b", "EYELINE_ANSWERS_KEY: expected a key of ASCII characters"),
        ("EYELINE_ANSWERS_KEY", "schlüssel", "EYELINE_ANSWERS_KEY: expected a key of ASCII"),
        ("EYELINE_SESSIONS", "0", "EYELINE_SESSIONS: .*greater than or equal to 1"),
        ("EYELINE_SPEECH_THRESHOLD", "1.5", "EYELINE_SPEECH_THRESHOLD: .*less than 1"),
        ("EYELINE_QUESTIONS", "0", "EYELINE_QUESTIONS: .*greater than or equal to 1"),
        ("EYELINE_LONGEST_TURN", "31", "EYELINE_LONGEST_TURN: .*less than or equal to 30"),
        ("EYELINE_LOOK_EVERY", "0", "EYELINE_LOOK_EVERY: .*greater than 0"),
        ("EYELINE_LOOK_EVERY", "3", "EYELINE_LOOK_ATTENTIVE <= EYELINE_LOOK_EVERY <="),
        ("EYELINE_VIDEO_SIZE", "90", "EYELINE_VIDEO_SIZE: .*greater than or equal to 160"),
        ("EYELINE_STUN_URLS", "http://a", "EYELINE_STUN_URLS: expected stun:HOST:PORT"),
        ("EYELINE_STUN_URLS", "stun:a:1,stun:", "EYELINE_STUN_URLS: expected stun:HOST:PORT"),
        ("EYELINE_TURN_URLS", "stun:a:1", "EYELINE_TURN_URLS: expected turn:HOST:PORT"),
        (
            "EYELINE_TURN_URLS",
            "turn:a:b",
            "EYELINE_TURN_URLS: expected turn:HOST:PORT, comma-separated, got 'turn:a:b'",
        ),
        ("EYELINE_TURN_URLS", "turn:a:1", "EYELINE_TURN_URLS needs EYELINE_TURN_SECRET"),
    ],
)
def test_a_bad_value_is_one_error_line_that_names_the_variable(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=message) as caught:
        read_settings()
    assert "\n" not in str(caught.value)


def test_a_bad_argument_error_names_its_option_not_a_variable() -> None:
    with pytest.raises(SettingsError, match=r"^--model: expected tiny\.en, base"):
        read_settings(asr_model="large")


def test_secrets_are_shown_neither_in_errors_nor_in_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EYELINE_API_KEY", "hunter2")
    assert "hunter2" not in repr(read_settings())
    with pytest.raises(SettingsError) as caught:
        read_settings(turn_secret=["hunter2"])
    assert "hunter2" not in str(caught.value)


def test_lists_are_comma_separated_and_empty_variables_count_as_not_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EYELINE_STUN_URLS", "stun:a:3478, stun:b:3478,")
    monkeypatch.setenv("EYELINE_API_KEY", "")
    monkeypatch.setenv("EYELINE_THREADS", "")
    settings = read_settings()
    assert settings.stun_urls == ("stun:a:3478", "stun:b:3478")
    assert settings.api_key is None
    assert settings.threads_in_use >= 1


def test_a_key_that_no_client_could_send_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("EYELINE_API_KEY", " from-a-file\n")
    key = read_settings().api_key
    assert key is not None
    assert key.get_secret_value() == "from-a-file"
    for wrong in ("two words", "sésame"):
        monkeypatch.setenv("EYELINE_API_KEY", wrong)
        with pytest.raises(
            SettingsError, match="EYELINE_API_KEY: expected a key of ASCII"
        ) as error:
            read_settings()
        assert wrong not in str(error.value)


def test_no_third_party_server_is_offered_unless_configured() -> None:
    settings = read_settings()
    assert settings.stun_urls == settings.turn_urls == ()
    assert settings.host == "127.0.0.1"


def test_settings_cannot_be_changed_after_they_were_read() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().port = 1  # type: ignore[misc]  # what is tested


def test_every_setting_says_what_it_is_for() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_the_page_of_settings_is_up_to_date() -> None:
    page = Path(CHECKOUT, "docs", "settings.md").read_text()
    assert page == settings_page(), "run: .venv/bin/python -m web.settings_page > docs/settings.md"


def test_limits_of_sessions_and_calls_come_from_the_settings() -> None:
    settings = Settings(
        look_every=1.0,
        look_attentive=0.5,
        look_still=4.0,
        hurry=3.0,
        longest_turn=20.0,
        longest_gap=2.0,
        video_size=640,
        frame_rate=15,
        connect_timeout=5,
        call_timeout=6,
        gathering_timeout=0.25,
    )
    limits, peer = session_limits(settings), peer_limits(settings)
    sampling = limits.sampling
    assert (sampling.interval, sampling.attentive_interval, sampling.still_interval) == (
        1.0,
        0.5,
        4.0,
    )
    assert (limits.max_lag, limits.max_turn, limits.max_gap) == (3.0, 20.0, 2.0)
    assert (peer.frame_size.longer, peer.frame_size.shorter, peer.frame_rate) == (640, 360, 15)
    assert (peer.connect_timeout, peer.silence_timeout, peer.gathering_timeout) == (5, 6, 0.25)


def test_the_defaults_of_the_settings_are_those_of_the_code() -> None:
    assert session_limits(Settings()) == Limits()
    assert peer_limits(Settings()) == PeerLimits()


def test_frames_are_generated_at_the_rate_of_the_model_unless_another_is_set() -> None:
    generator = cast("VideoGenerator", SimpleNamespace(rate=24.0))
    assert session_limits(Settings(), generator).frame_output.rate == 24.0
    assert session_limits(Settings(drawing_rate=12), generator).frame_output.rate == 12.0
