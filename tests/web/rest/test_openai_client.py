"""The unmodified openai client against the service with real weights: hearing, turns, errors."""

import asyncio
import base64
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gradio
import numpy as np
import pytest
from openai import AsyncOpenAI
from openai.resources.realtime.realtime import AsyncRealtimeConnection
from openai.types.chat import ChatCompletion

from media.audio.pcm import encode_pcm
from media.audio.resampling import Resampler
from media.files.decoding import decode_audio
from media.frames import SAMPLE_RATE
from tests.paths import SPEECH
from tests.patience import PATIENCE
from tests.web.openai_sdk import check
from tests.web.served import Served, served
from web.config import Settings
from web.loading.models import LoadedModels

pytestmark = pytest.mark.slow

CLIP = SPEECH / "LJ001-0006.flac"
EXPECTED_WORDS = "fine typography"
PICTURE = Path(gradio.__file__).parent / "media_assets" / "images" / "cheetah1.jpg"
NAMED = "cheetah"


@pytest.fixture(scope="module")
def service(models: LoadedModels) -> Iterator[Served]:
    with served(Settings(), models) as service:
        yield service


@pytest.fixture(scope="module")
def pcm() -> bytes:
    """The speech as clients send it: PCM16 at 24 kHz, with silence around it."""
    samples = np.concatenate(list(decode_audio(CLIP, max_duration=60)))
    quiet = np.zeros(SAMPLE_RATE, np.float32)
    resampler = Resampler(SAMPLE_RATE, 24_000)
    state, made = resampler.step(
        resampler.init_state(), np.concatenate([quiet[: SAMPLE_RATE // 4], samples, quiet])
    )
    return encode_pcm(np.concatenate([*made, *resampler.flush(state)]), "pcm16")


class Heard:
    """Reads a connection through the SDK, and checks each event with its models."""

    def __init__(self, connection: AsyncRealtimeConnection) -> None:
        self.connection = connection
        self.events: list[dict[str, Any]] = []

    async def until(self, type: str) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE):
            while True:
                event = (await self.connection.recv()).model_dump()
                self.events.append(event)
                if event["type"] == type:
                    return event

    def all(self, type: str) -> list[dict[str, Any]]:
        return [event for event in self.events if event["type"] == type]


@asynccontextmanager
async def connected(service: Served, **options: Any) -> AsyncIterator[Heard]:
    client = AsyncOpenAI(api_key="any", base_url=f"{service.http}/v1", max_retries=0)
    async with client, client.realtime.connect(**options) as connection:
        heard = Heard(connection)
        yield heard
        check(heard.events)


async def append(connection: AsyncRealtimeConnection, pcm: bytes) -> None:
    for start in range(0, len(pcm), 4800):  # 100 ms each, as a microphone gives them
        audio = base64.b64encode(pcm[start : start + 4800]).decode()
        await connection.input_audio_buffer.append(audio=audio)


async def test_a_turn_is_found_transcribed_and_answered(service: Served, pcm: bytes) -> None:
    async with connected(service, model="gpt-realtime") as heard:
        await heard.until("session.created")
        await heard.connection.session.update(
            session={
                "type": "realtime",
                "output_modalities": ["text"],
                "audio": {
                    "input": {
                        "transcription": {"model": "whisper-1"},
                        "turn_detection": {"type": "server_vad", "silence_duration_ms": 800},
                    }
                },
            }
        )
        await heard.until("session.updated")
        await append(heard.connection, pcm)
        started = await heard.until("input_audio_buffer.speech_started")
        stopped = await heard.until("input_audio_buffer.speech_stopped")
        committed = await heard.until("input_audio_buffer.committed")
        done = await heard.until("conversation.item.input_audio_transcription.completed")
        assert EXPECTED_WORDS in done["transcript"].lower()
        ids = {event["item_id"] for event in (started, stopped, committed, done)}
        assert len(ids) == 1
        assert 0 <= started["audio_start_ms"] < stopped["audio_end_ms"] <= 8_000
        answer = await heard.until("response.done")
        assert answer["response"]["status"] == "completed"
        assert answer["response"]["output"] == []  # a remark, not a question


async def test_a_transcription_session_hears_what_is_committed(service: Served, pcm: bytes) -> None:
    async with connected(service, extra_query={"intent": "transcription"}) as heard:
        created = await heard.until("session.created")
        assert created["session"]["type"] == "transcription"
        await heard.connection.session.update(
            session={"type": "transcription", "audio": {"input": {"turn_detection": None}}}
        )
        await heard.until("session.updated")
        await append(heard.connection, pcm)
        await heard.connection.input_audio_buffer.commit()
        committed = await heard.until("input_audio_buffer.committed")
        done = await heard.until("conversation.item.input_audio_transcription.completed")
        assert done["item_id"] == committed["item_id"]
        assert EXPECTED_WORDS in done["transcript"].lower()
        deltas = heard.all("conversation.item.input_audio_transcription.delta")
        assert deltas
        assert done["transcript"].startswith(deltas[0]["delta"].split()[0])


async def test_silence_starts_no_turn_and_commits_to_an_empty_transcript(service: Served) -> None:
    async with connected(service, extra_query={"intent": "transcription"}) as heard:
        await append(heard.connection, bytes(2 * 24_000 * 3))
        await heard.connection.session.update(
            session={"type": "transcription", "audio": {"input": {"turn_detection": None}}}
        )
        await heard.until("session.updated")
        await append(heard.connection, bytes(2 * 24_000))
        await heard.connection.input_audio_buffer.commit()
        done = await heard.until("conversation.item.input_audio_transcription.completed")
        assert done["transcript"] == ""
        assert not heard.all("input_audio_buffer.speech_started")


async def test_an_error_names_the_client_s_event_and_the_session_goes_on(service: Served) -> None:
    async with connected(service, model="gpt-realtime") as heard:
        await heard.connection.input_audio_buffer.commit(event_id="mine")
        error = await heard.until("error")
        assert error["error"]["event_id"] == "mine"
        assert error["error"]["code"] == "input_audio_buffer_commit_empty"
        await heard.connection.session.update(session={"type": "realtime"})
        await heard.until("session.updated")


async def shown(service: Served, question: str, **options: Any) -> ChatCompletion:
    picture = base64.b64encode(PICTURE.read_bytes()).decode()
    url = {"url": f"data:image/jpeg;base64,{picture}"}
    content = [{"type": "image_url", "image_url": url}, {"type": "text", "text": question}]
    messages: Any = [{"role": "user", "content": content}]
    async with AsyncOpenAI(api_key="any", base_url=f"{service.http}/v1", max_retries=0) as client:
        made: ChatCompletion = await client.chat.completions.create(
            model="gpt-4o", messages=messages, timeout=PATIENCE, **options
        )
    return made


async def test_chat_completions_describes_a_photograph(service: Served) -> None:
    made = await shown(service, "What is it?")
    content = made.choices[0].message.content
    assert content is not None
    assert NAMED in content.lower()
    assert made.usage is not None
    assert made.usage.total_tokens == 0, "made by rule"


async def test_the_language_model_says_more_about_a_thing_in_a_photograph(service: Served) -> None:
    made = await shown(service, f"Tell me about the {NAMED}.")
    content = made.choices[0].message.content
    assert content is not None
    assert NAMED in content.lower()
    assert made.usage is not None
    assert made.usage.prompt_tokens > 20
    assert 0 < made.usage.completion_tokens <= 48


async def test_two_thousand_words_get_a_clear_answer_without_a_thought(service: Served) -> None:
    made = await shown(service, "very " * 2000)
    assert "2000 words" in (made.choices[0].message.content or "")
    assert made.usage is not None
    assert made.usage.total_tokens == 0
