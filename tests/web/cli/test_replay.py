import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from media.errors import MediaTooLongError, UnreadableMediaError
from media.events import Answer, Caption, Output
from media.files.decoding import decode_audio
from tests.media.media_files import write_sound
from tests.paths import SPEECH
from web.cli.replay import (
    WholeAnswers,
    as_fields,
    as_line,
    captions,
    offline_cues,
    run_recording,
    streamed_cues,
)
from web.config import Settings, read_settings
from web.loading.models import LoadedModels
from web.loading.progress import ProgressBar

JFK = SPEECH / "jfk.flac"


@pytest.mark.slow
async def test_streamed_captions_of_a_real_speech(models: LoadedModels, settings: Settings) -> None:
    cues = await streamed_cues(models, settings, JFK, ProgressBar())
    text = " ".join(cue.text for cue in cues).lower()
    assert "my fellow americans" in text
    assert "what you can do for your country" in text
    assert all(0 <= cue.start < cue.end <= 11.5 for cue in cues)
    assert [cue.start for cue in cues] == sorted(cue.start for cue in cues)


@pytest.mark.slow
async def test_captions_of_eight_khz_stereo(
    models: LoadedModels, settings: Settings, tmp_path: Path
) -> None:
    """A telephone's recording: a quarter of the samples, twice the channels."""
    samples = np.concatenate(list(decode_audio(JFK, max_duration=60)))[: 6 * 16_000]
    path = write_sound(tmp_path / "phone.wav", samples[::2], 8000, channels=2)
    cues = await streamed_cues(models, settings, path, ProgressBar())
    assert "fellow americans" in " ".join(cue.text for cue in cues).lower()


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
def test_offline_captions_use_the_whole_file(models: LoadedModels, settings: Settings) -> None:
    text = " ".join(cue.text for cue in offline_cues(models, settings, JFK, ProgressBar())).lower()
    assert "ask not what your country can do for you" in text


def test_a_file_without_sound_is_refused_before_models_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp3"
    path.write_text("this is no music\n" * 100)
    with pytest.raises(UnreadableMediaError, match="not audio or video"):
        captions(read_settings(asr="offline"), path, output=None, format="vtt")


@pytest.mark.slow
async def test_a_file_over_the_limit_is_refused(models: LoadedModels, tmp_path: Path) -> None:
    short = read_settings(max_media_hours=1 / 3600)
    with pytest.raises(ExceptionGroup) as caught:
        await streamed_cues(models, short, JFK, ProgressBar())
    assert caught.group_contains(MediaTooLongError)


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
