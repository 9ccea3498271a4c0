"""`eyeline publish` against the real application: media, steering, and clear errors."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from media.clock import LiveClock
from rtc.publishing.orders import Orders
from rtc.publishing.publisher import Progress
from tests.paths import SAMPLE
from tests.web.served import Served, scripted_models, served
from web.cli import publish as command
from web.cli.main import main
from web.cli.publish import progress_line
from web.cli.whip import endpoint_url
from web.config import Settings
from web.errors import UsageError

KEY = "secret"


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with scripted_models() as models, served(Settings(api_key=SecretStr(KEY)), models) as running:
        yield running


def sessions(service: Served) -> list[dict[str, Any]]:
    headers = {"Authorization": f"Bearer {KEY}"}
    found: list[dict[str, Any]] = httpx.get(f"{service.http}/sessions", headers=headers).json()[
        "sessions"
    ]
    return found


@pytest.mark.slow
def test_a_clip_is_published_and_steered(
    service: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["publish", str(SAMPLE), "--to", service.http, "--key", KEY, "--seconds", "3"]
    assert main(arguments) == 0
    said = capsys.readouterr().err
    assert "stop it with Ctrl-C" in said
    assert "fps" in said
    (session,) = sessions(service)
    assert session["kind"] == "whip"
    assert session["end_reason"] == "ended by a request"
    assert session["frames_in"] > 0
    assert session["audio_seconds"] > 1


def test_a_wrong_key_and_a_missing_one_are_named(
    service: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["publish", str(SAMPLE), "--to", service.http]) == 2
    assert "give --key" in capsys.readouterr().err
    assert main(["publish", str(SAMPLE), "--to", service.http, "--key", "wrong"]) == 2
    assert "does not accept this key" in capsys.readouterr().err


def test_what_cannot_be_published_or_reached_is_named(
    service: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "clip.mp4"
    text.write_text("no clip")
    closed = "http://127.0.0.1:1"
    for path, to, expected in (
        (SAMPLE, closed, "is the service running there?"),
        (SAMPLE, "localhost:7860", "expected a URL"),
        (SAMPLE, f"{service.http}/nowhere", "no WHIP endpoint"),
        (text, service.http, "not audio or video"),
        (tmp_path / "missing.mp4", service.http, "no such file"),
    ):
        arguments = ["publish", str(path), "--to", to, "--key", KEY]
        assert main(arguments) == 2, expected
        said = capsys.readouterr().err
        assert expected in said
        assert len(said.splitlines()) == 1


def test_a_service_that_ends_the_session_ends_the_command(
    service: Served, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hang_up(*_: object) -> None:
        """Stand in for the report: end the session from the side of the service."""
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(headers=headers, base_url=service.http) as web:
            for each in (await web.get("/sessions")).json()["sessions"]:
                await web.delete(f"/whip/{each['id']}")
        await LiveClock().sleep_until(3600)

    monkeypatch.setattr(command, "report", hang_up)
    assert main(["publish", str(SAMPLE), "--to", service.http, "--key", KEY]) == 2
    assert "the service ended the session" in capsys.readouterr().err


def test_a_url_without_a_path_is_that_of_a_service() -> None:
    assert str(endpoint_url("http://localhost:7860")) == "http://localhost:7860/whip?eyeline=1"
    assert str(endpoint_url("https://x.example/live?a=b")).startswith("https://x.example/live?")
    with pytest.raises(UsageError, match="expected a URL"):
        endpoint_url("ftp://x.example")


def test_progress_says_what_is_sent_and_why() -> None:
    orders = Orders(bitrate=400_000, frame_rate=15.0, message="the model is sure (85 %)")
    before = Progress(
        bytes=0, frames=0, size=(0, 0), orders=orders, focused=False, round_trip=None, loss=0.0
    )
    now = Progress(
        bytes=45_000,
        frames=15,
        size=(640, 360),
        orders=orders,
        focused=True,
        round_trip=0.02,
        loss=0.05,
    )
    assert progress_line(before, now, 61.0) == (
        "1:01, 640x360, 15 of at most 15 fps, 360 of at most 400 kbit/s, round trip 20 ms, "
        "loss 5 % (the model is sure (85 %); sharp where it looks)"
    )
    assert asyncio.iscoroutinefunction(command.report)
