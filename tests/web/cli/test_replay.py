import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import web.cli.replay
from media.events.answers import Answer
from media.events.hearing import Caption
from media.events.session import Output
from tests.media.media_files import write_clip, write_sound
from tests.media.pipeline.scripted_assistant import ScriptedAssistant
from tests.paths import SPEECH
from tests.web.cli.scripted_models import scripted_models
from web.cli.replay import WholeAnswers, as_fields, as_line, replay
from web.config import Settings, read_settings
from web.loading.models import LoadedModels
from web.rerun import run_recording


def test_a_replay_has_a_folder_for_its_memory_which_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without one it would remember only some minutes."""
    monkeypatch.setenv("EYELINE_MEMORY_FOLDER", str(tmp_path / "memories"))
    opened: list[Path | None] = []

    class Opening(ScriptedAssistant):
        def init_state(
            self, folder: Path | None, *, durable: bool = False
        ) -> tuple[list, list[str]]:  # type: ignore[type-arg]
            assert folder is not None
            (folder / "blocks").touch()
            opened.append(folder.parent)
            return super().init_state(folder, durable=durable)

    monkeypatch.setattr(
        web.cli.replay, "load_models", lambda *given: scripted_models(*given, assistant=Opening())
    )
    clip = write_clip(tmp_path / "clip.mkv")
    assert replay(read_settings(), clip, realtime=False, as_json=False) == 0
    assert opened == [tmp_path / "memories"]
    assert not list((tmp_path / "memories").iterdir())
    assert "saw: brightness" in capsys.readouterr().out


def music(seconds: int) -> NDArray[np.float64]:
    """Chords of a plucked string, two a second."""
    time = np.arange(8000) / 16_000
    rng = np.random.default_rng(1)
    chords = []
    for _ in range(2 * seconds):
        notes = 110 * 2 ** (rng.integers(0, 36, 3) / 12)
        tones = sum(np.sin(2 * np.pi * f * k * time) / k for f in notes for k in (1, 2, 3))
        chords.append(tones * np.exp(-4 * time) / 12)
    return np.concatenate(chords)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["silence", "hiss", "loud noise", "music"])
async def test_a_minute_without_speech_has_no_captions_not_even_for_a_moment(
    models: LoadedModels, settings: Settings, tmp_path: Path, kind: str
) -> None:
    noise = np.random.default_rng(0).standard_normal(60 * 16_000)
    level = {"silence": 0.0, "hiss": 0.002, "loud noise": 0.1}
    samples = music(60) if kind == "music" else level[kind] * noise
    path = write_sound(tmp_path / "quiet.wav", samples.astype(np.float32), 16_000)
    shown: list[Caption] = []

    async def keep(output: Output) -> None:
        if isinstance(output, Caption) and output.words:
            shown.append(output)

    await run_recording(models, settings, path, keep, video=False)
    assert [caption.text for caption in shown] == []


@pytest.mark.slow
async def test_results_can_be_written_as_json_and_as_readable_text(
    models: LoadedModels, settings: Settings
) -> None:
    out: list[Output] = []

    async def keep(output: Output) -> None:
        out.append(output)

    await run_recording(models, settings, SPEECH / "ps-something.flac", keep)
    assert json.loads(json.dumps([as_fields(output) for output in out]))
    lines = [line for output in out if (line := as_line(output))]
    finals = [output for output in out if isinstance(output, Caption) and output.final]
    assert len(lines) == len([caption for caption in finals if caption.words])
    assert "do something" in lines[-1].lower()


def test_an_answer_is_one_line_whatever_comes_between_its_pieces() -> None:
    whole = WholeAnswers()
    pieces = [
        Answer("one", "A", 1.0),
        Answer("two", "Yes.", 2.0),
        Answer("one", " cup.", 1.0),
        Answer("two", "", 2.0, "completed"),
        Answer("one", "", 1.0, "cancelled"),
    ]
    lines = [line for piece in pieces if (line := as_line(whole.join(piece)))]
    assert [line.split() for line in lines] == [
        ["2.00", "answered:", "Yes."],
        ["1.00", "answered:", "A", "cup."],
    ]
