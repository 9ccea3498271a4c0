"""Metrics, readiness and an orderly end, of the service as it is served."""

import asyncio
import base64
import json
import re
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families

from tests.paths import ROOT
from tests.patience import PATIENCE
from tests.web.served import Served, scripted_models, served, speech
from web.config import Settings

Samples = dict[tuple[str, str], float]  # by name and label


def read_metrics(service: Served, key: str | None = None) -> Samples:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    answer = httpx.get(f"{service.http}/metrics", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    return {
        (sample.name, "".join(v for k, v in sample.labels.items() if k != "le")): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
        if sample.labels.get("le", "+Inf") == "+Inf"
    }


async def ask_aloud(client: websockets.ClientConnection) -> None:
    """Say two words, and wait for the end of the answer."""
    await send_audio(client, speech(1.0) + speech(1.0, loud=False))
    await until(client, "response.done")


async def send_audio(client: websockets.ClientConnection, pcm: bytes) -> None:
    audio = base64.b64encode(pcm).decode()
    await client.send(json.dumps({"type": "input_audio_buffer.append", "audio": audio}))


async def until(client: websockets.ClientConnection, type: str) -> dict[str, Any]:
    async with asyncio.timeout(PATIENCE):
        while True:
            event: dict[str, Any] = json.loads(await client.recv())
            if event["type"] == type:
                return event


async def no_session_runs(service: Served) -> None:
    async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=service.http) as web:
        while (await web.get("/health")).json()["sessions"]["live"]:
            pass


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    with scripted_models() as models, served(Settings(sessions=1), models) as service:
        yield service


async def test_metrics_count_what_a_session_did_and_the_next_one_adds_to_it(
    service: Served,
) -> None:
    before = read_metrics(service)
    for _ in range(2):
        async with websockets.connect(f"{service.ws}/v1/realtime") as client:
            await ask_aloud(client)
        await no_session_runs(service)
    after = read_metrics(service)

    def grown(name: str, label: str = "") -> float:
        return after[name, label] - before.get((name, label), 0.0)

    assert grown("eyeline_sessions_started_total", "websocket") == 2
    assert grown("eyeline_turns_total") == 2
    assert grown("eyeline_audio_seconds_total") == pytest.approx(4.0, abs=0.2)
    for part in ("final_caption", "answer_start", "first_text", "first_sound"):
        assert grown("eyeline_delay_seconds_count", part) == 2
    assert grown("eyeline_queue_jobs_total", "recognition") > 0
    assert grown("eyeline_queue_run_seconds_count", "recognition") == grown(
        "eyeline_queue_jobs_total", "recognition"
    )
    assert after["process_resident_memory_bytes", ""] > 0


async def test_refused_sessions_are_counted_by_reason(service: Served) -> None:
    name = ("eyeline_sessions_refused_total", "sessions_full")
    before = read_metrics(service).get(name, 0)
    async with websockets.connect(f"{service.ws}/v1/realtime") as client:
        await until(client, "session.created")
        async with websockets.connect(f"{service.ws}/v1/realtime") as refused:
            with pytest.raises(websockets.ConnectionClosed):
                await refused.recv()
    assert read_metrics(service)[name] == before + 1


async def test_the_dashboard_shows_only_metrics_that_exist(service: Served) -> None:
    async with websockets.connect(f"{service.ws}/v1/realtime") as client:
        await ask_aloud(client)
    await no_session_runs(service)
    dashboard = (ROOT / "web/operation/monitoring/dashboard.json").read_text(encoding="utf-8")
    shown = set(re.findall(r"(?:eyeline|process)_[a-z_]+", dashboard))
    async with httpx.AsyncClient(base_url=service.http) as web:
        text = (await web.get("/metrics")).text
    named = set(re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE))
    known = {f"{name}{end}" for name in named for end in ("", "_bucket", "_sum", "_count")}
    assert len(shown) > 15
    assert shown - known == set()


def test_metrics_need_the_key() -> None:
    with scripted_models() as models, served(Settings(api_key="sesame"), models) as service:
        assert httpx.get(f"{service.http}/metrics").status_code == 401
        assert read_metrics(service, "sesame")["eyeline_sessions_live", ""] == 0
        assert httpx.get(f"{service.http}/ready").json() == {"status": "ready"}


async def test_a_draining_service_takes_no_session_and_lets_the_others_finish() -> None:
    with scripted_models() as models, served(Settings(drain=PATIENCE), models) as service:
        async with websockets.connect(f"{service.ws}/v1/realtime?eyeline=1") as client:
            await until(client, "session.created")
            service.signal(signal.SIGTERM)
            notice = await until(client, "eyeline.notice")
            while "the service ends in" not in notice["message"]:
                notice = await until(client, "eyeline.notice")
            async with httpx.AsyncClient(base_url=service.http) as web:
                ready = await web.get("/ready")
            assert (ready.status_code, ready.json()) == (503, {"status": "draining"})
            async with websockets.connect(f"{service.ws}/v1/realtime") as refused:
                with pytest.raises(websockets.ConnectionClosed) as closed:
                    await refused.recv()
            assert "about to end" in str(closed.value)
            await ask_aloud(client)
        assert service.ended.wait(PATIENCE)


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_ends_a_draining_service_at_once(second: signal.Signals) -> None:
    with scripted_models() as models, served(Settings(drain=10 * PATIENCE), models) as service:
        async with websockets.connect(f"{service.ws}/v1/realtime?eyeline=1") as client:
            await until(client, "session.created")
            service.signal(signal.SIGTERM)
            await until(client, "eyeline.notice")
            service.signal(second)
            assert service.ended.wait(PATIENCE)


async def test_the_time_of_draining_ends() -> None:
    with scripted_models() as models, served(Settings(drain=0.2), models) as service:
        async with websockets.connect(f"{service.ws}/v1/realtime") as client:
            await until(client, "session.created")
            service.signal(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosed):
                await until(client, "never")
            assert service.ended.wait(PATIENCE)
