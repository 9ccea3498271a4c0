"""The service is killed in the middle of a session: what is left, and what the next one does."""

import asyncio
import signal
from pathlib import Path

import pytest
import websockets

from media.frames import SAMPLE_RATE, AudioChunk
from media.recording.reader import read_items
from tests.chaos.conversation import answered, say
from tests.chaos.scripted_service import Running, running
from tests.patience import PATIENCE
from web.history.recording_files import HistoryWriter
from web.history.recordings import DELETED, REBUILT, sweep

FLAC_FRAME = 4608  # samples, of which the last are not on the disk


async def answer_and_kill(service: Running) -> None:
    async with websockets.connect(service.ws) as client:
        assert "You asked: one two" in await answered(client)
        service.process.kill()
        service.process.wait(PATIENCE)


async def hang_and_interrupt(service: Running) -> None:
    """Let a session hang in its recognizer, and press Ctrl-C."""
    async with websockets.connect(service.ws) as client:
        await say(client)
        assert service.process.stdout is not None
        assert service.process.stdout.readline() == "hangs\n"
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(PATIENCE) == 0


@pytest.mark.slow
def test_the_next_start_deletes_what_a_killed_one_left_and_ends_although_a_model_hangs(
    tmp_path: Path,
) -> None:
    memories, recordings = tmp_path / "memories", tmp_path / "recordings"
    with running(tmp_path) as service:
        asyncio.run(answer_and_kill(service))
    (left,) = memories.iterdir()
    with running(tmp_path, "hang", recordings=recordings, hang_timeout=0) as service:
        assert not list(memories.iterdir())
        assert f"deleted {left}" in service.log.read_text()
        asyncio.run(hang_and_interrupt(service))
    assert "left behind" in service.log.read_text()
    (recording,) = recordings.iterdir()  # of a session that was ended in the middle
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
