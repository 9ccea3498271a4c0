from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media.clock import ReplayClock
from media.errors import UnreadableMediaError
from media.events.answers import Announce, Cancel, Question
from media.events.generation import (
    ClearTrack,
    GenerationConfig,
    LooksChange,
    PromptChange,
    TrackPoints,
)
from media.events.hearing import AudioPaused, Caption, Clear, Commit, ListeningConfig, TurnDetection
from media.events.session import Input, Output
from media.events.vision import Degraded
from media.frames import VIDEO_CLOCK_HZ, AudioChunk, Gap, VideoFrame
from media.pipeline.limits import Limits
from media.pipeline.session import run_session
from media.recording.event_lines import AudioGap, read_lines
from media.recording.layout import EVENTS_FILE, MEMORY_FOLDER
from media.recording.reader import read_items, read_paced
from media.recording.writer import record
from media.worker import Worker
from models.assistant.interface import Moment
from models.generation.own_look import OwnLook
from tests.media.media_files import write_clip
from tests.media.pipeline.scripted import (
    RATE,
    chunks,
    picture,
    replayed,
    scripted_services,
    silence,
    tone,
)

TWO_QUESTIONS: list[Input] = [Question("q1", "what?", 0.0), Question("q2", "and now?", 0.0)]
SPOKEN = np.concatenate([silence(0.5), tone(1), silence(1)])


async def recorded(
    items: Sequence[Input], path: Path, reports: list[Degraded] | None = None
) -> list[Input]:
    worker = Worker("test")

    async def report(problem: Degraded) -> None:
        assert reports is not None, problem
        reports.append(problem)

    try:
        return [item async for item in record(replayed(items), path, worker, report)]
    finally:
        worker.close()


async def captions(items: Sequence[Input]) -> list[Output]:
    out: list[Output] = []

    async def send(output: Output) -> None:
        if not isinstance(output, VideoFrame):
            out.append(output)

    with scripted_services() as services:
        await run_session(
            replayed(items), send, services=services, clock=ReplayClock(), limits=Limits.replay()
        )
    return sorted(out, key=lambda output: (type(output).__name__, str(output)))


async def test_a_recorded_session_replays_to_the_same_captions_and_answers(tmp_path: Path) -> None:
    items: list[Input] = [
        ListeningConfig(respond=True, spoken=False),
        *chunks(SPOKEN),
        picture(0),
        Question("q1", "what?", 0.0),
        picture(9000),
        ListeningConfig(detection=None),
        *chunks(tone(0.51), start=len(SPOKEN)),
        Commit(),
        *chunks(tone(0.3), start=10 * RATE + 7),  # after a gap
        Clear(),
        ListeningConfig(detection=TurnDetection(silence=0.3)),
        *chunks(SPOKEN, start=12 * RATE),
        picture(9000 * 140),
        Question("q2", "and now?", 14.0),
        *chunks(tone(0.5), start=18 * RATE),
        AudioPaused(),
        Gap("audio", 18.5, 18.6, concealed=True),
        *chunks(tone(0.5), start=round(18.5 * RATE)),
        Gap("audio", 19.0, 20.5),
        Gap("video", 14.0, 20.6),
        *chunks(tone(0.5), start=round(20.5 * RATE)),
    ]
    passed = await recorded(items, tmp_path / "one")
    assert passed == items
    again = list(read_items(tmp_path / "one", max_duration=60))
    assert await captions(again) == await captions(items)
    kept = [item for item in items if isinstance(item, Gap)]
    assert sorted(map(str, (i for i in again if isinstance(i, Gap)))) == sorted(map(str, kept))
    assert any(isinstance(output, Caption) and output.words for output in await captions(again))


async def test_audio_is_read_sample_by_sample(tmp_path: Path) -> None:
    pcm = np.random.default_rng(0).integers(-32768, 32767, 5000)
    noise = pcm.astype(np.float32) / np.float32(32768)
    items: list[Input] = [AudioChunk(noise[:2000], 0, RATE), AudioChunk(noise[2000:], 90_001, RATE)]
    await recorded(items, tmp_path / "one")
    again = [
        item
        for item in read_items(tmp_path / "one", max_duration=60)
        if isinstance(item, AudioChunk)
    ]
    assert {chunk.start for chunk in again} >= {0, 90_001}
    np.testing.assert_array_equal(np.concatenate([chunk.samples for chunk in again]), noise)
    assert again[-1].end == 90_001 + 3000


async def test_frames_are_read_at_their_times_and_in_the_first_size(tmp_path: Path) -> None:
    items: list[Input] = [picture(n * 3000) for n in range(20)]
    items.append(picture(90_000, height=200, width=100))
    await recorded(items, tmp_path / "one")
    again = [
        item
        for item in read_items(tmp_path / "one", max_duration=60)
        if isinstance(item, VideoFrame)
    ]
    assert [frame.pixels.shape for frame in again] == [(90, 160, 3)] * 21
    assert [frame.time for frame in again] == pytest.approx(
        [*(n / 30 for n in range(20)), 1], abs=0.001
    )


