"""The service ends while its sessions are busy: what clients still get, and how it closes them."""

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.chaos.failing import Failing
from tests.media.pipeline.generation.scripted_generator import ScriptedGenerator
from tests.patience import PATIENCE
from tests.web.assistants import ThinkingAssistant
from tests.web.realtime.test_websocket import Client, talk
from tests.web.served import CountingRecognizer, Served, scripted_models, served, speech
from tests.web.signaling.calling import Picture, Sound, calling
from web.config import Settings

GOING_AWAY = 1001
TRANSCRIBED = {"input": {"transcription": {"model": "whisper-1"}}}
DELTA = "conversation.item.input_audio_transcription.delta"
COMPLETED = "conversation.item.input_audio_transcription.completed"


@contextmanager
def ending(
    caplog: pytest.LogCaptureFixture, recognizer: Any = None, *, cut_off: bool = False
) -> Iterator[Served]:
    """A service that ends within the block; sessions are `cut_off`, or have time for all."""
    models = scripted_models(
        recognizer, assistant=ThinkingAssistant(), generator=ScriptedGenerator()
    )
    with caplog.at_level(logging.INFO), models as loaded, served(Settings(), loaded) as service:
        yield service
        assert service.ended.wait(PATIENCE)
    assert ("cut off" in caplog.text) == cut_off
    assert "graceful shutdown exceeded" not in caplog.text
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


async def last_events(client: Client) -> dict[str, dict[str, Any]]:
    """Return the last event of each type; the connection ends as that of a server that goes."""
    code, _ = await client.ended()
    assert code == GOING_AWAY
    return {event["type"]: event for event in client.events}


async def test_a_turn_in_progress_has_its_final_caption(caplog: pytest.LogCaptureFixture) -> None:
    with ending(caplog) as service:
        async with talk(service) as client:
            update = {"type": "realtime", "audio": TRANSCRIBED}
            await client.send("session.update", session=update)
            await client.append(speech(2.2))
            await client.until(DELTA)
            service.signal(signal.SIGTERM)
            events = await last_events(client)
    assert events[COMPLETED]["transcript"].startswith("one two three four")


async def test_a_turn_that_takes_too_long_ends_with_the_words_that_were_recognized(
    caplog: pytest.LogCaptureFixture,
) -> None:
    go_on = threading.Event()
    recognizer = Failing(CountingRecognizer(), "flush", partial(go_on.wait, PATIENCE))
    with ending(caplog, recognizer, cut_off=True) as service:
        async with talk(service) as client:
            update = {"type": "realtime", "audio": TRANSCRIBED}
            await client.send("session.update", session=update)
            await client.append(speech(2.2))
            await client.until(DELTA)
            service.signal(signal.SIGTERM)
            events = await last_events(client)
        go_on.set()
    assert events[COMPLETED]["transcript"].startswith("one two three")
    assert "response.created" not in events  # nobody waits for an answer


async def test_an_answer_in_progress_ends(caplog: pytest.LogCaptureFixture) -> None:
    with ending(caplog) as service:
        async with talk(service) as client:
            content = [{"type": "input_text", "text": "go on"}]
            item = {"type": "message", "role": "user", "content": content}
            await client.send("conversation.item.create", item=item)
            await client.send("response.create")
            await client.until("response.output_audio_transcript.delta")
            service.signal(signal.SIGTERM)
            events = await last_events(client)
    response = events["response.done"]["response"]
    assert response["status"] == "cancelled"
    assert response["output"][0]["content"][0]["transcript"].startswith(" go on hm")


async def test_a_drawing_ends(caplog: pytest.LogCaptureFixture) -> None:
    with ending(caplog) as service:
        async with talk(service, "?eyeline=1") as client:
            await client.send("eyeline.prompt.set", text="a duck")
            await client.send("eyeline.generation.update", enabled=True, pictures=True)
            await client.until("eyeline.video.delta")
            service.signal(signal.SIGTERM)
            await last_events(client)


async def test_a_call_has_its_last_events(caplog: pytest.LogCaptureFixture) -> None:
    with ending(caplog) as service:
        async with calling(service, Sound(60.0), Picture()) as caller:
            update = {"type": "realtime", "audio": TRANSCRIBED}
            caller.send("session.update", session=update)
            caller.send("eyeline.prompt.set", text="a duck")
            caller.send("eyeline.generation.update", enabled=True)
            await caller.until(DELTA)
            service.signal(signal.SIGTERM)
            done = await caller.until(COMPLETED)
            assert done["transcript"].startswith("one two")
            await caller.closed.wait()
