"""/v1/realtime over a real socket, with quick scripted models."""

import asyncio
import base64
import json
import logging
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from media.audio import g711
from media.events.hearing import AudioPaused, ListeningConfig
from media.frames import AudioChunk
from media.pipeline.interfaces import Samples
from media.recording.reader import read_items
from media.servers.urgency import Urgency
from models.asr.words import TranscriptUpdate
from tests.patience import PATIENCE
from tests.web.openai_sdk import check
from tests.web.served import (
    BrokenRecognizer,
    CountingRecognizer,
    Served,
    scripted_models,
    served,
    speech,
)
from web.config import Settings


@pytest.fixture(scope="module")
def service() -> Iterator[Served]:
    settings = Settings(sessions=3, max_message_size=200_000)
    with scripted_models() as models, served(settings, models) as service:
        yield service


class HeldRecognizer(CountingRecognizer):
    """Recognizes nothing until it is released."""

    def __init__(self) -> None:
        self.released = threading.Event()

    def step(
        self, state: int, chunk: Samples, *, skip_interim: bool = False
    ) -> tuple[int, Sequence[TranscriptUpdate]]:
        assert self.released.wait(PATIENCE)
        return super().step(state, chunk, skip_interim=skip_interim)


class Client:
    """Sends and awaits events."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []

    async def send(self, type: str, **fields: Any) -> None:
        await self.connection.send(json.dumps({"type": type, **fields}))

    async def until(self, type: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                event: dict[str, Any] = json.loads(await self.connection.recv())
                self.events.append(event)
                if event["type"] == type:
                    return event

    async def ended(self) -> tuple[int, str]:
        """Return the code and reason with which the server closes."""
        async with asyncio.timeout(PATIENCE):
            try:
                while True:
                    self.events.append(json.loads(await self.connection.recv()))
            except ConnectionClosed as closed:
                frame = closed.rcvd
                return (frame.code, frame.reason) if frame else (1006, "no close frame")

    async def append(self, sound: bytes) -> None:
        for start in range(0, len(sound), 48_000):
            audio = base64.b64encode(sound[start : start + 48_000]).decode()
            await self.send("input_audio_buffer.append", audio=audio)


@asynccontextmanager
async def talk(service: Served, query: str = "", **options: Any) -> AsyncIterator[Client]:
    url = f"{service.ws}/v1/realtime{query}"
    async with connect(url, max_size=None, open_timeout=PATIENCE, **options) as connection:
        client = Client(connection)
        yield client
        check(client.events)


async def live(service: Served) -> int:
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"{service.http}/health")
    count: int = answer.json()["sessions"]["live"]
    return count


async def fewer_than(count: int, service: Served) -> None:
    """Poll the service until fewer than `count` sessions are live."""
    async with asyncio.timeout(PATIENCE):
        while await live(service) >= count:
            pass


@pytest.fixture(autouse=True)
async def idle(service: Served) -> None:
    """Wait for the sessions of the test before to end: the limit is three."""
    await fewer_than(1, service)


async def test_speech_becomes_a_turn_a_transcript_and_a_spoken_answer(service: Served) -> None:
    async with talk(service) as client:
        await client.until("session.created")
        transcription = {"input": {"transcription": {"model": "whisper-1"}}}
        await client.send("session.update", session={"type": "realtime", "audio": transcription})
        await client.append(speech(0.5, loud=False) + speech(2.0) + speech(1.5, loud=False))
        started = await client.until("input_audio_buffer.speech_started")
        done = await client.until("conversation.item.input_audio_transcription.completed")
        await client.until("response.done")
    assert done["item_id"] == started["item_id"]
    assert done["transcript"].startswith("one two three four")
    sound = [e["delta"] for e in client.events if e["type"] == "response.output_audio.delta"]
    words = [
        e["delta"] for e in client.events if e["type"] == "response.output_audio_transcript.delta"
    ]
    assert sound
    assert "[scripted assistant]" in "".join(words)
    assert "one two three four" in "".join(words)


async def test_a_turn_whose_audio_stops_without_silence_is_answered(tmp_path: Path) -> None:
    settings = Settings(recordings=tmp_path, longest_gap=0.2)
    with scripted_models() as models, served(settings, models) as service:
        async with talk(service) as client:
            created = await client.until("session.created")
            detection = {"type": "server_vad", "silence_duration_ms": 50}
            audio = {"input": {"transcription": {"model": "x"}, "turn_detection": detection}}
            await client.send("session.update", session={"type": "realtime", "audio": audio})
            await client.append(speech(0.5, loud=False) + speech(1.0))
            stopped = await client.until("input_audio_buffer.speech_stopped")
            done = await client.until("conversation.item.input_audio_transcription.completed")
            await client.until("response.done")
        await fewer_than(1, service)
    assert stopped["audio_end_ms"] == pytest.approx(1500, abs=50)
    assert done["transcript"] == "one two three"
    items = list(read_items(tmp_path / created["session"]["id"], max_duration=60))
    assert items.count(AudioPaused()) == 1, "a replay ends the turn as the clock did"


async def test_a_client_is_told_while_captions_are_late_and_when_they_no_longer_are() -> None:
    recognizer = HeldRecognizer()
    with (
        scripted_models(recognizer) as models,
        served(Settings(late=0.1), models) as service,
    ):
        async with talk(service, "?eyeline=1") as client:
            await client.append(speech(2.0))
            behind = await client.until("eyeline.delay")
            stats = await client.until("eyeline.stats")
            recognizer.released.set()
            while (event := await client.until("eyeline.delay"))["state"] == "behind":
                pass
    assert (behind["state"], stats["state"]) == ("behind", "behind")
    assert behind["caption_delay"] > 0
    assert "does not keep up" in behind["message"]
    assert "keep up again" in event["message"]


async def test_audio_sent_faster_than_real_time_is_all_transcribed(service: Served) -> None:
    async with talk(service, "?intent=transcription") as client:
        session = {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
        await client.send("session.update", session=session)
        await client.append(speech(60.0))
        await client.send("input_audio_buffer.commit")
        done = await client.until("conversation.item.input_audio_transcription.completed")
    assert len(done["transcript"].split()) == 120
    deltas = [e["delta"] for e in client.events if e["type"].endswith("transcription.delta")]
    assert "".join(deltas) == done["transcript"]


async def test_g711_is_transcribed_like_pcm(service: Served) -> None:
    coded = g711.encode(np.frombuffer(speech(1.0, rate=8_000), "<i2"), "ulaw")
    async with talk(service, "?intent=transcription") as client:
        audio_input = {"format": {"type": "audio/pcmu"}, "turn_detection": None}
        session = {"type": "transcription", "audio": {"input": audio_input}}
        await client.send("session.update", session=session)
        await client.append(coded)
        await client.send("input_audio_buffer.commit")
        done = await client.until("conversation.item.input_audio_transcription.completed")
    assert done["transcript"] == "one two"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("hello, is this thing on?", "JSON"),
        (b"\x00\x01\x02\x03", "binary"),
        ('{"type": "input_audio_buffer.append", "audio": "spoken words"}', "base64"),
        (json.dumps({"type": "input_audio_buffer.append", "audio": "A" * 250_000}), "200000"),
        ("{" * 1000, "JSON"),
    ],
)
async def test_a_bad_message_gets_an_error_and_the_connection_stays(
    service: Served, message: str | bytes, reason: str
) -> None:
    async with talk(service) as client:
        await client.connection.send(message)
        error = await client.until("error")
        assert reason in error["error"]["message"]
        await client.send("session.update", session={"type": "realtime"})
        await client.until("session.updated")


async def test_a_message_far_too_large_ends_the_connection_with_1009(service: Served) -> None:
    async with talk(service) as client:
        await client.connection.send("A" * 1_000_000)
        code, _ = await client.ended()
    assert code == 1009


async def test_a_session_over_the_limit_is_asked_to_try_again_later(service: Served) -> None:
    await fewer_than(1, service)
    async with talk(service) as one, talk(service) as two, talk(service) as three:
        for client in (one, two, three):
            await client.until("session.created")
        async with talk(service) as four:
            code, reason = await four.ended()
            assert not four.events
        assert code == 1013
        assert "3 sessions" in reason
        await one.connection.close()
        await fewer_than(3, service)
        async with talk(service) as five:
            await five.until("session.created")


async def test_a_session_is_refused_while_speech_waits_for_the_processor() -> None:
    settings = Settings(busy=1.0)
    with scripted_models() as models, served(settings, models) as service:
        queue = models.services.recognizer.queue
        queue.stats.add_shed(Urgency.INTERIM_CAPTION, queue.now() - 5.0, queue.now() + PATIENCE)
        async with talk(service) as client:
            code, reason = await client.ended()
        assert code == 1013
        assert "speech waits" in reason
        async with httpx.AsyncClient(base_url=service.http, timeout=PATIENCE) as web:
            headers = {"Content-Type": "application/sdp"}
            refused = await web.post("/v1/realtime/calls", content="v=0", headers=headers)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_busy")
        assert refused.headers["Retry-After"] == "10"


async def test_a_client_that_vanishes_frees_its_session(service: Served) -> None:
    async with talk(service) as client:
        await client.until("session.created")
        await client.append(speech(5.0))
        client.connection.transport.abort()  # no closing handshake, as when a machine dies
    await fewer_than(1, service)


async def test_a_browser_gets_its_subprotocol_back(service: Served) -> None:
    offered = ["realtime", "openai-insecure-api-key.any", "openai-agents-sdk.1"]
    async with talk(service, subprotocols=offered) as client:
        assert client.connection.subprotocol == "realtime"
        await client.until("session.created")


async def test_the_beta_header_is_refused_with_a_reason(service: Served) -> None:
    async with talk(service, additional_headers={"OpenAI-Beta": "realtime=v1"}) as client:
        error = await client.until("error")
        code, _ = await client.ended()
    assert error["error"]["code"] == "beta_api_shape_disabled"
    assert code == 4000


async def test_a_page_of_another_origin_is_refused(
    service: Served, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with talk(service, origin="https://elsewhere.example"):
            pass
    assert refused.value.response.status_code == 403
    assert b"EYELINE_ORIGINS" in refused.value.response.body
    async with talk(service, origin=service.http) as client:
        await client.until("session.created")
    assert not [each.message for each in caplog.records if each.levelno >= logging.ERROR]


async def test_eyeline_events_are_sent_if_the_url_asks_for_them(service: Served) -> None:
    async with talk(service, "?eyeline=1") as client:
        await client.append(speech(1.0) + speech(1.0, loud=False))
        caption = await client.until("eyeline.caption")
        stats = await client.until("eyeline.stats")
    assert caption["words"][0]["text"] == " one"
    assert stats["state"] in ("live", "behind")
    assert stats["round_trip"] is None
    assert "eyeline.notice" in [event["type"] for event in client.events]


async def test_the_captions_of_a_session_stay_for_download_after_its_end(service: Served) -> None:
    async with talk(service, "?intent=transcription") as client:
        created = await client.until("session.created")
        await client.append(speech(1.0) + speech(1.0, loud=False))
        await client.until("conversation.item.input_audio_transcription.completed")
    id = created["session"]["id"]
    async with httpx.AsyncClient(base_url=service.http) as web, asyncio.timeout(PATIENCE):
        vtt = (await web.get(f"/sessions/{id}/captions.vtt")).text
        srt = (await web.get(f"/sessions/{id}/captions.srt")).text
        cues = (await web.get(f"/sessions/{id}/captions.json")).json()
        stream = (await web.get(f"/sessions/{id}/captions")).text
        summary = (await web.get(f"/sessions/{id}")).json()
        assert (await web.get(f"/sessions/{id}/captions.pdf")).status_code == 404
        assert (await web.get("/sessions/sess_no/captions.vtt")).status_code == 404
    assert vtt.startswith("WEBVTT")
    assert "one two" in vtt
    assert srt.startswith("1\n00:00:00,")
    assert cues[0]["text"].startswith("one two")
    assert "event: caption" in stream
    assert stream.endswith("event: end\ndata: {}\n\n")
    assert summary["captions"] == 1
    assert summary["turns"] == 1


async def test_captions_are_streamed_while_the_session_runs(service: Served) -> None:
    async with talk(service, "?intent=transcription") as client:
        id = (await client.until("session.created"))["session"]["id"]
        async with (
            asyncio.timeout(PATIENCE),
            httpx.AsyncClient(base_url=service.http) as web,
            web.stream("GET", f"/sessions/{id}/captions") as stream,
        ):
            lines = stream.aiter_lines()
            await client.append(speech(1.0) + speech(1.0, loud=False))
            seen = [await anext(lines) for _ in range(3)]
    assert seen[::2] == ["event: caption", "id: 0"]
    assert json.loads(seen[1].removeprefix("data: "))["text"].startswith("one two")


async def test_a_session_can_be_ended_over_rest(service: Served) -> None:
    async with talk(service) as client:
        id = (await client.until("session.created"))["session"]["id"]
        async with httpx.AsyncClient(base_url=service.http) as web:
            assert (await web.delete(f"/sessions/{id}")).status_code == 204
        code, _ = await client.ended()
    assert code == 1000


async def test_a_failing_model_sends_an_error_and_ends_only_its_session() -> None:
    with scripted_models(BrokenRecognizer()) as models, served(Settings(), models) as service:
        async with talk(service) as client:
            await client.append(speech(1.0) + speech(1.0, loud=False))
            error = await client.until("error")
            code, _ = await client.ended()
        assert "ZeroDivisionError" in error["error"]["message"]
        assert "scripted failure" not in error["error"]["message"]
        assert code == 1011
        async with talk(service) as client:
            await client.until("session.created")


async def test_the_session_of_a_silent_client_ends() -> None:
    settings = Settings(silence_timeout=0.05)
    with scripted_models() as models, served(settings, models) as service:
        async with talk(service) as client:
            error = await client.until("error")
            code, _ = await client.ended()
    assert error["error"]["code"] == "session_silent"
    assert code == 1000


async def test_a_key_is_required_and_a_client_secret_replaces_it() -> None:
    with scripted_models() as models, served(Settings(api_key="sesame"), models) as service:
        with pytest.raises(InvalidStatus) as refused:
            async with talk(service):
                pass
        assert refused.value.response.status_code == 401
        async with talk(service, additional_headers={"Authorization": "Bearer sesame"}) as client:
            await client.until("session.created")
        async with httpx.AsyncClient(base_url=service.http) as web:
            assert (await web.get("/v1/models")).status_code == 401
            assert (await web.get("/health")).status_code == 200
            answer = await web.post(
                "/v1/realtime/client_secrets",
                headers={"Authorization": "Bearer sesame"},
                json={"session": {"type": "realtime", "instructions": "Be brief."}},
            )
        secret = answer.json()["value"]
        offered = ["realtime", f"openai-insecure-api-key.{secret}"]
        async with talk(service, subprotocols=offered) as client:
            created = await client.until("session.created")
        assert created["session"]["instructions"] == "Be brief."


async def test_the_service_ends_while_sessions_are_busy() -> None:
    with scripted_models() as models, served(Settings(), models) as service:
        client = Client(await connect(f"{service.ws}/v1/realtime", max_size=None))
        await client.until("session.created")
        await client.append(speech(3.0))
    code, _ = await client.ended()
    assert code == 1001  # going away


async def test_a_recorded_session_can_be_read(
    tmp_path: Path,
) -> None:
    with scripted_models() as models, served(Settings(recordings=tmp_path), models) as service:
        async with talk(service, "?intent=transcription") as client:
            created = await client.until("session.created")
            await client.append(speech(1.0) + speech(1.0, loud=False))
            await client.until("conversation.item.input_audio_transcription.completed")
    items = list(read_items(tmp_path / created["session"]["id"], max_duration=60))
    sound = [item for item in items if isinstance(item, AudioChunk)]
    assert sum(len(chunk.samples) for chunk in sound) == pytest.approx(2 * 16_000, abs=100)
    assert isinstance(items[0], ListeningConfig)


async def test_a_session_that_cannot_be_recorded_says_so_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings(recordings=tmp_path / "file")
    with scripted_models() as models, served(settings, models) as service:
        async with talk(service, "?intent=transcription&eyeline=1") as client:
            while "no longer recorded" not in (await client.until("eyeline.notice"))["message"]:
                pass
            await client.append(speech(1.0) + speech(1.0, loud=False))
            await client.until("conversation.item.input_audio_transcription.completed")


async def test_a_session_without_a_place_for_its_memory_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings = Settings(memory_folder=tmp_path / "file" / "gone")
    with scripted_models() as models, served(settings, models) as service:
        async with talk(service, "?eyeline=1") as client:
            while "limited to RAM" not in (await client.until("eyeline.notice"))["message"]:
                pass
            await client.append(speech(1.0) + speech(1.0, loud=False))
            await client.until("response.done")