async def test_frames_keep_their_times_if_the_camera_starts_late(tmp_path: Path) -> None:
    items: list[Input] = [picture(24_300 + 9000 * n) for n in range(30)]
    items.insert(1, Question("q", "what?", 0.3))
    await recorded(items, tmp_path / "one")
    again = list(read_items(tmp_path / "one", max_duration=60))
    assert [type(item) for item in again] == [type(item) for item in items]
    times = [item.time for item in again if isinstance(item, VideoFrame)]
    assert times == pytest.approx([0.27 + 0.1 * n for n in range(30)], abs=0.001)


async def test_an_empty_recording_can_be_read(tmp_path: Path) -> None:
    await recorded([], tmp_path / "one")
    assert list(read_items(tmp_path / "one", max_duration=60)) == []


async def test_an_existing_recording_is_not_overwritten(tmp_path: Path) -> None:
    await recorded(TWO_QUESTIONS, tmp_path)
    before = (tmp_path / EVENTS_FILE).read_bytes()
    reports: list[Degraded] = []
    assert await recorded(TWO_QUESTIONS, tmp_path, reports) == TWO_QUESTIONS
    (report,) = reports
    assert "cannot make a new recording" in report.message
    assert (tmp_path / EVENTS_FILE).read_bytes() == before


async def test_a_memory_may_be_in_the_folder_before_the_recording(tmp_path: Path) -> None:
    (tmp_path / MEMORY_FOLDER).mkdir()
    await recorded([Question("q", "what?", 0.0)], tmp_path)
    assert list(read_items(tmp_path, max_duration=60)) == [Question("q", "what?", 0.0)]


async def test_announcements_are_replayed_in_their_place(tmp_path: Path) -> None:
    announce = Announce("n", "Here it is.", 1.0, True, (Moment(3, 0.9, "a cup"),))
    passed = await recorded([picture(0), announce, picture(90_000)], tmp_path)
    assert announce in passed
    again = list(read_items(tmp_path, max_duration=60))
    assert [item for item in again if isinstance(item, Announce)] == [announce]
    assert isinstance(again[0], VideoFrame)
    assert again[1] == announce


def test_a_folder_without_a_recording_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableMediaError, match="not a recording"):
        list(read_items(tmp_path, max_duration=60))


CANCEL = '{"audio": 0, "video": 0, "kind": "cancel", "id": null}'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "Invalid JSON"),
        ("[]", "Input should be an object"),
        (CANCEL.replace("cancel", "nonsense"), "kind: expected one of hole, .*, got nonsense"),
        (CANCEL.replace("null", "7"), "id: Input should be a valid string"),
        (CANCEL.replace('"id"', '"ids"'), "ids: Unexpected keyword argument"),
        (CANCEL.replace('"audio": 0, ', ""), "audio: Field required"),
        (CANCEL.replace("cancel", "question"), "id: Input should be a valid string"),
    ],
)
def test_a_damaged_line_is_named_with_its_field(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / EVENTS_FILE).write_text(CANCEL + "\n" + line + "\n")
    with pytest.raises(UnreadableMediaError, match=rf"events\.jsonl, line 2: {message}"):
        list(read_items(tmp_path, max_duration=60))


LINES = """\
{"audio": 0, "video": 0, "kind": "listening", "detection": {"threshold": 0.5, "silence": 0.5, \
"padding": 0.3, "eagerness": null}, "respond": true, "interrupt": true, "spoken": false, \
"language": "en", "translate": "no"}
{"audio": 0, "video": 0, "kind": "question", "id": "q", "text": "what?", "time": 1.0, \
"spoken": true, "pictures": ["+//+"]}
{"audio": 0, "video": 0, "kind": "question", "id": "r", "text": "tea", "time": 1.0, \
"spoken": true, "pictures": [], "overheard": true}
{"audio": 0, "video": 0, "kind": "say", "id": "n", "text": "Here.", "time": 2.0, \
"spoken": false, "moments": [{"number": 3, "time": 0.9, "text": "a cup"}]}
{"audio": 0, "video": 0, "kind": "cancel", "id": null}
{"audio": 0, "video": 0, "kind": "commit"}
{"audio": 0, "video": 0, "kind": "clear"}
{"audio": 0, "video": 0, "kind": "pause"}
{"audio": 0, "video": 0, "kind": "hole", "samples": 800}
{"audio": 800, "video": 0, "kind": "prompt", "parts": [["a duck", 0.7]], "time": 0.0}
{"audio": 800, "video": 0, "kind": "track", "thing": 1, "points": [[0.1, 0.2]], \
"times": [0.0], "time": 0.5}
{"audio": 800, "video": 0, "kind": "untrack", "thing": null, "time": 0.5}
{"audio": 800, "video": 0, "kind": "generation", "time": 0.0, "enabled": true, \
"sampler": "motion-stream", "steps": 2, "seed": 4, "camera": false, "strength": 0.6, \
"paused": false, "pictures": false, "again": false, "once": false}
"""


