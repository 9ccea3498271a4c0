"""The command line: what is refused, in one line, and what the rest is handed."""

import logging
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from media.errors import UnreadableMediaError
from media.events.generation import SAMPLERS
from tests.paths import ROOT, SPEECH
from web.cli.generation import options
from web.cli.main import banner, caption_format, main
from web.config import read_settings
from web.errors import UsageError, run_command


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "captions" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay", "nowhere.mp4"], "nowhere.mp4: no such file or folder"),
        (["captions", __file__, "-o", "no/such/folder/a.vtt"], "no such folder"),
        (["captions", __file__, "-o", "a.docx"], "name it .vtt, .srt, .json or .txt"),
        (["serve", "--port", "99999"], "--port: "),
        (["serve", "--model", "huge"], "--model: expected tiny.en, base or the path"),
    ],
)
def test_bad_input_is_one_error_line_with_exit_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("eyeline: ")
    assert message in captured.err
    assert captured.err.count("\n") == 1


def test_a_folder_that_is_no_recording_gives_the_same_error_to_every_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = set()
    for command in (["ask", str(tmp_path), "what?"], ["captions", str(tmp_path)]):
        assert main(command) == 2
        told.add(capsys.readouterr().err)
    assert main(["replay", str(tmp_path)]) == 2
    told.add(capsys.readouterr().err)
    assert told == {
        f"eyeline: {tmp_path}: is not a recording: it has no events.jsonl; name a media file, or "
        "the folder of one session\n"
    }


def test_demo_says_at_once_what_it_loads(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the imports, which take seconds."""
    monkeypatch.setitem(sys.modules, "web.serve", None)  # an import of it fails
    assert main(["demo"]) == 1
    assert capsys.readouterr().out.startswith("loading Whisper tiny.en, video model small, ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["replay", __file__], "not audio or video"),
        (["captions", __file__], "not audio or video"),
        (["ask", __file__, "what?"], "not audio or video"),
        (["ask", str(SPEECH / "jfk.flac"), "what?"], "it has no video"),
        (["captions", str(SPEECH / "jfk.flac"), "--track", "2"], "no sound track 2; it has"),
        (["replay", str(SPEECH / "jfk.flac"), "--track", "2"], "no sound track 2; it has"),
    ],
)
def test_a_file_that_will_not_do_is_refused_before_models_are_loaded(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    message: str,
) -> None:
    def load(*_: object) -> None:
        pytest.fail("models were loaded")

    monkeypatch.setattr("web.loading.models.load_asr", load)
    monkeypatch.setattr("web.loading.models.small_model.load", load)
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert message in told
    assert told.count("\n") == 1


def test_sigterm_ends_a_command_that_was_started_in_the_background() -> None:
    """Shells let such commands ignore SIGINT."""

    def command() -> int:
        signal.raise_signal(signal.SIGTERM)
        return 0

    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run_command(command, debug=False) == 128 + signal.SIGTERM
    finally:
        signal.signal(signal.SIGINT, before)


HEAVY = ("torch", "av", "aiortc", "gradio", "fastapi", "onnxruntime", "numpy")


@pytest.mark.parametrize(
    "arguments",
    [["--help"], ["captions", "--help"], ["version"], ["captions", "nowhere.mp4"], ["sevre"]],
)
def test_help_and_errors_import_no_heavy_library(arguments: list[str]) -> None:
    """Their imports take seconds, and nobody waits for a typing error."""
    code = (
        f"import sys; sys.argv = ['eyeline', *{arguments!r}]\n"
        "from web.cli.main import main\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('loaded:', sorted(set({HEAVY!r}) & set(sys.modules)))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    assert printed.splitlines()[-1] == "loaded: []"


@pytest.mark.parametrize("arguments", [["sevre"], ["serve", "--port", "x"], ["captions"]])
def test_a_mistyped_command_is_one_error_line_too(
    capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    captured = capsys.readouterr().err
    assert captured.startswith("eyeline: ")
    assert captured.count("\n") == 1


@pytest.mark.parametrize(
    ("asked", "output", "expected"),
    [
        (None, None, "vtt"),
        (None, Path("a.SRT"), "srt"),
        (None, Path("a.txt"), "text"),
        ("json", Path("a.vtt"), "json"),
    ],
)
def test_the_format_of_captions_is_given_or_taken_from_the_file_name(
    asked: object, output: Path | None, expected: str
) -> None:
    assert caption_format(asked, output) == expected  # type: ignore[arg-type]  # parametrized


def test_the_banner_says_which_models_there_are_and_that_they_are_small() -> None:
    captured = banner(read_settings(asr_model="base")).format(url="http://localhost:7860")
    assert "http://localhost:7860" in captured
    assert "Whisper base" in captured
    assert captured.count("a small model") == 2  # what answers, and what draws
    larger = banner(read_settings(video_model="llava-onevision-0.5b", drawing_model="longlive"))
    assert "llava-onevision-0.5b" in larger
    assert "longlive" in larger
    assert "a small model" not in larger


def _failing(error: BaseException) -> int:
    raise error


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (UsageError("do this"), 2, "eyeline: do this\n"),
        (UnreadableMediaError("a.mp4: no"), 2, "eyeline: a.mp4: no\n"),
        (ExceptionGroup("stages", [UnreadableMediaError("x")]), 2, "eyeline: x\n"),
        (ZeroDivisionError("oh"), 1, "internal error: ZeroDivisionError: oh"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_every_error_has_an_exit_status_and_a_line(
    capsys: pytest.CaptureFixture[str], error: BaseException, status: int, message: str
) -> None:
    assert run_command(lambda: _failing(error), debug=False) == status
    assert message in capsys.readouterr().err


def test_the_samplers_of_the_command_line_are_those_of_the_events() -> None:
    assert options.SAMPLERS == SAMPLERS  # importing them would slow --help down


def test_engines_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engines"]) == 0
    assert "ONNX Runtime" in capsys.readouterr().out
