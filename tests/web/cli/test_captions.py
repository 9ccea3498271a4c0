"""`eyeline captions`: with scripted models what is written when, with real ones the words."""

import json
import os
import signal
from pathlib import Path

import numpy as np
import pytest

import web.cli.captions
from media.errors import MediaTooLongError, UnreadableMediaError
from media.events.hearing import CaptionWord
from media.files.decoding import decode_audio
from tests.media.files.damage import Track, refused_byte, write_media, write_tracks
from tests.media.media_files import write_sound
from tests.media.pipeline.scripted import BlockRecognizer, silence, tone
from tests.paths import SPEECH
from tests.web.cli.scripted_models import scripted_models
from web.cli.captions import Sound, captions, offline_captions, streamed_captions
from web.cli.main import main
from web.config import Settings, read_settings
from web.errors import run_command
from web.loading.models import LoadedModels
from web.loading.progress import ProgressBar

JFK = SPEECH / "jfk.flac"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web.cli.captions, "load_models", scripted_models)


@pytest.fixture
def talk(tmp_path: Path) -> Path:
    """Return three turns of a second, with two seconds between them."""
    turns = [part for _ in range(3) for part in (tone(1.0), silence(2.0))]
    return write_sound(tmp_path / "talk.wav", np.concatenate(turns), 16_000)


def test_captions_are_written_as_they_come(
    scripted: None, talk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = tmp_path / "talk.json"
    seen: list[int] = []

    class Watching(BlockRecognizer):
        def init_state(self):  # type: ignore[no-untyped-def]  # as its base
            seen.extend(path.stat().st_size for path in tmp_path.glob("*.part"))
            return super().init_state()

    recognizer = Watching()
    monkeypatch.setattr(
        web.cli.captions,
        "load_models",
        lambda *given: scripted_models(*given, recognizer=recognizer),
    )
    assert captions(Settings(), talk, output=output, format="json") == 0
    assert seen[0] == 0
    assert seen[-1] > 0  # when the last turn begins, the first is written
    assert len(json.loads(output.read_text())) == 3


@pytest.mark.parametrize("format", ["vtt", "json"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_any_signal_keeps_the_captions_so_far(
    talk: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    number: int,
    format: str,
) -> None:
    class Ending(BlockRecognizer):
        turns = 0

        def init_state(self):  # type: ignore[no-untyped-def]  # as its base
            self.turns += 1
            if self.turns == 3:
                os.kill(os.getpid(), number)
            return super().init_state()

    monkeypatch.setattr(
        web.cli.captions, "load_models", lambda *given: scripted_models(*given, recognizer=Ending())
    )
    output = tmp_path / f"talk.{format}"
    command = lambda: captions(Settings(), talk, output=output, format=format)  # type: ignore[arg-type] # noqa: E731
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's & ignores it
    try:
        assert run_command(command, debug=False) == 128 + number
    finally:
        signal.signal(signal.SIGINT, before)
    assert f"captions up to 4 s are in {output}" in capsys.readouterr().err
    text = output.read_text()
    assert "w0" in text
    if format == "json":
        assert len(json.loads(text)) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([talk.name, output.name])


def test_the_output_is_opened_before_models_are_loaded(
    talk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(web.cli.captions, "load_models", pytest.fail)
    assert main(["captions", str(talk), "-o", "/proc/talk.vtt"]) == 2
    assert "/proc/talk.vtt: cannot be written" in capsys.readouterr().err


def test_without_an_output_captions_go_to_standard_output(
    scripted: None, talk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert captions(Settings(), talk, output=None, format="text") == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:2] == ["w0", "w1"]


def test_the_track_with_speech_is_heard_and_named(
    scripted: None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loud = Track(title="Mic", level=0.9)
    path = write_tracks(tmp_path / "screen.mkv", Track(title="Desktop", level=0.0), loud)
    assert captions(Settings(), path, output=None, format="text") == 0
    told = capsys.readouterr()
    assert "w1" in told.out
    assert 'hearing track 2 ("Mic", aac, mono), with the most speech' in told.err
    assert 'not track 1 ("Desktop", aac, mono): choose with --track' in told.err
    assert captions(Settings(), path, output=None, format="text", track=1) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == "no captions: the sound is silent\n"


def test_damage_is_passed_over_and_told(
    scripted: None, talk: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_media(tmp_path, "a.mp4")
    place, value = refused_byte(path)
    data = bytearray(path.read_bytes())
    data[place] = value
    path.write_bytes(data)
    assert captions(Settings(), path, output=tmp_path / "a.txt", format="text") == 0
    assert "left out 1 damaged packet of sound" in capsys.readouterr().err


class Words:
    """Collects the words of captions."""

    def __init__(self) -> None:
        self.words: list[CaptionWord] = []

    def add(self, words: object) -> None:
        self.words.extend(words)  # type: ignore[arg-type]  # a sequence of words

    @property
    def text(self) -> str:
        return "".join(word.text for word in self.words).lower()


@pytest.mark.slow
async def test_streamed_captions_of_a_real_speech(models: LoadedModels, settings: Settings) -> None:
    heard = Words()
    await streamed_captions(models, settings, Sound(JFK), ProgressBar(), heard.add)
    assert "my fellow americans" in heard.text
    assert "what you can do for your country" in heard.text
    starts = [word.start for word in heard.words]
    assert starts == sorted(starts)
    assert 0 <= starts[0] < heard.words[-1].end <= 11.5


@pytest.mark.slow
async def test_captions_of_eight_khz_stereo(
    models: LoadedModels, settings: Settings, tmp_path: Path
) -> None:
    """A telephone's recording: a quarter of the samples, twice the channels."""
    samples = np.concatenate(list(decode_audio(JFK, max_duration=60)))[: 6 * 16_000]
    path = write_sound(tmp_path / "phone.wav", samples[::2], 8000, channels=2)
    heard = Words()
    await streamed_captions(models, settings, Sound(path), ProgressBar(), heard.add)
    assert "fellow americans" in heard.text


@pytest.mark.slow
def test_offline_captions_use_the_whole_file(models: LoadedModels, settings: Settings) -> None:
    heard = Words()
    offline_captions(models, settings, Sound(JFK), ProgressBar(), heard.add)
    assert "ask not what your country can do for you" in heard.text


def test_a_file_without_sound_is_refused_before_models_are_loaded(tmp_path: Path) -> None:
    path = tmp_path / "notes.mp3"
    path.write_text("this is no music\n" * 100)
    with pytest.raises(UnreadableMediaError, match="not audio or video"):
        captions(read_settings(asr="offline"), path, output=None, format="vtt")


async def test_a_file_over_the_limit_is_refused(settings: Settings) -> None:
    short = read_settings(max_media_hours=1 / 3600)
    with scripted_models(settings) as models, pytest.raises(ExceptionGroup) as caught:
        await streamed_captions(models, short, Sound(JFK), ProgressBar(), Words().add)
    assert caught.group_contains(MediaTooLongError)
