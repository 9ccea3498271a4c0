"""`eyeline ask` with a scripted assistant; the real one is in tests/replay."""

import json
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

import web.cli.ask
from media.errors import MediaError
from media.recording.layout import VIDEO_FILE
from media.recording.track_writers import MatroskaWriter
from models.assistant.interface import FrameAnalysis, StorageProblem
from tests.media.pipeline.scripted import picture
from tests.media.pipeline.scripted_assistant import ScriptedAssistant
from web.cli.ask import COMPLETE, ask
from web.config import Settings
from web.errors import UsageError

SECOND = 90_000


class CountingAssistant(ScriptedAssistant):
    """Counts analyzed frames, and fills its memory folder."""

    def __init__(self) -> None:
        super().__init__()
        self.looks = 0
        self.folder: Path | None = None

    def init_state(self, folder: Path | None, *, durable: bool = False) -> tuple[list, list[str]]:  # type: ignore[type-arg]
        assert folder is not None, "without a folder a long clip does not fit into the memory"
        folder.mkdir(exist_ok=True)
        (folder / "blocks").touch()
        self.folder = folder
        return super().init_state(folder, durable=durable)

    def analyze_frame(self, state: Any, pixels: Any, time: float) -> Any:
        self.looks += 1
        return super().analyze_frame(state, pixels, time)


@pytest.fixture
def assistant(monkeypatch: pytest.MonkeyPatch) -> CountingAssistant:
    counting = CountingAssistant()
    monkeypatch.setattr(web.cli.ask, "load_assistant", lambda *_, **__: counting)
    return counting


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Return six pictures, a second apart, each brighter than the last."""
    path = tmp_path / "clip.mkv"
    writer = MatroskaWriter(path)
    for n in range(6):
        writer.write(picture(n * SECOND, brightness=40 * n))
    writer.close()
    return path


Run = Callable[..., Any]  # whatever JSON says


@pytest.fixture
def run(clip: Path, assistant: CountingAssistant, capsys: pytest.CaptureFixture[str]) -> Run:
    def asked(*questions: str, at: float | None = None, memory: Path | None = None) -> Any:
        settings = Settings()
        assert ask(settings, clip, questions, at=at, memory=memory, as_json=True) == 0
        return json.loads(capsys.readouterr().out)

    return asked


def test_every_answer_has_the_times_of_its_moments(run: Run) -> None:
    result = run("what?", "how many?")
    first, second = result["answers"]
    assert (first["question"], second["question"]) == ("what?", "how many?")
    assert "(6 seen, 0 to 5 s)" in first["answer"]
    assert [m["time"] for m in first["moments"]] == pytest.approx([3, 4, 5], abs=0.01)
    assert result["looks"] == 6


def test_a_question_at_a_time_knows_nothing_after_it(run: Run) -> None:
    assert "(3 seen, 0 to 2 s)" in run("what?", at=2.5)["answers"][0]["answer"]
    assert "(1 seen" in run("what?", at=0.0)["answers"][0]["answer"]


def test_a_clip_is_analyzed_once_if_its_memory_is_kept(
    run: Run, assistant: CountingAssistant, tmp_path: Path
) -> None:
    first = run("what?", memory=tmp_path / "memory")
    assert assistant.looks == 6
    again = run("what?", memory=tmp_path / "memory")
    assert assistant.looks == 6
    assert (again["seconds"], again["looks"]) == (first["seconds"], first["looks"])


@pytest.mark.parametrize("error", [None, KeyboardInterrupt(), ZeroDivisionError()])
def test_without_a_folder_the_memory_is_in_a_temporary_one(
    run: Run,
    assistant: CountingAssistant,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    error: BaseException | None,
) -> None:
    monkeypatch.setenv("EYELINE_MEMORY_FOLDER", str(tmp_path / "memories"))

    def analyze(state: Any, pixels: Any, time: float) -> Any:
        assert assistant.folder is not None
        assert (assistant.folder / "blocks").exists()
        assert assistant.folder.parent == tmp_path / "memories"
        if error is not None:
            raise error
        return CountingAssistant.analyze_frame(assistant, state, pixels, time)

    monkeypatch.setattr(assistant, "analyze_frame", analyze)
    with nullcontext() if error is None else pytest.raises(type(error)):
        assert run("what?")["looks"] == 6
    assert not list((tmp_path / "memories").iterdir())


def test_a_full_memory_still_answers_from_what_was_seen(
    run: Run,
    assistant: CountingAssistant,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    def analyze(state: Any, pixels: Any, time: float) -> Any:
        if time > 2.5:
            problem = StorageProblem(forgotten=True, reason="the disk budget is full")
            return state, FrameAnalysis(problem=problem)
        return CountingAssistant.analyze_frame(assistant, state, pixels, time)

    monkeypatch.setattr(assistant, "analyze_frame", analyze)
    result = run("what?", memory=tmp_path / "memory")
    assert "(3 seen" in result["answers"][0]["answer"]
    assert result["full"] == "the disk budget is full"
    assert not (tmp_path / "memory" / COMPLETE).exists()


def test_the_memory_of_another_clip_is_refused(run: Run, clip: Path, tmp_path: Path) -> None:
    run("what?", memory=tmp_path / "memory")
    clip.write_bytes(clip.read_bytes() + b"more")
    with pytest.raises(UsageError, match="another folder"):
        run("what?", memory=tmp_path / "memory")
    (tmp_path / "memory" / COMPLETE).write_text("{")
    with pytest.raises(UsageError, match="delete it"):
        run("what?", memory=tmp_path / "memory")


def test_a_recorded_session_has_the_times_of_the_session(
    tmp_path: Path, assistant: CountingAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    writer = MatroskaWriter(tmp_path / VIDEO_FILE)
    for n in range(30):
        writer.write(picture((2 + n) * SECOND, brightness=8 * n))
    writer.close()
    ask(Settings(), tmp_path, ["what?"], at=None, memory=None, as_json=True)
    assert "(30 seen, 2 to 31 s)" in json.loads(capsys.readouterr().out)["answers"][0]["answer"]


def test_answers_as_text(
    clip: Path, assistant: CountingAssistant, capsys: pytest.CaptureFixture[str]
) -> None:
    ask(Settings(), clip, ["what?"], at=None, memory=None, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "what?"
    assert "You asked: what?" in lines[1]
    assert lines[-1].endswith("5.0 s  brightness 200")


def test_a_file_without_video_is_refused(assistant: CountingAssistant) -> None:
    sound = Path("tests/data/speech/jfk.flac")
    with pytest.raises(MediaError, match="it has no video"):
        ask(Settings(), sound, ["what?"], at=None, memory=None, as_json=False)
