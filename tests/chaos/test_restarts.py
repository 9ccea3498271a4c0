"""The service is killed in the middle of a session: what is left, and what the next one does."""

import asyncio
from pathlib import Path

import pytest
import websockets

from media.frames import SAMPLE_RATE, AudioChunk
from media.recording.reader import read_items
from tests.chaos.conversation import answered
from tests.chaos.scripted_service import Running, running
from tests.patience import PATIENCE

FLAC_FRAME = 4608  # samples, of which the last are not on the disk

pytestmark = pytest.mark.slow


async def killed_after_an_answer(service: Running) -> None:
    async with websockets.connect(service.ws) as client:
        assert "You asked: one two" in await answered(client)
        service.process.kill()
        service.process.wait(PATIENCE)


def test_a_killed_service_leaves_a_recording_and_the_next_one_deletes_its_folders(
    tmp_path: Path,
) -> None:
    memories, recordings = tmp_path / "memories", tmp_path / "recordings"
    with running(tmp_path) as service:
        asyncio.run(killed_after_an_answer(service))
    (left,) = memories.iterdir()
    with running(tmp_path, recordings=recordings) as service:
        assert not list(memories.iterdir())
        assert f"deleted {left}" in service.log.read_text()
        asyncio.run(killed_after_an_answer(service))
    (recording,) = recordings.iterdir()
    audio = [
        each for each in read_items(recording, max_duration=60) if isinstance(each, AudioChunk)
    ]
    assert audio[-1].end > 2 * SAMPLE_RATE - FLAC_FRAME
