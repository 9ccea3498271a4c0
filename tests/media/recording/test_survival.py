"""What is left of a recording when its process, or its disk, gives out."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.events.answers import Question
from media.events.session import Input
from media.events.vision import Degraded
from media.frames import SAMPLE_RATE, VIDEO_CLOCK_HZ, AudioChunk, VideoFrame
from media.recording.layout import AUDIO_FILE, EVENTS_FILE, MEMORY_FOLDER, VIDEO_FILE
from media.recording.reader import read_items
from media.recording.writer import RecordingWriter
from models.assistant.small_assistant import SmallAssistant
from tests.media.recording.test_recording import recorded
from tests.models.assistant.test_small_model import model

MAX_LOSS = 2.0  # seconds
TRACKS = (AUDIO_FILE, VIDEO_FILE, EVENTS_FILE)


def noisy(seconds: int) -> list[Input]:
    """Return a session that does not compress, so that the size of its files tells the time."""
    rng = np.random.default_rng(0)
    items: list[Input] = []
    for n in range(10 * seconds):
        noise = rng.uniform(-0.5, 0.5, SAMPLE_RATE // 10).astype(np.float32)
        items.append(AudioChunk(noise, n * SAMPLE_RATE // 10, SAMPLE_RATE))
        pixels = rng.integers(0, 256, (32, 48, 3), dtype=np.uint8)
        items.append(VideoFrame(pixels, n * VIDEO_CLOCK_HZ // 10))
        items.append(Question(f"q{n}", "what?", n / 10))
    return items


def reached(folder: Path) -> tuple[float, float, float]:
    """Return how far audio, video and questions of a recording go, in seconds."""
    items = list(read_items(folder, max_duration=3600))
    audio = max((item.end / item.rate for item in items if isinstance(item, AudioChunk)), default=0)
    video = max((item.time for item in items if isinstance(item, VideoFrame)), default=0.0)
    asked = max((item.time for item in items if isinstance(item, Question)), default=0.0)
    return audio, video, asked


@pytest.fixture(scope="module")
def left(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, list[dict[str, bytes]]]]:
    """A folder, and the files of a recording as they were on disk after each second."""
    source = tmp_path_factory.mktemp("recording") / "live"
    writer = RecordingWriter(source)
    writer.open()
    seconds: list[dict[str, bytes]] = []
    for n, item in enumerate(noisy(6), start=1):
        writer.write(item)
        if n % 30 == 0:
            seconds.append({name: (source / name).read_bytes() for name in TRACKS})
    yield tmp_path_factory.mktemp("copies"), seconds
    writer.abandon()


def test_what_is_on_disk_is_at_most_two_seconds_behind(
    left: tuple[Path, list[dict[str, bytes]]],
) -> None:
    folder, seconds = left
    for second, files in enumerate(seconds, start=1):
        for name, data in files.items():
            (folder / name).write_bytes(data)
        assert min(reached(folder)) >= second - MAX_LOSS


@given(cuts=st.tuples(*[st.floats(0, 1)] * 3))
def test_files_cut_at_any_byte_replay_up_to_there(
    left: tuple[Path, list[dict[str, bytes]]], cuts: tuple[float, float, float]
) -> None:
    folder, seconds = left
    for cut, (name, data) in zip(cuts, seconds[-1].items(), strict=True):
        (folder / name).write_bytes(data[: int(cut * len(data))])
    for cut, end in zip(cuts, reached(folder), strict=True):
        assert end >= cut * len(seconds) - MAX_LOSS


@pytest.mark.slow
def test_a_killed_session_replays_and_can_be_asked(tmp_path: Path) -> None:
    for trial, moments in enumerate(random.Random(5).sample(range(2, 40), 3)):
        folder = tmp_path / str(trial)
        command = [sys.executable, "-m", "tests.media.recording.killed_recorder", str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as recorder:
            assert recorder.stdout is not None
            printed = [float(recorder.stdout.readline()) for _ in range(moments)]
            recorder.kill()
        assert min(reached(folder)) >= printed[-1] - MAX_LOSS
        assistant = SmallAssistant(model())
        memory = assistant.init_state(folder / MEMORY_FOLDER)
        assert assistant.seen_until(memory) >= printed[-1] - MAX_LOSS
        reply = assistant.answer(memory, "What did you see?", assistant.seen_until(memory))
        assert reply.moments
        assert "".join(reply.pieces)
        assistant.close(memory)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has /dev/full")
@pytest.mark.parametrize("track", [AUDIO_FILE, VIDEO_FILE])
async def test_a_full_disk_stops_the_recording_and_not_the_session(
    track: str, tmp_path: Path
) -> None:
    (tmp_path / track).symlink_to("/dev/full")
    items = noisy(3)
    reports: list[Degraded] = []
    assert await recorded(items, tmp_path, reports) == items
    (report,) = reports
    assert "no longer recorded" in report.message
    (tmp_path / track).unlink()
    kept = list(read_items(tmp_path, max_duration=60))
    assert {type(item) for item in kept} < {AudioChunk, VideoFrame, Question}


async def test_a_folder_that_cannot_be_written_does_not_end_the_session(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    items = noisy(1)
    reports: list[Degraded] = []
    assert await recorded(items, tmp_path / "file" / "recording", reports) == items
    assert "cannot make a new recording" in reports[0].message
