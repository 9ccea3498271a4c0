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
from web.history.recording_files import HistoryWriter
from web.history.recordings import DELETED, REBUILT, sweep

FLAC_FRAME = 4608  # samples, of which the last are not on the disk


async def killed_after_an_answer(service: Running) -> None:
    async with websockets.connect(service.ws) as client:
        assert "You asked: one two" in await answered(client)
        service.process.kill()
        service.process.wait(PATIENCE)


@pytest.mark.slow
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


def test_what_a_killed_deletion_or_rebuilding_left_is_deleted_and_one_that_goes_on_is_not(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "sess_0123456789abcdef"
    left, goes_on = kept / REBUILT, tmp_path / "sess_fedcba9876543210" / REBUILT
    deleted, foreign = tmp_path / f"{DELETED}x", tmp_path / "mine" / REBUILT
    for folder in (left, goes_on, deleted, foreign):
        folder.mkdir(parents=True)
        (folder / "blocks").touch()
    writer = HistoryWriter(goes_on)
    writer.open(None)
    sweep(tmp_path)
    assert kept.is_dir()
    assert not left.exists()
    assert not deleted.exists()
    assert foreign.is_dir()
    assert goes_on.is_dir()
    writer.close()
    sweep(tmp_path)
    assert not goes_on.exists()