async def test_the_lines_of_a_recording_keep_their_format(tmp_path: Path) -> None:
    items: list[Input] = [
        ListeningConfig(respond=True),
        Question("q", "what?", 1.0, True, (b"\xfb\xff\xfe",)),
        Question("r", "tea", 1.0, True, overheard=True),
        Announce("n", "Here.", 2.0, False, (Moment(3, 0.9, "a cup"),)),
        Cancel(),
        Commit(),
        Clear(),
        AudioPaused(),
        AudioChunk(silence(0), 800, RATE),
        PromptChange((("a duck", 0.7),), 0.0),
        TrackPoints(1, ((0.1, 0.2),), (0.0,), 0.5),
        ClearTrack(None, 0.5),
        GenerationConfig(time=0.0, enabled=True, seed=4, steps=2),
    ]
    await recorded(items, tmp_path)
    assert (tmp_path / EVENTS_FILE).read_text() == LINES
    events = [line.event for line in read_lines(tmp_path / EVENTS_FILE)]
    assert [event for event in events if not isinstance(event, AudioGap)] == [
        item for item in items if not isinstance(item, AudioChunk)
    ]


async def test_a_text_with_half_a_surrogate_pair_can_be_read(tmp_path: Path) -> None:
    text = "a \ud83d b \udc4d c \U0001f44d d \\ud83d e \ud83d\ud83d"
    await recorded([Question("q", text, 0.0)], tmp_path)
    (question,) = read_items(tmp_path, max_duration=60)
    assert isinstance(question, Question)
    assert question.text == "a \ufffd b \ufffd c \U0001f44d d \\ud83d e \ufffd\ufffd"


async def test_reading_follows_the_clock(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "clip.mkv")
    clock, worker = ReplayClock(), Worker("test")
    async for item in read_paced(path, clock, worker, max_duration=60):
        assert isinstance(item, AudioChunk | VideoFrame)
        assert clock.now() >= item.time
    worker.close()
    assert clock.now() == pytest.approx(3.0, abs=0.1)


async def test_generation_controls_are_replayed_in_their_place(tmp_path: Path) -> None:
    items: list[Input] = [
        PromptChange((("a duck", 0.7), ("a car", 0.3)), 0.0),
        LooksChange((OwnLook("mug", b"\xff\x00", directed=True),), 0.0),
        GenerationConfig(time=0.0, enabled=True, seed=4, steps=2, camera=True),
        *chunks(silence(1)),
        picture(VIDEO_CLOCK_HZ // 2),
        TrackPoints(1, ((0.1, 0.2), (0.3, 0.4)), (0.0, 1.5), 0.5),
        TrackPoints(0, ((0.1, 0.2),), None, 0.5),
        ClearTrack(None, 0.5),
        picture(VIDEO_CLOCK_HZ),
    ]
    assert await recorded(items, tmp_path / "one") == items
    again = list(read_items(tmp_path / "one", max_duration=60))
    steering = (PromptChange, LooksChange, TrackPoints, ClearTrack, GenerationConfig)
    assert [i for i in again if isinstance(i, steering)] == [
        i for i in items if isinstance(i, steering)
    ]
    places = [i.pts if isinstance(i, VideoFrame) else type(i) for i in again]
    track = places.index(TrackPoints)
    assert places.index(VIDEO_CLOCK_HZ // 2) < track < places.index(VIDEO_CLOCK_HZ)


async def test_a_substitute_is_one_in_the_recording_too(tmp_path: Path) -> None:
    frames = [picture(9045 * number, brightness=10 * number) for number in range(4)]
    frames[2] = replace(frames[1], stands_at=18_000)  # at a moment of its own
    await recorded([frames[0], AudioPaused(), *frames[1:]], tmp_path / "s")
    read = list(read_items(tmp_path / "s", max_duration=60))
    shown = [item for item in read if isinstance(item, VideoFrame)]
    assert [(frame.pts, frame.stands_at) for frame in shown] == [
        (0, None),
        (9000, None),  # in milliseconds
        (9000, 18_000),
        (27_090, None),
    ]
    assert (shown[1].pixels == shown[2].pixels).all()
    assert sum(isinstance(item, AudioPaused) for item in read) == len(read) - 4 == 1
